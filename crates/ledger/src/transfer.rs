//! Moving money: one transfer, a linked group, a reversal.

use rialto_kernel::Timestamp;

use crate::{
    GroupError, LedgerError,
    model::{NewTransfer, Posted, TransferId},
    plan::{Command, Outcome, Plan},
    store::LedgerStore,
};

/// Moves money from one account to another.
///
/// The id makes it safe to repeat: the same id with the same fields gives the first result, with
/// [`Posted::existed`] set.
///
/// # Errors
/// [`LedgerError::AmountZero`], [`LedgerError::IdMismatch`], [`LedgerError::AccountUnknown`],
/// [`LedgerError::AssetMismatch`], [`LedgerError::AccountNotOpen`], [`LedgerError::InsufficientFunds`],
/// [`LedgerError::BalanceOutOfRange`]; looked for in this order.
pub async fn transfer(tx: &mut impl LedgerStore, new: NewTransfer, now: Timestamp) -> Result<Posted, LedgerError> {
    let mut plan = Plan::for_transfer(tx, &new, now).await?;
    let posted = plan.transfer(&new, None)?;
    plan.commit(tx).await?;
    Ok(posted)
}

/// Does all of `commands`, in their order, or none of them.
///
/// A member sees what the members before it did. Each id keeps its promise for itself: a member that had been done
/// before is answered, not repeated.
///
/// # Errors
/// [`GroupError`]: the first member that was refused, and why.
pub async fn group(tx: &mut impl LedgerStore, commands: &[Command], now: Timestamp) -> Result<Vec<Outcome>, GroupError> {
    let whole = |source| GroupError { index: 0, source };
    let mut plan = Plan::load(tx, commands, now).await.map_err(whole)?;
    let mut outcomes = Vec::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        outcomes.push(plan.run(command).map_err(|source| GroupError { index, source })?);
    }
    plan.commit(tx).await.map_err(whole)?;
    Ok(outcomes)
}

/// A reversal that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReversal {
    /// The id of the transfer that takes the other back. Chosen by the caller.
    pub id: TransferId,
    /// The transfer to be taken back.
    pub transfer: TransferId,
    /// A text for people. Without NUL.
    pub memo: Option<String>,
}

/// Takes a transfer back, once, by a transfer of the same amount the other way. History is not touched.
///
/// # Errors
/// [`LedgerError::IdMismatch`], [`LedgerError::TransferUnknown`], [`LedgerError::IsReversal`],
/// [`LedgerError::AlreadyReversed`], then those of [`transfer`].
pub async fn reverse(tx: &mut impl LedgerStore, new: NewReversal, now: Timestamp) -> Result<Posted, LedgerError> {
    let found = tx.find_transfers(&[new.transfer]).await?;
    let Some(original) = found.into_iter().next() else {
        let taken = tx.find_transfers(&[new.id]).await?;
        let refusal = if taken.is_empty() { LedgerError::TransferUnknown(new.transfer) } else { LedgerError::IdMismatch(new.id) };
        return Err(refusal);
    };
    let back = NewTransfer {
        id: new.id,
        debit: original.credit.account,
        credit: original.debit.account,
        amount: original.amount,
        kind: original.kind,
        reference: original.reference,
        memo: new.memo,
    };
    let mut plan = Plan::for_transfer(tx, &back, now).await?;
    if !plan.knows(new.id) {
        if original.reverses.is_some() {
            return Err(LedgerError::IsReversal(original.id));
        }
        if let Some(by) = tx.find_reversal(original.id).await? {
            return Err(LedgerError::AlreadyReversed { transfer: original.id, by });
        }
    }
    let posted = plan.transfer(&back, Some(original.id))?;
    plan.commit(tx).await?;
    Ok(posted)
}
