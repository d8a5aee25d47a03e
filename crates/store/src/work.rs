//! A piece of work on its way to the database.
//!
//! A transaction runs on a thread of the store's own, whichever the database: the closure is sent there, and the answer
//! comes back through a channel. So the future that a caller awaits is `Send` and holds no connection, a caller that goes
//! away cannot leave a transaction half done, and the statements of one transaction never hop between threads.

use std::{
    error::Error,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use async_channel::Sender;
use futures_util::{FutureExt, future::LocalBoxFuture};
use tokio::sync::oneshot;

use crate::{StoreError, Tx};

/// How many pieces of work may wait before new ones have to wait to be queued.
pub(crate) const QUEUE_MAX: usize = 1_024;
/// The longest that one transaction may take. It ends work at a point where the work waits. A statement of SQLite never
/// waits, so nothing but an index bounds that; PostgreSQL's server ends its own a little earlier.
const BOUND: Duration = Duration::from_secs(10);

/// What a piece of work does, and what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One transaction that writes.
    Write,
    /// One that writes what may be lost, as long as all that follows it is lost too.
    WriteSoon,
    /// Reads without a transaction: each statement sees what is committed when it starts.
    Live,
    /// Reads of one frozen moment. They may take as long as they need.
    Frozen,
    /// A step of the schema. It may take as long as it needs.
    Migrate,
}

impl Mode {
    /// Whether anything of it lasts.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteSoon | Self::Migrate)
    }
}

/// What the work wants to become of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    Undo,
    /// Like `Undo`, and the connection may be broken, or at a statement still.
    Abandon,
    /// The database asked to run it again.
    Again,
}

/// Work, its type forgotten.
pub(crate) trait Task: Send {
    /// Does the work. It may be called again.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, Verdict>;
    /// Tells the caller how it ended: `outcome` is what became of the transaction.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// Work in a queue.
pub(crate) struct Request {
    pub(crate) mode: Mode,
    pub(crate) since: Instant,
    pub(crate) task: Box<dyn Task>,
}

struct Work<R, E, F> {
    work: F,
    bound: Option<Duration>,
    result: Option<Result<R, E>>,
    reply: oneshot::Sender<Result<R, E>>,
}

impl<R, E, F> Task for Work<R, E, F>
where
    F: AsyncFn(&mut Tx) -> Result<R, E> + Send,
    R: Send,
    E: From<StoreError> + Error + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, Verdict> {
        async move {
            let work = AssertUnwindSafe((self.work)(tx)).catch_unwind();
            let done = match self.bound {
                Some(bound) => tokio::time::timeout(bound, work).await.map_err(|_elapsed| StoreError::Timeout),
                None => Ok(work.await),
            };
            let (result, ended) = match done {
                Ok(Ok(result)) => (result, true),
                Ok(Err(_panic)) => (Err(StoreError::Panicked.into()), false),
                Err(timeout) => (Err(timeout.into()), false),
            };
            let verdict = match result.as_ref().map_err(|error| StoreError::find(error)) {
                Ok(_) => Verdict::Keep,
                Err(Some(StoreError::Unavailable(_))) => Verdict::Abandon,
                Err(_) if !ended => Verdict::Abandon,
                Err(Some(StoreError::Again(_))) => Verdict::Again,
                Err(_) => Verdict::Undo,
            };
            self.result = Some(result);
            verdict
        }
        .boxed_local()
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match (outcome, self.result) {
            // Work that failed by itself has its own reason, whatever became of the transaction.
            (_, Some(Err(own))) => Err(own),
            (Ok(()), Some(Ok(result))) => Ok(result),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Unavailable("the work was never run".into()).into()),
        };
        // Whoever asked may have gone. The work is done all the same.
        let _ = self.reply.send(answer);
    }
}

/// `work` with its type forgotten, and where its answer arrives.
pub(crate) fn task<R, E, F>(bound: Option<Duration>, work: F) -> (Box<dyn Task>, oneshot::Receiver<Result<R, E>>)
where
    F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
    R: Send + 'static,
    E: From<StoreError> + Error + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Work { work, bound, result: None, reply }), answer)
}

/// Sends `work` to `queue`, and waits for what becomes of it.
pub(crate) fn submit<R, E, F>(queue: &Sender<Request>, mode: Mode, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
where
    F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
    R: Send + 'static,
    E: From<StoreError> + Error + Send + 'static,
{
    let bound = matches!(mode, Mode::Write | Mode::WriteSoon | Mode::Live).then_some(BOUND);
    let (task, answer) = task(bound, work);
    let queue = queue.clone();
    async move {
        let stopped = || "the database threads have stopped".to_owned();
        queue.send(Request { mode, since: Instant::now(), task }).await.map_err(|_| StoreError::Unavailable(stopped()))?;
        // Once it is sent, a thread that ends without an answer may have ended anywhere.
        answer
            .await
            .map_err(|_| if mode.writes() { StoreError::Unknown(stopped()) } else { StoreError::Unavailable(stopped()) })?
    }
}
