//! What becomes of a settlement.

use rialto_kernel::{Caller, Timestamp};
use rialto_ledger::{
    House, Kind, LedgerStore, NewTransfer,
    balance::{self, open_payable_account},
    transfer,
};

use super::{Settlement, SettlementError, SettlementId, SettlementState, SettlementStore, gather::event};
use crate::{
    commission::{CommissionStore, terms_of},
    payments::version_8,
};

/// The movement by which a provider is paid. The memo is what the payment is called where it was made.
pub const PAYOUT: Kind = Kind(40);
/// The longest name of a payment, and the longest reason, in characters.
pub const TEXT_CHARS_MAX: usize = 256;

/// Says that a pending settlement is being paid. From then on it takes no more calls.
///
/// # Errors
/// [`SettlementError::NotAdmin`], [`SettlementError::Unknown`], [`SettlementError::WrongState`].
pub async fn process(
    tx: &mut impl SettlementStore,
    caller: &Caller,
    id: SettlementId,
    now: Timestamp,
) -> Result<Settlement, SettlementError> {
    let settlement = locked(tx, caller, id).await?.ok_or(SettlementError::Unknown)?;
    if settlement.state != SettlementState::Pending {
        return Err(SettlementError::WrongState(settlement.state));
    }
    let settlement = Settlement { state: SettlementState::Processing, updated_at: now, ..settlement };
    tx.save_settlement(&settlement).await?;
    Ok(settlement)
}

/// Says that a settlement was paid, and takes its money out of the provider's account. Both happen or neither; the commission was
/// taken when the calls were made.
///
/// # Errors
/// [`SettlementError::NotAdmin`], [`SettlementError::Invalid`]; [`SettlementError::NotPayable`] also when it was paid;
/// [`SettlementError::NotCovered`].
pub async fn pay(
    tx: &mut (impl SettlementStore + CommissionStore + LedgerStore),
    caller: &Caller,
    id: SettlementId,
    payment_tx: &str,
    now: Timestamp,
) -> Result<Settlement, SettlementError> {
    let payment_tx = text("payment_tx", payment_tx)?;
    let settlement = locked(tx, caller, id).await?.filter(|settlement| settlement.state.is_open());
    let settlement = settlement.ok_or(SettlementError::NotPayable)?;
    if !settlement.share.net().is_zero() {
        open_payable_account(tx, settlement.provider.owner, now).await?;
        transfer(tx, payout(&settlement, &payment_tx), now).await?;
    }
    // They may not be kept yet: free calls need none.
    terms_of(tx, settlement.provider.owner).await?;
    tx.add_settled(settlement.provider.owner, settlement.share.gross).await?;
    let state = SettlementState::Completed;
    let settlement = Settlement { state, payment_tx: Some(payment_tx), updated_at: now, ..settlement };
    tx.save_settlement(&settlement).await?;
    tx.append_settlement_event(event("settlement.completed", &settlement, now)).await?;
    Ok(settlement)
}

/// The movement of a settlement. Its id follows from the settlement's, so the ledger would not do it twice either; it is one that
/// nobody can take in advance.
fn payout(settlement: &Settlement, payment_tx: &str) -> NewTransfer {
    let (payable, payouts) = (balance::payable_account(settlement.provider.owner), House::Payouts.account(balance::ASSET));
    let plain = NewTransfer::new(version_8(settlement.id), payable, payouts, settlement.share.net());
    NewTransfer { kind: PAYOUT, reference: Some(settlement.id.cast()), memo: Some(payment_tx.to_owned()), ..plain }
}

/// Says that a settlement will not be paid, and why, and lets go of its calls, at most `batch` of them: they may be settled by
/// another one.
///
/// # Errors
/// [`SettlementError::NotAdmin`], [`SettlementError::Invalid`], [`SettlementError::Unknown`], [`SettlementError::WrongState`].
pub async fn fail(
    tx: &mut impl SettlementStore,
    caller: &Caller,
    id: SettlementId,
    reason: &str,
    batch: u32,
    now: Timestamp,
) -> Result<Settlement, SettlementError> {
    let reason = text("reason", reason)?;
    let settlement = locked(tx, caller, id).await?.ok_or(SettlementError::Unknown)?;
    if !settlement.state.is_open() {
        return Err(SettlementError::WrongState(settlement.state));
    }
    let state = SettlementState::Failed;
    let settlement = Settlement { state, failure: Some(reason), is_releasing: true, updated_at: now, ..settlement };
    let settlement = release(tx, settlement, batch).await?;
    tx.append_settlement_event(event("settlement.failed", &settlement, now)).await?;
    Ok(settlement)
}

/// Lets go of calls of one settlement that has failed, at most `batch`; gives whether there was one. Call it until there is none.
///
/// # Errors
/// The store's.
pub async fn release_failed(tx: &mut impl SettlementStore, batch: u32) -> Result<bool, SettlementError> {
    let Some(id) = tx.find_releasing().await? else { return Ok(false) };
    if let Some(settlement) = tx.lock_settlement(id).await?.filter(|settlement| settlement.is_releasing) {
        release(tx, settlement, batch).await?;
    }
    Ok(true)
}

async fn release(tx: &mut impl SettlementStore, settlement: Settlement, batch: u32) -> Result<Settlement, SettlementError> {
    let released = tx.release_usage(settlement.id, batch).await?;
    let is_releasing = released >= usize::try_from(batch).unwrap_or(usize::MAX);
    let settlement = Settlement { is_releasing, ..settlement };
    tx.save_settlement(&settlement).await?;
    Ok(settlement)
}

async fn locked(tx: &mut impl SettlementStore, caller: &Caller, id: SettlementId) -> Result<Option<Settlement>, SettlementError> {
    if !caller.is_admin() {
        return Err(SettlementError::NotAdmin);
    }
    Ok(tx.lock_settlement(id).await?)
}

/// A short text without the space around it.
fn text(field: &'static str, given: &str) -> Result<String, SettlementError> {
    let given = given.trim();
    if given.is_empty() {
        return Err(SettlementError::invalid(field, "must not be empty"));
    }
    if given.chars().count() > TEXT_CHARS_MAX {
        return Err(SettlementError::invalid(field, format!("must not be longer than {TEXT_CHARS_MAX} characters")));
    }
    if given.chars().any(char::is_control) {
        return Err(SettlementError::invalid(field, "must not contain control characters"));
    }
    Ok(given.to_owned())
}
