//! Writing for many callers at once.
//!
//! A transaction costs an fsync and, on PostgreSQL, round trips, whether it writes one row or a hundred. So what callers write while
//! a transaction is under way is written by the next one, together. Nobody waits for company.

use std::{slice, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{Db, StoreError, Tx, batches::Batches};

type Asked<T> = (T, oneshot::Sender<Result<(), StoreError>>);

/// Writes what callers bring, all that they bring at the same time in one transaction. What one of them brings must not depend on
/// what another does.
pub struct Gathered<T>(Arc<Batches<Asked<T>>>);

impl<T: Clone + Send + Sync + 'static> Gathered<T> {
    /// `write` writes all that it is given.
    #[must_use]
    pub fn new<F>(db: &Db, write: F) -> Self
    where
        F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
    {
        let db = db.clone();
        Self(Batches::new(move |asked| -> BoxFuture<'static, ()> { Box::pin(answer(db.clone(), write.clone(), asked)) }))
    }

    /// Writes one. It is durable when this returns; once it is queued, whoever stops waiting does not stop it.
    ///
    /// # Errors
    /// What the write says, or the store.
    pub async fn write(&self, what: T) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.bring((what, reply)).await;
        // Once it is queued it may have ended anywhere.
        answer.await.map_err(|_| StoreError::Unknown("the write ended without an answer".into()))?
    }
}

/// Writes all of them, or, when that fails because of what is written, each alone: what cannot be written is of no harm to others.
async fn answer<T, F>(db: Db, write: F, asked: Vec<Asked<T>>)
where
    T: Clone + Send + Sync + 'static,
    F: AsyncFn(&mut Tx, &[T]) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
{
    let (items, replies): (Vec<T>, Vec<_>) = asked.into_iter().unzip();
    let items: Arc<[T]> = items.into();
    let (all, together) = (Arc::clone(&items), write.clone());
    let done = db.write(async move |tx: &mut Tx| together(tx, &all).await).await;
    // What is about the moment would befall each of them again, one after another.
    let is_of_all = done.as_ref().err().is_none_or(StoreError::is_passing);
    if items.len() == 1 || is_of_all {
        // Whoever asked may have gone.
        return replies.into_iter().for_each(|reply| drop(reply.send(done.clone())));
    }
    for (item, reply) in items.iter().cloned().zip(replies) {
        let alone = write.clone();
        drop(reply.send(db.write(async move |tx: &mut Tx| alone(tx, slice::from_ref(&item)).await).await));
    }
}
