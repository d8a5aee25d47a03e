//! Setting money aside, and what becomes of it: posted, voided, or expired, exactly once.

use rialto_kernel::{Amount, Timestamp};

use crate::{
    LedgerError,
    model::{Held, Hold, HoldId, HoldState, NewHold, Posted},
    plan::{Command, Plan},
    store::LedgerStore,
};

/// Sets money aside for a movement that may still be voided. It is no longer available to the payer, and not yet to
/// the payee.
///
/// # Errors
/// As [`crate::transfer`]; [`LedgerError::IdMismatch`] when the id was used for another hold.
pub async fn hold(tx: &mut impl LedgerStore, new: NewHold, now: Timestamp) -> Result<Held, LedgerError> {
    let command = Command::Hold(new);
    let mut plan = Plan::load(tx, [&command], now).await?;
    let held = plan.run(&command)?.into_held()?;
    plan.commit(tx).await?;
    Ok(held)
}

/// Pays what is held, whole (`None`) or in part; the rest goes back. Asking again for the same amount gives the first
/// result.
///
/// It does not ask whether an account was frozen since: the payer agreed to the hold, and the work is done.
///
/// # Errors
/// [`LedgerError::AmountZero`], [`LedgerError::HoldUnknown`], [`LedgerError::HoldResolved`],
/// [`LedgerError::HoldExpired`] (also when its time is over and nobody has noticed yet), [`LedgerError::HoldExceeded`].
pub async fn post(
    tx: &mut impl LedgerStore,
    hold: HoldId,
    amount: Option<Amount>,
    now: Timestamp,
) -> Result<Posted, LedgerError> {
    let command = Command::Post { hold, amount };
    let mut plan = Plan::load(tx, [&command], now).await?;
    let posted = plan.run(&command)?.into_posted()?;
    plan.commit(tx).await?;
    Ok(posted)
}

/// Gives back what is held. Asking again gives the first result.
///
/// # Errors
/// [`LedgerError::HoldUnknown`], [`LedgerError::HoldResolved`] when it was posted, [`LedgerError::HoldExpired`] when it
/// has expired (the money is back in that case too).
pub async fn void(tx: &mut impl LedgerStore, hold: HoldId, now: Timestamp) -> Result<Held, LedgerError> {
    let command = Command::Void(hold);
    let mut plan = Plan::load(tx, [&command], now).await?;
    let held = plan.run(&command)?.into_held()?;
    plan.commit(tx).await?;
    Ok(held)
}

/// Gives back what is held by pending holds whose time is over, at most `limit` of them, and returns them. Call it
/// again while it returns as many as it may.
///
/// Holds that another transaction is just posting or voiding are left to it.
///
/// # Errors
/// [`LedgerError::Store`].
pub async fn expire_holds(tx: &mut impl LedgerStore, now: Timestamp, limit: u32) -> Result<Vec<Hold>, LedgerError> {
    let due = tx.lock_due_holds(now, limit).await?;
    if due.is_empty() {
        return Ok(due);
    }
    let mut plan = Plan::for_holds(tx, due.clone(), now).await?;
    let expired = due.into_iter().map(|hold| plan.release(hold, HoldState::Expired)).collect::<Result<Vec<_>, _>>()?;
    plan.commit(tx).await?;
    Ok(expired)
}
