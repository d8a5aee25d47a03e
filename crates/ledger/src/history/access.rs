//! Who may see what: owners their own accounts, and what moves on them; administrators everything. What belongs to the
//! house is for administrators.

use rialto_kernel::{AccountId, Asset, Caller, OwnerId};

use super::HistoryError;
use crate::{
    access::may_read,
    model::{Account, Hold, HoldId, Transfer, TransferId},
    store::LedgerStore,
};

/// A transfer, and which of its sides somebody may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// The transfer.
    pub transfer: Transfer,
    /// What it moved.
    pub asset: Asset,
    /// Whether the paying account may be looked at.
    pub sees_debit: bool,
    /// Whether the paid account may be looked at.
    pub sees_credit: bool,
}

/// A hold, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldView {
    /// The hold.
    pub hold: Hold,
    /// What it holds.
    pub asset: Asset,
}

/// Whether the caller may look at what `owner` has.
///
/// # Errors
/// [`HistoryError::Forbidden`].
pub fn check_owner(caller: &Caller, owner: OwnerId) -> Result<(), HistoryError> {
    if caller.may_read(owner) { Ok(()) } else { Err(HistoryError::Forbidden("These accounts belong to somebody else.")) }
}

/// Whether the caller may look at the accounts of everybody, and at those of the house.
///
/// # Errors
/// [`HistoryError::Forbidden`].
pub fn check_house(caller: &Caller) -> Result<(), HistoryError> {
    if caller.is_admin() { Ok(()) } else { Err(HistoryError::Forbidden("Everybody's accounts are for administrators.")) }
}

/// An account, for its owner or an administrator.
///
/// # Errors
/// [`HistoryError::AccountUnknown`], [`HistoryError::Forbidden`].
pub async fn read_account(tx: &mut impl LedgerStore, caller: &Caller, id: AccountId) -> Result<Account, HistoryError> {
    let account = tx.find_account(id).await?.ok_or(HistoryError::AccountUnknown)?;
    if may_read(caller, account.owner) {
        Ok(account)
    } else {
        Err(HistoryError::Forbidden("This account belongs to somebody else."))
    }
}

/// A transfer, for the owner of either account or an administrator.
///
/// # Errors
/// [`HistoryError::TransferUnknown`], [`HistoryError::Forbidden`].
pub async fn read_transfer(tx: &mut impl LedgerStore, caller: &Caller, id: TransferId) -> Result<TransferView, HistoryError> {
    let transfer = tx.find_transfers(&[id]).await?.pop().ok_or(HistoryError::TransferUnknown)?;
    let debit = tx.find_account(transfer.debit.account).await?.ok_or(HistoryError::AccountUnknown)?;
    let credit = tx.find_account(transfer.credit.account).await?.ok_or(HistoryError::AccountUnknown)?;
    let (sees_debit, sees_credit) = (may_read(caller, debit.owner), may_read(caller, credit.owner));
    if sees_debit || sees_credit {
        Ok(TransferView { transfer, asset: debit.asset, sees_debit, sees_credit })
    } else {
        Err(HistoryError::Forbidden("This transfer is between the accounts of others."))
    }
}

/// A hold, for the owner of either account or an administrator.
///
/// # Errors
/// [`HistoryError::HoldUnknown`], [`HistoryError::Forbidden`].
pub async fn read_hold(tx: &mut impl LedgerStore, caller: &Caller, id: HoldId) -> Result<HoldView, HistoryError> {
    let hold = tx.find_hold(id).await?.ok_or(HistoryError::HoldUnknown)?;
    let debit = tx.find_account(hold.terms.debit).await?.ok_or(HistoryError::AccountUnknown)?;
    let credit = tx.find_account(hold.terms.credit).await?.ok_or(HistoryError::AccountUnknown)?;
    if may_read(caller, debit.owner) || may_read(caller, credit.owner) {
        Ok(HoldView { hold, asset: debit.asset })
    } else {
        Err(HistoryError::Forbidden("This hold is between the accounts of others."))
    }
}
