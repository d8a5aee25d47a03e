//! The gatherer: what many callers ask for at the same time is decided and written in one transaction.
//!
//! A durable commit costs an fsync and a transaction costs round trips, whether it moves one amount or two hundred. So
//! what callers ask for queues here, and one task takes all that waits, decides it in memory
//! ([`Plan`](crate::plan::Plan)), writes it at once and commits once. Nobody waits for company: when it is free it takes
//! what there is. (A second one beside it only made smaller batches, which waited for each other's rows.) The busier the ledger, the
//! larger the batches. Two accounts that everybody pays cost nothing extra:
//! within a batch their rows are locked, read and written once.
//!
//! Who asks for more than fits into a batch has one of its own, in turn with those of the others: thousands of commands of one caller
//! stand before nobody twice, and a failure of theirs is theirs alone.
//!
//! One caller's refusal harms no other: the plan takes back what the refused group had changed. When the database fails,
//! the members are run again one by one, so that a row that cannot be read, say, fails only who asked for it. All of it
//! can be repeated safely, because every command has an id.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use rialto_kernel::Clock;
use rialto_store::StoreError;
use tokio::sync::oneshot;

use crate::{Command, GroupError, LedgerError, Outcome, books::Books};

/// How many commands share a transaction at most.
pub(super) const BATCH_MAX: usize = 512;
/// How many requests may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 4_096;

/// What each group of a request came to.
type Results = Vec<Result<Vec<Outcome>, GroupError>>;

/// Groups that one caller asks for, each on its own.
struct Request {
    groups: Vec<Vec<Command>>,
    reply: oneshot::Sender<Result<Results, LedgerError>>,
}

/// The way into the gatherer. It ends, with all that it has accepted done, when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Gatherer {
    small: Sender<Request>,
    /// Of more than [`BATCH_MAX`] commands.
    large: Sender<Request>,
}

impl Gatherer {
    /// Starts on the runtime that is running.
    pub(super) fn start<B: Books>(books: &B, clock: &Clock) -> Self {
        let (small, singles) = async_channel::bounded(QUEUE_MAX);
        let (large, bulk) = async_channel::bounded(QUEUE_MAX);
        tokio::spawn(serve(books.clone(), clock.clone(), singles, bulk));
        Self { small, large }
    }

    /// Has `groups` done, each as a whole or not at all, and waits for what they came to. Whoever stops waiting does not
    /// stop the work.
    pub(super) async fn submit(&self, groups: Vec<Vec<Command>>) -> Result<Results, LedgerError> {
        let stopped = || StoreError::Unavailable("the ledger's runtime has stopped".into());
        let (reply, answer) = oneshot::channel();
        let request = Request { groups, reply };
        let queue = if size(&request) > BATCH_MAX { &self.large } else { &self.small };
        queue.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| StoreError::Unknown("the ledger ended without an answer".into()))?
    }
}

async fn serve<B: Books>(books: B, clock: Clock, singles: Receiver<Request>, bulk: Receiver<Request>) {
    loop {
        let (first, is_single) = tokio::select! {
            biased;
            Ok(first) = singles.recv() => (first, true),
            Ok(first) = bulk.recv() => (first, false),
            else => return,
        };
        let mut batch = vec![first];
        if is_single {
            // Those who were just answered and ask again at once come along. It costs no time, only a turn.
            tokio::task::yield_now().await;
            fill(&mut batch, &singles);
        }
        run_apart(&books, &clock, batch).await;
        if is_single && let Ok(large) = bulk.try_recv() {
            run_apart(&books, &clock, vec![large]).await;
        }
    }
}

/// Adds those that wait, up to [`BATCH_MAX`] commands and the last one's.
fn fill(batch: &mut Vec<Request>, queue: &Receiver<Request>) {
    let mut commands: usize = batch.iter().map(size).sum();
    while commands < BATCH_MAX
        && let Ok(next) = queue.try_recv()
    {
        commands += size(&next);
        batch.push(next);
    }
}

/// On a task of its own: a batch that panics fails its members, and the next ones are served.
async fn run_apart<B: Books>(books: &B, clock: &Clock, batch: Vec<Request>) {
    let (books, clock) = (books.clone(), clock.clone());
    if let Err(error) = tokio::spawn(async move { run(&books, &clock, batch).await }).await {
        tracing::error!(%error, "a batch of the ledger ended without an answer");
    }
}

fn size(request: &Request) -> usize {
    request.groups.iter().map(Vec::len).sum()
}

/// Does a batch of requests, and tells each how it went.
async fn run<B: Books>(books: &B, clock: &Clock, mut batch: Vec<Request>) {
    let groups: Arc<[Vec<Command>]> = batch.iter_mut().flat_map(|request| &mut request.groups).map(std::mem::take).collect();
    let counts: Vec<usize> = batch.iter().map(|request| request.groups.len()).collect();
    match write(books, clock, Arc::clone(&groups)).await {
        Ok(results) => {
            let mut results = results.into_iter();
            for (request, count) in batch.into_iter().zip(counts) {
                // Whoever asked may have gone. It is done all the same.
                let _ = request.reply.send(Ok(results.by_ref().take(count).collect()));
            }
        }
        Err(error) if batch.len() > 1 && is_somebodys_own(&error) => {
            tracing::warn!(%error, members = batch.len(), "a batch of the ledger failed; its members are run one by one");
            let mut rest = &groups[..];
            for (request, count) in batch.into_iter().zip(counts) {
                let (own, others) = rest.split_at(count.min(rest.len()));
                rest = others;
                let _ = request.reply.send(write(books, clock, own.into()).await);
            }
        }
        Err(error) => {
            for request in batch {
                let _ = request.reply.send(Err(error.clone()));
            }
        }
    }
}

async fn write<B: Books>(books: &B, clock: &Clock, groups: Arc<[Vec<Command>]>) -> Result<Results, LedgerError> {
    let now = clock.now();
    books.write(async move |tx: &mut B::Tx| crate::batch(tx, &groups, now).await).await
}

/// Whether one member may be to blame, so that the others may do better without it. Not when the database is away, nor when
/// a row was locked for too long: one after another, each member would wait as long again, and all others behind them.
const fn is_somebodys_own(error: &LedgerError) -> bool {
    match error {
        LedgerError::Store(error) => !error.is_passing(),
        _ => true,
    }
}
