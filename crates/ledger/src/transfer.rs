//! Moving money: one transfer, a linked group, a reversal.

use rialto_kernel::Timestamp;

use crate::{
    GroupError, LedgerError,
    model::{NewReversal, NewTransfer, Posted},
    plan::{Command, Outcome, Plan},
    store::LedgerStore,
};

/// Moves money from one account to another.
///
/// The id makes it safe to repeat: the same id with the same fields gives the first result, with
/// [`Posted::existed`] set.
///
/// # Errors
/// [`LedgerError::AmountZero`], [`LedgerError::TextInvalid`], [`LedgerError::TimeOutOfRange`], [`LedgerError::EffectiveInFuture`],
/// [`LedgerError::IdMismatch`], [`LedgerError::AccountUnknown`], [`LedgerError::AssetMismatch`],
/// [`LedgerError::AccountNotOpen`], [`LedgerError::InsufficientFunds`], [`LedgerError::CreditsExceedDebits`],
/// [`LedgerError::BalanceOutOfRange`]; looked for in this order.
pub async fn transfer(tx: &mut impl LedgerStore, new: NewTransfer, now: Timestamp) -> Result<Posted, LedgerError> {
    let mut plan = Plan::for_transfer(tx, &new, now).await?;
    let posted = plan.transfer(&new)?;
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
    let outcomes = plan.run_linked(commands)?;
    plan.commit(tx).await.map_err(whole)?;
    Ok(outcomes)
}

/// Does each of `groups` as a whole or not at all, and each on its own: one that is refused harms no other. They are decided
/// in their order, and written together.
///
/// # Errors
/// [`LedgerError::Store`], and then none of them happened.
pub async fn batch(
    tx: &mut impl LedgerStore,
    groups: &[Vec<Command>],
    now: Timestamp,
) -> Result<Vec<Result<Vec<Outcome>, GroupError>>, LedgerError> {
    let mut plan = Plan::load(tx, groups.iter().flatten(), now).await?;
    let outcomes = groups.iter().map(|commands| plan.run_linked(commands)).collect();
    plan.commit(tx).await?;
    Ok(outcomes)
}

/// Takes a transfer back, once, by a transfer of the same amount the other way. History is not touched.
///
/// # Errors
/// [`LedgerError::TextInvalid`], [`LedgerError::IdMismatch`], [`LedgerError::TransferUnknown`], [`LedgerError::IsReversal`],
/// [`LedgerError::AlreadyReversed`], then those of [`transfer`].
pub async fn reverse(tx: &mut impl LedgerStore, new: NewReversal, now: Timestamp) -> Result<Posted, LedgerError> {
    let command = Command::Reverse(new);
    let mut plan = Plan::load(tx, [&command], now).await?;
    let posted = plan.run(&command)?.into_posted()?;
    plan.commit(tx).await?;
    Ok(posted)
}
