//! Where a ledger is kept.

use std::error::Error;

use rialto_store::{Db, StoreError, Tx};

use crate::store::LedgerStore;

/// A place that keeps books, and runs transactions on them: [`Db`] (SQLite or PostgreSQL), or
/// [`Memory`](crate::memory::Memory).
pub trait Books: Clone + Send + Sync + 'static {
    /// What a transaction is handed.
    type Tx: LedgerStore;

    /// Runs `work` as one transaction: kept when it returns `Ok`, undone when it returns `Err`. It may run more than once.
    fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Self::Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static;

    /// Runs `work`, which only reads.
    fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Self::Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static;

    /// Runs `work`, which only reads, over one frozen moment.
    fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Self::Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static;
}

impl Books for Db {
    type Tx = Tx;

    fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        Self::write(self, work)
    }

    fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        Self::read(self, work)
    }

    fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        Self::snapshot(self, work)
    }
}
