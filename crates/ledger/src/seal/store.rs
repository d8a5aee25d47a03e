//! What sealing asks of a transaction.

use rialto_store::StoreError;

use super::Seal;
use crate::verify::Stored;

/// A place in the journal, and who may still write below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Horizon {
    /// The highest number that was seen.
    pub last_no: i64,
    /// The open transactions that may have taken a number below. When all of them have ended, whatever is missing below is
    /// missing for good.
    pub writers: Vec<String>,
}

/// The rows of the seals, as seen from inside one transaction.
pub trait SealStore: Send {
    /// The newest seal.
    fn last_seal(&mut self) -> impl Future<Output = Result<Option<Stored<Seal>>, StoreError>> + Send;

    /// Seals in the order of their numbers, after `no` and up to `last`.
    fn list_seals(
        &mut self,
        no: i64,
        last: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Stored<Seal>>, StoreError>> + Send;

    /// Writes a seal, unless there is one with its number. Whether it was written.
    fn insert_seal(&mut self, seal: &Seal) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How far the journal goes, and who may still write below.
    fn journal_horizon(&mut self) -> impl Future<Output = Result<Horizon, StoreError>> + Send;

    /// Which of these transactions are still open.
    fn writers_left(&mut self, writers: &[String]) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}
