//! The gatherer: what many callers ask for at the same time is done in one transaction.
//!
//! There is one lane: orders of one capability take turns in any case, and what came first is to be done first. The lane
//! takes all that waits, and nobody waits for company. It also owns the books in memory. A book is lent to a transaction and
//! comes back only when that has committed: whatever goes wrong, what is in memory was true in the database at its version.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_channel::{Receiver, Sender};
use rialto_kernel::Clock;
use rialto_store::{Db, StoreError, Tx};
use tokio::sync::oneshot;

use super::{Answer, ExchangeOptions, Request, batch, shop::Shop};
use crate::{error::MarketError, model::Capability};

/// How many requests share a transaction at most.
const BATCH_MAX: usize = 256;
/// How many requests may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 4_096;

type Reply = Result<Answer, MarketError>;

struct Queued {
    request: Request,
    reply: oneshot::Sender<Reply>,
}

/// The way into the gatherer. Its lane ends, with all it has accepted done, when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Gatherer(Sender<Queued>);

/// An answer that is to come.
pub(super) struct Pending(oneshot::Receiver<Reply>);

fn stopped() -> String {
    "the market's runtime has stopped".to_owned()
}

impl Pending {
    pub(super) async fn wait(self) -> Reply {
        self.0.await.map_err(|_| StoreError::Unknown(stopped()))?
    }
}

impl Gatherer {
    pub(super) fn start(db: &Db, clock: &Clock, options: ExchangeOptions) -> Self {
        let (send, receive) = async_channel::bounded(QUEUE_MAX);
        let lane = Lane { db: db.clone(), clock: clock.clone(), options, books: Books::default() };
        tokio::spawn(lane.run(receive));
        Self(send)
    }

    /// Queues a request. Whoever stops waiting does not stop the work.
    pub(super) async fn submit(&self, request: Request) -> Result<Pending, MarketError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Queued { request, reply }).await.map_err(|_| StoreError::Unavailable(stopped()))?;
        Ok(Pending(answer))
    }
}

/// How many capabilities are known by name at most.
const KNOWN_MAX: usize = 10_000;

/// The books in memory that are not lent, and what is known of capabilities without a book.
#[derive(Clone, Default)]
pub(super) struct Books {
    shops: Arc<Mutex<HashMap<Arc<str>, Shop>>>,
    /// Capabilities that exist, and whether their orders trade as they arrive. It was so once: a hint where to look first.
    continuous: Arc<Mutex<HashMap<Arc<str>, bool>>>,
}

impl Books {
    /// Lends a book.
    pub(super) fn take(&self, capability: &str) -> Option<Shop> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner).remove(capability)
    }

    /// Remembers that a capability exists, and how it is traded.
    pub(super) fn note(&self, row: &Capability) {
        let mut known = self.continuous.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&row.name) == Some(&row.settings.continuous) {
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(Arc::clone(&row.name), row.settings.continuous);
    }

    /// Whether all of these exist, and their orders wait until they are matched; as far as it is known.
    pub(super) fn are_calm(&self, capabilities: &[&str]) -> bool {
        let known = self.continuous.lock().unwrap_or_else(PoisonError::into_inner);
        capabilities.iter().all(|name| known.get(*name) == Some(&false))
    }

    /// Takes books back, and forgets others when all together are too large.
    fn put(&self, shops: Vec<Shop>, orders_max: usize) {
        let mut books = self.shops.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Vec<Arc<str>> = shops.iter().map(|shop| Arc::clone(&shop.row.name)).collect();
        books.extend(shops.into_iter().map(|shop| (Arc::clone(&shop.row.name), shop)));
        let weight = |shop: &Shop| shop.live.len() + 16;
        let mut total: usize = books.values().map(weight).sum();
        if total > orders_max {
            books.retain(|name, shop| {
                let stays = total <= orders_max || kept.contains(name);
                total -= if stays { 0 } else { weight(shop) };
                stays
            });
        }
        if total > orders_max {
            books.clear();
        }
    }
}

struct Lane {
    db: Db,
    clock: Clock,
    options: ExchangeOptions,
    books: Books,
}

impl Lane {
    async fn run(self, queue: Receiver<Queued>) {
        while let Ok(first) = queue.recv().await {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = queue.try_recv()
            {
                batch.push(next);
            }
            self.serve(batch).await;
        }
    }

    /// Does a batch of requests, and tells each how it went. When the database fails them together they are done one by one, so
    /// that a row that makes no sense, say, fails only who asked for it.
    async fn serve(&self, batch: Vec<Queued>) {
        let (requests, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|queued| (queued.request, queued.reply)).unzip();
        let requests: Arc<[Request]> = requests.into();
        match self.write(Arc::clone(&requests)).await {
            // Whoever asked may have gone. It is done all the same.
            Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer))),
            Err(error) if requests.len() > 1 && is_somebodys_own(&error) => {
                tracing::warn!(%error, members = requests.len(), "a batch of the market failed; its members are run one by one");
                for (reply, request) in replies.into_iter().zip(requests.iter()) {
                    let answer = self.write(Arc::new([request.clone()])).await;
                    drop(reply.send(answer.and_then(|answers| answers.into_iter().next().unwrap_or_else(|| Err(super::odd())))));
                }
            }
            Err(error) => replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone())))),
        }
    }

    async fn write(&self, requests: Arc<[Request]>) -> Result<Vec<Reply>, MarketError> {
        let (books, options, clock) = (self.books.clone(), self.options, self.clock.clone());
        let work = async move |tx: &mut Tx| batch::run(tx, &books, &requests, options, clock.now()).await;
        let (answers, shops) = self.db.write(work).await?;
        self.books.put(shops, self.options.cached_orders_max);
        Ok(answers)
    }
}

/// Whether one member may be to blame, so that the others may do better without it.
const fn is_somebodys_own(error: &MarketError) -> bool {
    !matches!(error, MarketError::Store(StoreError::Unavailable(_) | StoreError::Unknown(_)))
}
