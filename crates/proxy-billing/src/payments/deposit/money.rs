//! How money gets into a balance and out of it again, and what is owed in between.
//!
//! What a payer has back and was not there to be taken, because it was spent, set aside or frozen, is owed: it makes no balance
//! negative, and is kept of what comes in next. Who changes what is owed has locked the depositor, so that a deposit and a refund that
//! come at once know of each other.

use rialto_kernel::{Amount, Asset, Event, OwnerId, Timestamp};
use rialto_ledger::{
    Balancing, House, LedgerError, NewTransfer, TransferId,
    balance::{ASSET, buyer_account, open_buyer_account},
    wallet::kind,
};
use rialto_store::{Tx, outbox};
use serde_json::json;

use super::{
    super::{derived_id, version_8},
    Deposit, DepositError, DepositId, DepositStore,
};

/// Moves the money of a completed deposit into the balance, and what is kept of it for what its owner owes out again; says so.
/// Gives the deposit with what was kept.
pub(super) async fn enter(tx: &mut Tx, deposit: Deposit, from: House, now: Timestamp) -> Result<Deposit, DepositError> {
    tx.lock_depositor(deposit.owner).await?;
    let owed = tx.sum_deposits(deposit.owner).await?.owed;
    let account = open_buyer_account(tx, deposit.owner, now).await?;
    let new = NewTransfer {
        kind: kind::DEPOSIT,
        reference: Some(deposit.id.cast()),
        memo: Some(deposit.rail.clone()),
        ..NewTransfer::new(version_8(deposit.id), from.account(ASSET), account.id, deposit.amount)
    };
    rialto_ledger::transfer(tx, new, now).await?;
    let kept = keep(tx, &deposit, owed.min(deposit.amount), now).await?;
    let data = json!({
        "deposit_id": deposit.id,
        "buyer_owner_id": deposit.owner,
        "amount_usd": deposit.amount.to_decimal(Asset::USDC),
        "kept_usd": kept.to_decimal(Asset::USDC),
        "owed_usd": minus(owed, kept).to_decimal(Asset::USDC),
        "rail": deposit.rail,
    });
    let event = Event { kind: "balance.deposited", subject: account.id.uuid(), owner: Some(deposit.owner), data, at: now };
    outbox::append(tx, event).await?;
    Ok(Deposit { kept, ..deposit })
}

/// Keeps this much of a deposit, and gives how much that was.
async fn keep(tx: &mut Tx, deposit: &Deposit, owed: Amount, now: Timestamp) -> Result<Amount, DepositError> {
    if owed.is_zero() {
        return Ok(Amount::ZERO);
    }
    let id = derived_id("rialto deposit debt v1", &[deposit.id.as_bytes()]);
    let kept =
        take(tx, Taking { id, deposit: deposit.id, from: deposit.owner, amount: owed, memo: "kept for what was owed" }, now);
    let kept = kept.await?;
    tracing::info!(deposit.id = %deposit.id, kept = kept.get(), "a deposit was kept, in part or whole, for what its owner owed");
    Ok(kept)
}

/// Takes a refund out of the balance, as far as it is there, and gives how much that was; the rest is owed, once the deposit says so.
pub(super) async fn take_back(
    tx: &mut Tx,
    deposit: &Deposit,
    refund: &str,
    amount: Amount,
    now: Timestamp,
) -> Result<Amount, DepositError> {
    tx.lock_depositor(deposit.owner).await?;
    let id = derived_id("rialto deposit refund v1", &[deposit.rail.as_bytes(), refund.as_bytes()]);
    let memo = format!("{}, returned", deposit.rail);
    take(tx, Taking { id, deposit: deposit.id, from: deposit.owner, amount, memo: &memo }, now).await
}

/// What is to be taken out of a balance.
struct Taking<'a> {
    id: TransferId,
    /// On account of which deposit.
    deposit: DepositId,
    from: OwnerId,
    /// How much at most.
    amount: Amount,
    memo: &'a str,
}

/// Takes as much out of a balance as there is, and gives how much that was.
async fn take(tx: &mut Tx, taking: Taking<'_>, now: Timestamp) -> Result<Amount, DepositError> {
    let Taking { id, deposit, from, amount, memo } = taking;
    let new = NewTransfer {
        kind: kind::DEPOSIT,
        reference: Some(deposit.cast()),
        memo: Some(memo.to_owned()),
        balancing: Some(Balancing::Debit),
        ..NewTransfer::new(id, buyer_account(from), House::Purchases.account(ASSET), amount)
    };
    match rialto_ledger::transfer(tx, new, now).await {
        Ok(posted) => Ok(posted.transfer.amount),
        // It is spent, or nobody may take from it now: it stays owed.
        Err(LedgerError::InsufficientFunds { .. } | LedgerError::AccountNotOpen { .. }) => Ok(Amount::ZERO),
        Err(error) => Err(error.into()),
    }
}

/// The one is a part of the other, so that it is never negative.
pub(super) fn minus(from: Amount, amount: Amount) -> Amount {
    from.minus(amount).unwrap_or(Amount::ZERO)
}

pub(super) fn plus(to: Amount, amount: Amount) -> Amount {
    to.plus(amount).unwrap_or(Amount::MAX)
}
