//! The readers: a few threads, each with a connection that cannot write.

use std::{path::Path, thread};

use async_channel::Receiver;

use super::{Purpose, open, runtime};
use crate::{
    StoreError, Tx,
    work::{Mode, Request},
};

/// Starts the threads. They end when the queue is closed and empty.
pub(crate) fn start(path: &Path, threads: usize, queue: &Receiver<Request>) -> Result<(), StoreError> {
    for number in 0..threads.max(1) {
        let (tx, queue) = (open(path, Purpose::Read)?, queue.clone());
        thread::Builder::new()
            .name(format!("sqlite-read-{number}"))
            .spawn(move || serve(tx, &queue))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    }
    Ok(())
}

fn serve(mut tx: Tx, queue: &Receiver<Request>) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "an SQLite reader could not start"),
    };
    while let Ok(Request { mode, mut task, .. }) = queue.recv_blocking() {
        let outcome = runtime.block_on(async {
            if mode == Mode::Frozen {
                tx.batch("BEGIN").await?;
            }
            task.run(&mut tx).await;
            if mode == Mode::Frozen {
                tx.batch("ROLLBACK").await?;
            }
            Ok(())
        });
        task.settle(outcome);
    }
}
