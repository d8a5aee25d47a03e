//! Setting money aside, and what becomes of it: posted, voided, or expired, exactly once.

use rialto_kernel::{Amount, Timestamp};
use rialto_store::StoreError;

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
/// again while it returns any.
///
/// Holds that another transaction is just posting or voiding are left to it. One that makes no sense (its account does not hold as much, a
/// row cannot be read) is logged and left where it is: it keeps nobody else's money.
///
/// # Errors
/// [`LedgerError::Store`].
pub async fn expire_holds(tx: &mut impl LedgerStore, now: Timestamp, limit: u32) -> Result<Vec<Hold>, LedgerError> {
    let due = tx.lock_due_holds(now, limit).await?;
    if due.is_empty() {
        return Ok(due);
    }
    match release(tx, &due, now).await {
        Ok((plan, expired)) => {
            plan.commit(tx).await?;
            return Ok(expired);
        }
        Err(error) if is_of_a_row(&error) => {}
        Err(error) => return Err(error),
    }
    let mut expired = Vec::with_capacity(due.len());
    for hold in &due {
        match release(tx, std::slice::from_ref(hold), now).await {
            Ok((plan, one)) => {
                plan.commit(tx).await?;
                expired.extend(one);
            }
            Err(error) if is_of_a_row(&error) => {
                tracing::error!(%error, hold.id = %hold.terms.id, "a hold whose time is over makes no sense, and stays");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(expired)
}

/// Decides it. Nothing is written yet.
async fn release(tx: &mut impl LedgerStore, due: &[Hold], now: Timestamp) -> Result<(Plan, Vec<Hold>), LedgerError> {
    let mut plan = Plan::for_holds(tx, due.to_vec(), now).await?;
    let expired = due.iter().map(|hold| plan.release(hold.clone(), HoldState::Expired)).collect::<Result<Vec<_>, _>>()?;
    Ok((plan, expired))
}

/// Whether rows were read, and made no sense: nothing was written, and the transaction can go on.
const fn is_of_a_row(error: &LedgerError) -> bool {
    matches!(
        error,
        LedgerError::Store(StoreError::Corrupt(_)) | LedgerError::BalanceOutOfRange(_) | LedgerError::AccountUnknown { .. }
    )
}
