//! What somebody has called, or was called for.

use rialto_kernel::{Caller, Page, PageRequest};
use rialto_store::StoreError;

use super::{Usage, UsageFilter, UsageParty, UsageSum};
use crate::store::{UsageStore, UsageSumStore};

/// Calls, one by one and together.
#[derive(Debug, Clone)]
pub struct UsageReport {
    /// What all of them come to.
    pub sum: UsageSum,
    /// Those of this page, the newest first.
    pub calls: Page<Usage>,
}

/// The calls that the caller made, or that were made of its services, as `party` says. Those that are still being made are not
/// among them.
///
/// # Errors
/// The store's.
pub async fn report(
    tx: &mut (impl UsageStore + UsageSumStore),
    caller: &Caller,
    party: fn(rialto_kernel::OwnerId) -> UsageParty,
    filter: &UsageFilter,
    page: PageRequest,
) -> Result<UsageReport, StoreError> {
    let party = party(caller.owner);
    let sum = tx.sum_usage(party, filter).await?;
    let items = tx.list_usage(party, filter, page).await?;
    Ok(UsageReport { sum, calls: Page { items, total: sum.calls.calls } })
}
