//! Ending a call before its agent has answered.

use rialto_kernel::Timestamp;
use rialto_ledger::LedgerError;
use rialto_store::{Tx, outbox};

use super::{
    Outcome,
    settle::{finish, interrupted, interruption},
};
use crate::{
    error::BrokerError,
    model::{Invocation, InvocationId},
    store::InvocationStore,
};

/// What a call is told that its caller did not want any more.
pub const CANCELED: &str = "The call was canceled and not charged";

/// What came of the wish to end a call.
#[derive(Debug, Clone, PartialEq)]
pub enum AbandonedCall {
    /// It has ended now, without being charged. Whatever its agent still answers is withheld.
    Ended,
    /// It had ended before, like this.
    HadEnded(Box<Invocation>),
    /// It goes on, to be paid if it ends well.
    GoesOn,
    /// There is no such call, or it has not been written down yet.
    Unknown,
}

/// Ends a running call in this transaction: its hold is voided, and its outcome will never count. The request that is on the
/// wire is not taken back.
///
/// It is not for a call that was made under an idempotency key, which would stay unanswered. Rows are locked as a settlement
/// locks them: the call, the hold, the wallets.
///
/// # Errors
/// The ledger's, or the store's.
pub async fn abandon_call(tx: &mut Tx, id: InvocationId, now: Timestamp) -> Result<AbandonedCall, BrokerError> {
    // The call is looked for before its hold. They were written in one transaction, so whoever sees the call sees the hold: the
    // other way round, a call that begins between the two looks would be ended and its hold left behind.
    let Some(running) = tx.find_running(id).await? else {
        return Ok(tx.find_ended(id).await?.map_or(AbandonedCall::Unknown, |call| AbandonedCall::HadEnded(Box::new(call))));
    };
    let outcome = interrupted(id, running.conversation, now.since(running.created_at));
    let outcome = Outcome { error: Some(CANCELED.to_owned()), ..outcome };
    if !tx.finish_invocation(id, &finish(&outcome, None), now).await? {
        return Ok(tx.find_ended(id).await?.map_or(AbandonedCall::Unknown, |call| AbandonedCall::HadEnded(Box::new(call))));
    }
    outbox::append(tx, interruption(id, running.caller, running.agent, &outcome, now)).await?;
    match rialto_ledger::void(tx, id.cast(), now).await {
        // A free call has no hold, and one that is over has none any more.
        Ok(_) | Err(LedgerError::HoldUnknown(_) | LedgerError::HoldExpired(_) | LedgerError::HoldResolved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(AbandonedCall::Ended)
}

/// The caller has had a part of the answer and wants no more of it. What was begun goes on to its end, and is paid if that is good:
/// the same as for whoever leaves a stream early.
///
/// # Errors
/// The store's.
pub async fn let_call_go(tx: &mut Tx, id: InvocationId) -> Result<AbandonedCall, BrokerError> {
    if tx.find_running(id).await?.is_some() {
        return Ok(AbandonedCall::GoesOn);
    }
    Ok(tx.find_ended(id).await?.map_or(AbandonedCall::Unknown, |call| AbandonedCall::HadEnded(Box::new(call))))
}
