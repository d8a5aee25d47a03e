//! What administrators decide of payments of which nobody can say what became of them.
//!
//! The call of such a payment is open, and its price set aside: a decision ends it, as the facilitator's word would have.

use rialto_kernel::{Caller, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx};

use super::{
    ProxyError,
    ended::{end_paid, end_unpaid},
};
use crate::{
    payments::x402::{Doubtful, PaymentRecord, PaymentState, PaymentStore, ReviewStore, word},
    usage::UsageId,
};

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 256;

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its money is at the house's address: it came in this transaction.
    Settled(String),
    /// Its money has not come, and cannot come any more: and why.
    Refused(String),
}

/// Why a decision is refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Only administrators decide.
    #[error("This takes an administrator.")]
    NotAdmin,
    /// No such payment.
    #[error("Payment not found")]
    Unknown,
    /// The transaction is none.
    #[error("must be the hash of a transaction: 0x and 64 hexadecimal digits")]
    Transaction,
    /// The reason is none, or too long.
    #[error("must have 1 to {REASON_CHARS_MAX} characters, none of them a control character")]
    Reason,
    /// What became of it is known, or will be.
    #[error("The payment is {}: there is nothing to decide", .0.as_str())]
    NotUnclear(PaymentState),
    /// The proxy failed.
    #[error("the decision could not be written down")]
    Proxy(#[from] ProxyError),
}

impl From<StoreError> for ResolveError {
    fn from(error: StoreError) -> Self {
        Self::Proxy(error.into())
    }
}

impl Decision {
    /// Whether a payment stands as this has it.
    fn is_made(&self, payment: &PaymentRecord) -> bool {
        match self {
            Self::Settled(transaction) => {
                payment.state == PaymentState::Settled
                    && payment.transaction.as_deref().is_some_and(|there| same(there, transaction))
            }
            Self::Refused(_) => payment.state == PaymentState::Failed,
        }
    }

    fn check(&self) -> Result<(), ResolveError> {
        match self {
            Self::Settled(transaction) if word(transaction).is_none() => Err(ResolveError::Transaction),
            Self::Refused(reason)
                if reason.trim().is_empty()
                    || reason.chars().count() > REASON_CHARS_MAX
                    || reason.chars().any(char::is_control) =>
            {
                Err(ResolveError::Reason)
            }
            _ => Ok(()),
        }
    }
}

/// Whether both are the name of one transaction.
fn same(there: &str, transaction: &str) -> bool {
    there.eq_ignore_ascii_case(transaction)
}

/// Payments that wait for a decision, or that were decided, the latest first.
///
/// # Errors
/// [`ResolveError::NotAdmin`].
pub async fn list_doubtful(
    tx: &mut impl ReviewStore,
    caller: &Caller,
    which: Doubtful,
    page: PageRequest,
) -> Result<Page<PaymentRecord>, ResolveError> {
    if !caller.is_admin() {
        return Err(ResolveError::NotAdmin);
    }
    Ok(tx.list_payments(which, page).await?)
}

/// Decides what became of a payment, and ends its call: as paid and delivered, with the answer for whoever asks again, or as not
/// paid. The same decision made again changes nothing, and is told what was decided.
///
/// # Errors
/// [`ResolveError`]; [`ResolveError::NotUnclear`] also when it was decided otherwise.
pub async fn resolve(
    tx: &mut Tx,
    caller: &Caller,
    usage: UsageId,
    decision: &Decision,
    now: Timestamp,
) -> Result<PaymentRecord, ResolveError> {
    if !caller.is_admin() {
        return Err(ResolveError::NotAdmin);
    }
    decision.check()?;
    let unclear = tx.find_settling(usage).await?.filter(|seen| seen.state == PaymentState::Unclear);
    let ended = match (unclear, decision) {
        (None, _) => false,
        (Some(seen), Decision::Settled(transaction)) => end_paid(tx, &seen, transaction, now).await?,
        (Some(seen), Decision::Refused(reason)) => end_unpaid(tx, &seen, reason.trim(), now).await?,
    };
    if ended {
        tx.insert_resolution(usage, caller.owner, now).await?;
    }
    let payment = tx.find_payment(usage).await?.ok_or(ResolveError::Unknown)?;
    // It was ended by another administrator, or by a facilitator that was late.
    if ended || decision.is_made(&payment) && payment.resolved.is_some() {
        return Ok(payment);
    }
    Err(ResolveError::NotUnclear(payment.state))
}
