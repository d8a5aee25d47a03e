//! Reading settlements.

use rialto_kernel::{Caller, Page, PageRequest};

use super::{Settlement, SettlementError, SettlementFilter, SettlementId, SettlementStore};

/// A settlement: an administrator sees all of them, a provider its own.
///
/// # Errors
/// [`SettlementError::Unknown`], [`SettlementError::NotYours`].
pub async fn find_settlement(
    tx: &mut impl SettlementStore,
    caller: &Caller,
    id: SettlementId,
) -> Result<Settlement, SettlementError> {
    let settlement = tx.find_settlement(id).await?.ok_or(SettlementError::Unknown)?;
    if caller.may_read(settlement.provider.owner) { Ok(settlement) } else { Err(SettlementError::NotYours) }
}

/// Settlements, the latest period first: all of them for an administrator, and for everybody else their own.
///
/// # Errors
/// [`SettlementError::NotYours`] when somebody else's are asked for.
pub async fn list_settlements(
    tx: &mut impl SettlementStore,
    caller: &Caller,
    filter: &SettlementFilter,
    page: PageRequest,
) -> Result<Page<Settlement>, SettlementError> {
    let provider = match filter.provider {
        Some(provider) if !caller.may_read(provider) => return Err(SettlementError::NotYours),
        None if !caller.is_admin() => Some(caller.owner),
        provider => provider,
    };
    Ok(tx.list_settlements(&SettlementFilter { provider, ..*filter }, page).await?)
}
