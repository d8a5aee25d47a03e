//! The writer: one thread, one connection, and group commit.
//!
//! SQLite lets one connection write at a time, and a durable `COMMIT` costs an fsync. So transactions queue here, and
//! the thread runs them one after another in one open `BEGIN IMMEDIATE`, each but the first in a savepoint. When the queue is
//! empty, or the group is full, or has been open long enough, one `COMMIT` makes them all durable, and only then does any of
//! them learn that it succeeded. Those that need not last on their own ([`Mode::WriteSoon`]) learn it as soon as they have run, and a group
//! of nobody else stays open a little, for the transaction that makes true what they announce.
//!
//! The first needs no savepoint: nobody is harmed when all that there is of the group is rolled back. In a savepoint SQLite
//! keeps a copy of each page before it changes it, which a transaction of thousands of rows feels.
//!
//! What each hazard comes to:
//! - A member returns an error, panics, or waits too long for something else than its transaction: its savepoint is rolled
//!   back, the others go on.
//! - A statement is slow: all wait for it. It runs where it is called and nothing interrupts it, so what bounds it is that
//!   every query has an index.
//! - A caller goes away while its work is queued or running: the work is done all the same, to its end. (A caller that
//!   hears nothing must look, or repeat with the same idempotency key, as after any broken connection.)
//! - The savepoint cannot be rolled back or released (SQLite gives up the whole transaction on some I/O errors):
//!   the group is rolled back, every member fails, none is half-done.
//! - `COMMIT` fails: the group is rolled back, every member fails with the same error; when the disk failed, with
//!   [`StoreError::Unknown`]. Who has learned already that it succeeded does not hear of it: what they announced has not been.
//! - The process dies: SQLite's WAL holds whole groups only. Whoever was told of success is in it.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender, TryRecvError};
use tokio::time::timeout_at;

use super::{Purpose, checkpoint, open, runtime};
use crate::{
    StoreError, Tx,
    work::{Mode, Request, Task, Verdict},
};

/// How many transactions share a commit at most.
const GROUP_MAX: usize = 256;
/// How long a group stays open for newcomers: while they come, or while nobody in it waits for its commit.
const GROUP_OPEN_MAX: Duration = Duration::from_millis(4);

/// Starts the thread. It ends, with all it has accepted done, when the queue is closed and empty.
pub(crate) fn start(path: &Path, queue: Receiver<Request>) -> Result<(), StoreError> {
    let tx = open(path, Purpose::Write)?;
    let (commits, committed) = async_channel::bounded(1);
    checkpoint::start(path, committed)?;
    thread::Builder::new()
        .name("sqlite-write".into())
        .spawn(move || serve(tx, &queue, &commits))
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(())
}

fn serve(mut tx: Tx, queue: &Receiver<Request>, commits: &Sender<()>) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the SQLite writer could not start"),
    };
    while let Ok(first) = queue.recv_blocking() {
        runtime.block_on(group(&mut tx, first, queue));
        // A full channel means that the checkpointer knows already.
        let _ = commits.try_send(());
    }
}

/// Runs one group, from its first member to its commit.
async fn group(tx: &mut Tx, first: Request, queue: &Receiver<Request>) {
    if let Err(error) = tx.batch("BEGIN IMMEDIATE").await {
        return first.task.settle(Err(error));
    }
    let until = Instant::now() + GROUP_OPEN_MAX;
    let (mut members, mut waiting) = (0, Vec::new());
    let mut next = Some(first);
    let mut outcome = Ok(());
    let mut kept = false;
    while let Some(Request { mode, task: mut member, .. }) = next.take() {
        if kept {
            outcome = savepoint(tx, member.as_mut()).await;
        } else {
            match alone(tx, member.as_mut()).await {
                Ok(keep) => kept = keep,
                Err(error) => outcome = Err(error),
            }
        }
        members += 1;
        if mode == Mode::WriteSoon && outcome.is_ok() {
            member.settle(Ok(()));
        } else {
            waiting.push(member);
        }
        if outcome.is_ok() && members < GROUP_MAX {
            next = newcomer(queue, until, !waiting.is_empty()).await;
        }
    }
    if outcome.is_ok() {
        outcome = tx.batch("COMMIT").await.map_err(at_commit);
    }
    if let Err(error) = &outcome {
        tracing::error!(%error, members, "a group of transactions failed and was rolled back");
        // It fails when SQLite has already rolled back by itself; either way nothing is open after it.
        let _ = tx.batch("ROLLBACK").await;
    }
    for member in waiting {
        member.settle(outcome.clone());
    }
}

/// Who else is in the queue while the group is open. A commit that nobody waits for is put off: what is announced and what it
/// announces are then written to the disk once, together.
async fn newcomer(queue: &Receiver<Request>, until: Instant, is_awaited: bool) -> Option<Request> {
    if Instant::now() >= until {
        return None;
    }
    match queue.try_recv() {
        Err(TryRecvError::Empty) if !is_awaited => timeout_at(until.into(), queue.recv()).await.ok()?.ok(),
        found => found.ok(),
    }
}

/// What an error of `COMMIT` means. A row that is referred to is missing, the file is locked: SQLite looked, and wrote nothing. Any
/// other comes from the disk, and the log may have the whole group by then: whoever opens the file next may find it there.
fn at_commit(error: StoreError) -> StoreError {
    match error {
        StoreError::Database(text) => StoreError::Unknown(text),
        other => other,
    }
}

/// Runs a member before which nothing was kept, and says whether it is. An error here is the whole group's.
async fn alone(tx: &mut Tx, member: &mut dyn Task) -> Result<bool, StoreError> {
    match member.run(tx).await {
        // On some I/O errors SQLite gives up the whole transaction. A member that did not mind must not be followed by others:
        // each would be one of its own. A transaction within a transaction is refused.
        Verdict::Keep if tx.batch("BEGIN").await.is_ok() => Err(StoreError::Database("the transaction was given up".into())),
        Verdict::Keep => Ok(true),
        Verdict::Undo | Verdict::Abandon | Verdict::Again => {
            tx.batch("ROLLBACK; BEGIN IMMEDIATE").await?;
            Ok(false)
        }
    }
}

/// Runs one member inside a savepoint. An error here is the whole group's.
async fn savepoint(tx: &mut Tx, member: &mut dyn Task) -> Result<(), StoreError> {
    tx.batch("SAVEPOINT member").await?;
    match member.run(tx).await {
        Verdict::Keep => tx.batch("RELEASE member").await,
        Verdict::Undo | Verdict::Abandon | Verdict::Again => tx.batch("ROLLBACK TO member; RELEASE member").await,
    }
}

#[cfg(test)]
mod tests;
