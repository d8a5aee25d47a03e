//! The checkpointer: moves what the write-ahead log holds into the database file, beside the writer.
//!
//! SQLite would do so at the end of a commit, and whoever waits for that commit would wait for it too: thousands of pages
//! written, two fsyncs. A passive checkpoint of another connection disturbs neither the writer nor readers. It cannot
//! finish while the writer goes on, so the log would grow for ever under a load that never pauses: beyond
//! [`BACKSTOP_PAGES`] the writer finishes what little is left by itself, and the log starts anew.

use std::{path::Path, thread, time::Duration};

use async_channel::Receiver;

use super::{Purpose, open, runtime};
use crate::StoreError;

/// How long the log grows before it is looked at again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the log may grow, in pages of 4 kB, before the writer itself moves it.
pub(super) const BACKSTOP_PAGES: u32 = 16_384;

/// Starts the thread. It ends when the writer, which tells it of commits, has ended.
pub(crate) fn start(path: &Path, commits: Receiver<()>) -> Result<(), StoreError> {
    let mut tx = open(path, Purpose::Checkpoint)?;
    let serve = move || {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the SQLite checkpointer could not start"),
        };
        while commits.recv_blocking().is_ok() {
            let checkpoint = async {
                if let Err(error) = tx.batch("PRAGMA wal_checkpoint(PASSIVE)").await {
                    tracing::warn!(%error, "a checkpoint failed; the next one will do its work");
                }
                tokio::time::sleep(PAUSE).await;
            };
            runtime.block_on(checkpoint);
        }
    };
    thread::Builder::new()
        .name("sqlite-ckpt".into())
        .spawn(serve)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}
