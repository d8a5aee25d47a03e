//! The gatherer: what many callers ask for at the same time is decided and written in one transaction.
//!
//! A durable commit costs an fsync and a transaction costs round trips, whether it moves one amount or two hundred. So
//! what callers ask for queues here, and each lane takes all that waits, decides it in memory
//! ([`Plan`](crate::plan::Plan)), writes it at once and commits once. Nobody waits for company: a lane that is free takes
//! what there is. The busier the ledger, the larger the batches. Two accounts that everybody pays cost nothing extra:
//! within a batch their rows are locked, read and written once.
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

/// The way into the gatherer. Its lanes end, with all they have accepted done, when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Gatherer(Sender<Request>);

impl Gatherer {
    /// Starts the lanes on the runtime that is running.
    pub(super) fn start<B: Books>(books: &B, clock: &Clock) -> Self {
        let (send, receive) = async_channel::bounded(QUEUE_MAX);
        for _ in 0..books.lanes() {
            tokio::spawn(lane(books.clone(), clock.clone(), receive.clone()));
        }
        Self(send)
    }

    /// Has `groups` done, each as a whole or not at all, and waits for what they came to. Whoever stops waiting does not
    /// stop the work.
    pub(super) async fn submit(&self, groups: Vec<Vec<Command>>) -> Result<Results, LedgerError> {
        let stopped = || "the ledger's runtime has stopped".to_owned();
        let (reply, answer) = oneshot::channel();
        self.0.send(Request { groups, reply }).await.map_err(|_| StoreError::Unavailable(stopped()))?;
        answer.await.map_err(|_| StoreError::Unknown(stopped()))?
    }
}

async fn lane<B: Books>(books: B, clock: Clock, queue: Receiver<Request>) {
    while let Ok(first) = queue.recv().await {
        // Those who were just answered and ask again at once come along. It costs no time, only a turn.
        tokio::task::yield_now().await;
        let mut commands = size(&first);
        let mut batch = vec![first];
        while commands < BATCH_MAX
            && let Ok(next) = queue.try_recv()
        {
            commands += size(&next);
            batch.push(next);
        }
        run(&books, &clock, batch).await;
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
