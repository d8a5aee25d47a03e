//! The writer: one thread, one connection, and group commit.
//!
//! SQLite lets one connection write at a time, and a durable `COMMIT` costs an fsync. So transactions queue here, and
//! the thread runs them one after another, each in a savepoint of one open `BEGIN IMMEDIATE`. When the queue is empty, or
//! the group is full, or has been open long enough, one `COMMIT` makes them all durable, and only then does any of them
//! learn that it succeeded.
//!
//! What each hazard comes to:
//! - A member returns an error, panics, or takes too long: its savepoint is rolled back, the others go on.
//! - A caller goes away while its work is queued or running: the work is done all the same, to its end. (A caller that
//!   hears nothing must look, or repeat with the same idempotency key, as after any broken connection.)
//! - The savepoint cannot be rolled back or released (SQLite gives up the whole transaction on some I/O errors):
//!   the group is rolled back, every member fails, none is half-done.
//! - `COMMIT` fails: every member fails with the same error.
//! - The process dies: SQLite's WAL holds whole groups only. Whoever was told of success is in it.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::sync::oneshot;

use super::{Purpose, WORK_BOUND, open, runtime};
use crate::{StoreError, Tx};

/// How many transactions may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 1_024;
/// How many transactions share a commit at most.
const GROUP_MAX: usize = 256;
/// How long a group stays open for newcomers.
const GROUP_OPEN_MAX: Duration = Duration::from_millis(4);

/// The way to the writer thread. It ends, with all it has accepted done, when the last clone is dropped.
#[derive(Clone)]
pub struct Writer(Sender<Box<dyn Member>>);

/// One transaction on its way through the writer.
trait Member: Send {
    /// Does the work. `false` asks for its savepoint to be rolled back.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, bool>;
    /// Tells the caller how it ended.
    fn settle(self: Box<Self>, group: Result<(), StoreError>);
}

struct Work<R, E, F> {
    work: F,
    result: Option<Result<R, E>>,
    reply: oneshot::Sender<Result<R, E>>,
}

impl<R, E, F> Member for Work<R, E, F>
where
    F: AsyncFn(&mut Tx) -> Result<R, E> + Send,
    R: Send,
    E: From<StoreError> + Send,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, bool> {
        async move {
            let done = tokio::time::timeout(WORK_BOUND, AssertUnwindSafe((self.work)(tx)).catch_unwind()).await;
            let result = match done {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(StoreError::Panicked.into()),
                Err(_elapsed) => Err(StoreError::Timeout.into()),
            };
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        }
        .boxed_local()
    }

    fn settle(self: Box<Self>, group: Result<(), StoreError>) {
        let answer = match (group, self.result) {
            // A member that failed by itself has its own reason, whatever became of the group.
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(Ok(result))) => Ok(result),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Unavailable("the work was never run".into()).into()),
        };
        let _ = self.reply.send(answer);
    }
}

impl Writer {
    pub(crate) fn start(path: &Path) -> Result<Self, StoreError> {
        let tx = open(path, Purpose::Write)?;
        let (sender, receiver) = async_channel::bounded(QUEUE_MAX);
        thread::Builder::new()
            .name("sqlite-write".into())
            .spawn(move || serve(tx, &receiver))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self(sender))
    }

    pub(crate) async fn run<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Unavailable("the writer has stopped".into());
        self.0.send(Box::new(Work { work, result: None, reply })).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn serve(mut tx: Tx, queue: &Receiver<Box<dyn Member>>) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the SQLite writer could not start"),
    };
    while let Ok(first) = queue.recv_blocking() {
        runtime.block_on(group(&mut tx, first, queue));
    }
}

/// Runs one group, from its first member to its commit.
async fn group(tx: &mut Tx, first: Box<dyn Member>, queue: &Receiver<Box<dyn Member>>) {
    if let Err(error) = tx.batch("BEGIN IMMEDIATE").await {
        return first.settle(Err(error));
    }
    let opened = Instant::now();
    let mut members = Vec::new();
    let mut next = Some(first);
    let mut outcome = Ok(());
    while let Some(mut member) = next.take() {
        outcome = savepoint(tx, member.as_mut()).await;
        members.push(member);
        if outcome.is_ok() && members.len() < GROUP_MAX && opened.elapsed() < GROUP_OPEN_MAX {
            next = queue.try_recv().ok();
        }
    }
    if outcome.is_ok() {
        outcome = tx.batch("COMMIT").await;
    }
    if let Err(error) = &outcome {
        tracing::error!(%error, members = members.len(), "a group of transactions failed and was rolled back");
        // It fails when SQLite has already rolled back by itself; either way nothing is open after it.
        let _ = tx.batch("ROLLBACK").await;
    }
    for member in members {
        member.settle(outcome.clone());
    }
}

/// Runs one member inside a savepoint. An error here is the whole group's.
async fn savepoint(tx: &mut Tx, member: &mut dyn Member) -> Result<(), StoreError> {
    tx.batch("SAVEPOINT member").await?;
    if member.run(tx).await {
        tx.batch("RELEASE member").await
    } else {
        tx.batch("ROLLBACK TO member; RELEASE member").await
    }
}
