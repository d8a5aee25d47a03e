//! What settlements ask of a transaction.

use std::future::Future;

use rialto_kernel::{Event, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;

use super::{Settlement, SettlementFilter, SettlementId, Share};

/// Which calls a settlement takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// For which settlement.
    pub settlement: SettlementId,
    /// Of which provider.
    pub provider: OwnerId,
    /// That ended at this moment or later …
    pub from: Timestamp,
    /// … and before this one.
    pub to: Timestamp,
    /// How many at most, the oldest first.
    pub limit: u32,
}

/// Settlements, and which calls are in which.
pub trait SettlementStore: Send {
    /// Keeps everybody else from settling this provider's calls until the transaction ends.
    fn lock_provider(&mut self, provider: OwnerId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a new settlement.
    fn insert_settlement(&mut self, new: &Settlement) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a settlement.
    fn find_settlement(&mut self, id: SettlementId) -> impl Future<Output = Result<Option<Settlement>, StoreError>> + Send;

    /// Reads a settlement and keeps others from changing it until the transaction ends.
    fn lock_settlement(&mut self, id: SettlementId) -> impl Future<Output = Result<Option<Settlement>, StoreError>> + Send;

    /// Another settlement than this one, of the same provider and of a period that has something in common with its, that has not failed.
    fn find_overlapping(&mut self, of: &Settlement) -> impl Future<Output = Result<Option<SettlementId>, StoreError>> + Send;

    /// Writes a locked settlement back.
    fn save_settlement(&mut self, settlement: &Settlement) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes delivered calls that no settlement has; gives what each came to.
    fn claim_usage(&mut self, claim: &Claim) -> impl Future<Output = Result<Vec<Share>, StoreError>> + Send;

    /// Lets go of calls of a settlement, at most `limit`; returns how many.
    fn release_usage(&mut self, id: SettlementId, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// A failed settlement that has calls to let go of.
    fn find_releasing(&mut self) -> impl Future<Output = Result<Option<SettlementId>, StoreError>> + Send;

    /// Lists settlements, the latest period first.
    fn list_settlements(
        &mut self,
        filter: &SettlementFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Settlement>, StoreError>> + Send;

    /// Writes a fact beside what made it true.
    fn append_settlement_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}
