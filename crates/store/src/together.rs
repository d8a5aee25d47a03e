//! Reading for many callers at once.
//!
//! To read a row is little work; to find a connection for it, and to go to PostgreSQL and back, is more. So what callers ask
//! for while a read is under way is read by the next one, together. Nobody waits for company.

use std::{slice, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{Db, StoreError, Tx, batches::Batches};

type Asked<K, V> = (K, oneshot::Sender<Result<V, StoreError>>);

/// Finds a `V` for each `K`, for all who ask at the same time in one read.
pub struct Together<K, V>(Arc<Batches<Asked<K, V>>>);

impl<K: Clone + Send + Sync + 'static, V: Send + 'static> Together<K, V> {
    /// `read` finds one value for each key, in their order.
    #[must_use]
    pub fn new<F>(db: &Db, read: F) -> Self
    where
        F: AsyncFn(&mut Tx, &[K]) -> Result<Vec<V>, StoreError> + Clone + Send + Sync + 'static,
    {
        let db = db.clone();
        Self(Batches::new(move |asked| -> BoxFuture<'static, ()> { Box::pin(answer(db.clone(), read.clone(), asked)) }))
    }

    /// Finds the value for a key, as it is after this was called.
    ///
    /// # Errors
    /// What the read says, or the store.
    pub async fn find(&self, key: K) -> Result<V, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.0.bring((key, reply)).await;
        answer.await.map_err(|_| StoreError::Unavailable("the read ended without an answer".into()))?
    }
}

/// Reads for all of them, or, when that fails because of what is read, for each alone: a row that cannot be read is of no harm to
/// those who asked for others.
async fn answer<K, V, F>(db: Db, read: F, asked: Vec<Asked<K, V>>)
where
    K: Clone + Send + Sync + 'static,
    V: Send + 'static,
    F: AsyncFn(&mut Tx, &[K]) -> Result<Vec<V>, StoreError> + Clone + Send + Sync + 'static,
{
    let (keys, replies): (Vec<K>, Vec<_>) = asked.into_iter().unzip();
    let keys: Arc<[K]> = keys.into();
    let (all, look) = (Arc::clone(&keys), read.clone());
    // Whoever asked may have gone.
    match db.read(async move |tx: &mut Tx| look(tx, &all).await).await {
        Ok(values) => replies.into_iter().zip(values).for_each(|(reply, value)| drop(reply.send(Ok(value)))),
        Err(error) if keys.len() == 1 || error.is_passing() => {
            replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
        }
        Err(_) => {
            for (key, reply) in keys.iter().cloned().zip(replies) {
                let look = read.clone();
                let one = db.read(async move |tx: &mut Tx| look(tx, slice::from_ref(&key)).await).await;
                let one = one
                    .and_then(|values| values.into_iter().next().ok_or_else(|| StoreError::Corrupt("nothing was read".into())));
                drop(reply.send(one));
            }
        }
    }
}
