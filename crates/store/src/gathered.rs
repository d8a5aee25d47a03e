//! Writing for many callers at once.
//!
//! A transaction costs an fsync and, on PostgreSQL, round trips, whether it writes one row or a hundred. So what callers write while
//! a transaction is under way is written by the next one, together. Nobody waits for company.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use tokio::sync::oneshot;

use crate::{Db, StoreError, Tx};

/// How many callers share a transaction at most.
const BATCH_MAX: usize = 256;
/// How many callers may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 4_096;

type Asked<T> = (T, oneshot::Sender<Result<(), StoreError>>);

/// Writes what callers bring, all that they bring at the same time in one transaction. What one of them brings must not depend on
/// what another does.
pub struct Gathered<T>(Sender<Asked<T>>);

impl<T: Clone + Send + Sync + 'static> Gathered<T> {
    /// `write` writes all that it is given. Call it within a tokio runtime.
    #[must_use]
    pub fn start<F>(db: &Db, write: F) -> Self
    where
        F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
    {
        Self::begin(db, false, write)
    }

    /// Like [`Gathered::start`], by [`Db::write_soon`]: what is written is durable with the next transaction that is.
    #[must_use]
    pub fn start_soon<F>(db: &Db, write: F) -> Self
    where
        F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
    {
        Self::begin(db, true, write)
    }

    fn begin<F>(db: &Db, soon: bool, write: F) -> Self
    where
        F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
    {
        let (send, receive) = async_channel::bounded(QUEUE_MAX);
        tokio::spawn(serve(Desk { db: db.clone(), soon }, write, receive));
        Self(send)
    }

    /// Writes one. It is written when this returns; once it is queued, whoever stops waiting does not stop it.
    ///
    /// # Errors
    /// What the write says, or the store.
    pub async fn write(&self, what: T) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.send((what, reply)).await.map_err(|_| StoreError::Unavailable("the runtime has stopped".into()))?;
        // Once it is queued it may have ended anywhere.
        answer.await.map_err(|_| StoreError::Unknown("the write ended without an answer".into()))?
    }
}

/// Where and how it is written.
#[derive(Clone)]
struct Desk {
    db: Db,
    soon: bool,
}

impl Desk {
    async fn write<F>(&self, work: F) -> Result<(), StoreError>
    where
        F: AsyncFn(&mut Tx) -> Result<(), StoreError> + Send + 'static,
    {
        if self.soon { self.db.write_soon(work).await } else { self.db.write(work).await }
    }
}

async fn serve<T, F>(desk: Desk, write: F, queue: Receiver<Asked<T>>)
where
    T: Clone + Send + Sync + 'static,
    F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
{
    while let Ok(first) = queue.recv().await {
        let mut asked = vec![first];
        // Those who were just answered and come again at once are taken along. It costs no time, only a turn.
        tokio::task::yield_now().await;
        while asked.len() < BATCH_MAX
            && let Ok(next) = queue.try_recv()
        {
            asked.push(next);
        }
        let (items, replies): (Vec<T>, Vec<_>) = asked.into_iter().unzip();
        // On a task of its own: a write that panics fails those who asked for it, and the next ones are served.
        let _ = tokio::spawn(answer(desk.clone(), write.clone(), items.into(), replies)).await;
    }
}

/// Writes all of them, or, when that fails because of what is written, each alone: what cannot be written is of no harm to others.
async fn answer<T, F>(desk: Desk, write: F, items: Arc<[T]>, replies: Vec<oneshot::Sender<Result<(), StoreError>>>)
where
    T: Clone + Send + Sync + 'static,
    F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
{
    let (all, together) = (Arc::clone(&items), write.clone());
    let done = desk.write(async move |tx: &mut Tx| together(tx, &all).await).await;
    // What is about the moment would befall each of them again, one after another.
    let is_of_all = done.as_ref().err().is_none_or(StoreError::is_passing);
    if items.len() == 1 || is_of_all {
        // Whoever asked may have gone.
        return replies.into_iter().for_each(|reply| drop(reply.send(done.clone())));
    }
    for (item, reply) in items.iter().cloned().zip(replies) {
        let alone = write.clone();
        drop(reply.send(desk.write(async move |tx: &mut Tx| alone(tx, std::slice::from_ref(&item)).await).await));
    }
}
