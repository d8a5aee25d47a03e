//! What administrators decide of payments of which nobody can say what became of them.
//!
//! The call of such a payment is open, and its price set aside: a decision ends it, as the facilitator's word would have.

use rialto_kernel::{Caller, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx};

use super::{
    ProxyError,
    ended::{Ender, end_paid, end_unpaid, is_lost},
};
use crate::{
    payments::x402::{Doubtful, Network, PaymentRecord, PaymentState, PaymentStore, ReviewStore, Settling, word},
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

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The payment, as it stands now.
    pub payment: PaymentRecord,
    /// Whether it was this decision that ended it, and not the same one before.
    pub is_new: bool,
    /// Whether the call is paid and its answer cannot be had any more: its buyer has to be helped.
    pub is_lost: bool,
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
    /// Another payment came in that transaction: it pays once.
    #[error("This transaction is that of another payment: the one for the call {0}")]
    TransactionTaken(UsageId),
    /// The payment is on a test network, and what is taken now is worth something.
    #[error("The payment is on a test network, whose money is not taken: it cannot be settled")]
    TestMoney,
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
/// paid. The same decision made again changes nothing, and is told what was decided. `takes_test_money` says whether money of test
/// networks counts.
///
/// # Errors
/// [`ResolveError`]; [`ResolveError::NotUnclear`] also when it was decided otherwise.
pub async fn resolve(
    tx: &mut Tx,
    caller: &Caller,
    usage: UsageId,
    decision: &Decision,
    takes_test_money: bool,
    now: Timestamp,
) -> Result<Resolved, ResolveError> {
    if !caller.is_admin() {
        return Err(ResolveError::NotAdmin);
    }
    decision.check()?;
    let unclear = tx.find_settling(usage).await?.filter(|seen| seen.state == PaymentState::Unclear);
    let (mut is_new, mut is_answer_lost) = (false, false);
    if let Some(seen) = &unclear {
        is_new = match decision {
            Decision::Settled(transaction) => {
                // As it is compared with what facilitators say.
                let transaction = transaction.to_ascii_lowercase();
                check_transaction(tx, seen, &transaction, takes_test_money).await?;
                end_paid(tx, seen, &transaction, Ender::Withheld, now).await?
            }
            Decision::Refused(reason) => match end_unpaid(tx, seen, reason.trim(), now).await {
                // Whoever was late to ask has heard since that it came.
                Err(ProxyError::PaymentRunning) => return Err(ResolveError::NotUnclear(state(tx, usage).await?)),
                ended => ended?,
            },
        };
        is_answer_lost = is_new && matches!(decision, Decision::Settled(_)) && is_lost(&seen.outcome);
    }
    if is_new {
        tx.insert_resolution(usage, caller.owner, now).await?;
    }
    let payment = tx.find_payment(usage).await?.ok_or(ResolveError::Unknown)?;
    // It was ended by another administrator, or by a facilitator that was late.
    if is_new || decision.is_made(&payment) && payment.resolved.is_some() {
        return Ok(Resolved { payment, is_new, is_lost: is_answer_lost });
    }
    Err(ResolveError::NotUnclear(payment.state))
}

async fn state(tx: &mut Tx, usage: UsageId) -> Result<PaymentState, ResolveError> {
    Ok(tx.find_payment(usage).await?.ok_or(ResolveError::Unknown)?.state)
}

/// Whether a payment may have come in this transaction, as far as the books tell.
async fn check_transaction(tx: &mut Tx, seen: &Settling, transaction: &str, takes_test_money: bool) -> Result<(), ResolveError> {
    let payment = tx.find_payment(seen.usage).await?.ok_or(ResolveError::Unknown)?;
    let chain_id = payment.authorization.chain_id;
    if !takes_test_money && Network::of(chain_id).is_test() {
        return Err(ResolveError::TestMoney);
    }
    match tx.find_in_transaction(chain_id, transaction, seen.usage).await? {
        Some(other) => Err(ResolveError::TransactionTaken(other)),
        None => Ok(()),
    }
}
