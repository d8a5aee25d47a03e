//! The readers: a few threads, each with a connection that cannot write.

use std::{panic::AssertUnwindSafe, path::Path, thread};

use async_channel::{Receiver, Sender};
use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::sync::oneshot;

use super::{Purpose, WORK_BOUND, open, runtime};
use crate::{StoreError, Tx, db::View};

/// How many reads may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 1_024;

type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> LocalBoxFuture<'t, ()> + Send>;

/// The way to the reader threads. They end when the last clone is dropped.
#[derive(Clone)]
pub struct Readers(Sender<(View, Job)>);

impl Readers {
    pub(crate) fn start(path: &Path, threads: usize) -> Result<Self, StoreError> {
        let (sender, receiver) = async_channel::bounded(QUEUE_MAX);
        for number in 0..threads.max(1) {
            let tx = open(path, Purpose::Read)?;
            let receiver = receiver.clone();
            thread::Builder::new()
                .name(format!("sqlite-read-{number}"))
                .spawn(move || serve(tx, &receiver))
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        }
        Ok(Self(sender))
    }

    pub(crate) async fn run<R, E, F>(&self, view: View, work: F) -> Result<R, E>
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            async move {
                let done = tokio::time::timeout(WORK_BOUND, AssertUnwindSafe(work(tx)).catch_unwind()).await;
                let result = match done {
                    Ok(Ok(result)) => result,
                    Ok(Err(_panic)) => Err(StoreError::Panicked.into()),
                    Err(_elapsed) => Err(StoreError::Timeout.into()),
                };
                // Whoever asked may have gone; nothing is lost with the answer to a read.
                let _ = reply.send(result);
            }
            .boxed_local()
        });
        let gone = || StoreError::Unavailable("the readers have stopped".into());
        self.0.send((view, job)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn serve(mut tx: Tx, jobs: &Receiver<(View, Job)>) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "an SQLite reader could not start"),
    };
    while let Ok((view, job)) = jobs.recv_blocking() {
        runtime.block_on(async {
            if view == View::Frozen {
                let _ = tx.batch("BEGIN").await;
            }
            job(&mut tx).await;
            if view == View::Frozen {
                let _ = tx.batch("ROLLBACK").await;
            }
        });
    }
}
