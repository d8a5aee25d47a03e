//! What reputation asks of a transaction.

use std::future::Future;

use rialto_kernel::{Event, OwnerId, Timestamp};
use rialto_store::StoreError;

use crate::{Call, Counts, Period, Record, Subject};

/// Scores, and the calls that they are made of.
pub trait ReputationStore: Send {
    /// Keeps everybody else from counting until the transaction ends.
    fn lock_counting(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks calls that have ended as counted, at most `limit`, and gives them.
    fn take_uncounted(&mut self, limit: u32) -> impl Future<Output = Result<Vec<Call>, StoreError>> + Send;

    /// What a provider's calls come to that ended in a period and are not counted yet; of so many of them at most.
    fn sum_uncounted(
        &mut self,
        provider: OwnerId,
        period: Period,
        limit: u32,
    ) -> impl Future<Output = Result<Counts, StoreError>> + Send;

    /// What is counted of a subject in a period.
    fn find_record(
        &mut self,
        subject: Subject,
        period: Period,
    ) -> impl Future<Output = Result<Option<Record>, StoreError>> + Send;

    /// Writes a record, in place of the one that there was.
    fn put_record(&mut self, record: &Record, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The overall scores of these providers for all time, in no order. Those that were not called are left out.
    fn list_overall(&mut self, providers: &[OwnerId]) -> impl Future<Output = Result<Vec<(OwnerId, u32)>, StoreError>> + Send;

    /// What an owner is called, and the ids of its oldest active agents, at most `limit`.
    fn find_names(
        &mut self,
        owner: OwnerId,
        limit: u32,
    ) -> impl Future<Output = Result<(String, Vec<String>), StoreError>> + Send;

    /// Writes a fact beside what made it true.
    fn append_reputation_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}
