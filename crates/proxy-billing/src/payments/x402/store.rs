//! What is remembered of payments.

use std::future::Future;

use rialto_kernel::{Amount, OwnerId, Timestamp, words};
use rialto_registry::service::{PaymentMethod, ServiceId};
use rialto_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Address, Pledge, Version, Word};
use crate::{
    model::ClaimName,
    usage::{UsageId, UsageReason},
};

words! {
    /// Where a payment stands.
    PaymentState {
        /// Its call is being made.
        Reserved = "reserved",
        /// Its call was delivered, and its money is being fetched.
        Settling = "settling",
        /// Its money is here.
        Settled = "settled",
        /// Its money will not come.
        Failed = "failed",
        /// Nobody can say any more whether its money has come. It is not in the books, and its call stays open until an administrator
        /// decides.
        Unclear = "unclear",
    }
}

impl PaymentState {
    /// Whether it has no end yet.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Reserved | Self::Settling | Self::Unclear)
    }
}

/// What can be used once: a number of a payer's, for one token on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorizationId {
    /// Which chain.
    pub chain_id: u64,
    /// Which token there.
    pub asset: Address,
    /// Whose tokens.
    pub payer: Address,
    /// The number.
    pub nonce: Word,
}

/// The payment that has used an authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedAuthorization {
    /// The call that it is for.
    pub usage: UsageId,
    /// Whose call that is.
    pub buyer: OwnerId,
    /// Where it stands.
    pub state: PaymentState,
    /// The claim of that call.
    pub claim: Option<ClaimName>,
    /// How that call ends, or has ended if what is told of it is kept here and not under its claim.
    pub outcome: Option<Outcome>,
}

/// A payment whose call is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment<'p> {
    /// The call.
    pub usage: UsageId,
    /// The payment.
    pub pledge: &'p Pledge,
    /// Whether it was taken while nobody settled payments.
    pub is_local: bool,
}

/// How a call ends when its payment is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The provider's status.
    pub status_code: u16,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// How it is not as others are.
    #[serde(default)]
    pub reason: Option<UsageReason>,
    /// What the house takes.
    pub commission: Amount,
    /// What is paid for, for people.
    pub memo: String,
    /// What a repeat is told: the status, and the answer as it is kept.
    #[serde(default)]
    pub answer: Option<(u16, String)>,
    /// What the request is known by, should its key be forgotten before it has an answer.
    #[serde(default)]
    pub fingerprint: Vec<u8>,
}

/// A payment whose money is being fetched, or is not known to have come, with all that is needed to end its call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling {
    /// The call.
    pub usage: UsageId,
    /// Where it stands: [`PaymentState::Settling`] or [`PaymentState::Unclear`].
    pub state: PaymentState,
    /// What was called.
    pub service: ServiceId,
    /// Who called.
    pub buyer: OwnerId,
    /// Who was called.
    pub provider: OwnerId,
    /// How it is paid.
    pub payment_method: PaymentMethod,
    /// The claim to finish with it.
    pub claim: Option<ClaimName>,
    /// How much.
    pub amount: Amount,
    /// In which version the payment came.
    pub version: Version,
    /// Whose money it is.
    pub payer: Address,
    /// Whether it was taken while nobody settled payments.
    pub is_local: bool,
    /// What a facilitator is asked.
    pub request: Value,
    /// How the call ends.
    pub outcome: Outcome,
    /// Whether a facilitator may have been asked before.
    pub is_asked: bool,
    /// In which transaction it said that the money may be on its way, or has come.
    pub transaction: Option<String>,
    /// Whether it said that it has come. Only the books lack it then, and nobody has to be asked.
    pub is_paid: bool,
    /// How often it was asked.
    pub attempts: i32,
    /// When it is asked again; `None` when it is not.
    pub next_attempt_at: Option<Timestamp>,
    /// After which moment it is not asked any more.
    pub give_up_at: Timestamp,
    /// When it came.
    pub created_at: Timestamp,
}

/// Payments. Their rows are locked after those of their calls.
pub trait PaymentStore: Send {
    /// Keeps a payment. Whether its authorization was never used before.
    fn insert_payment(&mut self, new: &NewPayment<'_>, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The payment that has used this authorization, if one has.
    fn find_authorization(
        &mut self,
        id: &AuthorizationId,
    ) -> impl Future<Output = Result<Option<UsedAuthorization>, StoreError>> + Send;

    /// How many payments of this payer are reserved, being fetched, or in doubt; counts up to `limit`.
    fn count_open_payments(&mut self, payer: &Address, limit: usize) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Forgets a payment whose call was not delivered: its authorization may be used again. Whether it was reserved.
    fn release_payment(&mut self, usage: UsageId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps a call that runs from being ended before `until` by whoever ends those of others. Whether it runs.
    fn keep_running(&mut self, usage: UsageId, until: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Says that the money of a reserved payment is being fetched from now on, by whoever says this until `next`. Whether it was
    /// reserved.
    fn begin_settling(
        &mut self,
        usage: UsageId,
        outcome: &Outcome,
        next: Timestamp,
        give_up_at: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads a payment whose money is being fetched, or is not known to have come.
    fn find_settling(&mut self, usage: UsageId) -> impl Future<Output = Result<Option<Settling>, StoreError>> + Send;

    /// The payments whose money is to be fetched at `now`, at most `limit`.
    fn list_settling(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<UsageId>, StoreError>> + Send;

    /// Takes it upon itself to fetch the money until `next`, if nobody else has since `seen` was read.
    fn take_settling(
        &mut self,
        seen: &Settling,
        next: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Puts it off until `next`, unless somebody else has taken it since `seen` was read.
    fn put_off(
        &mut self,
        seen: &Settling,
        is_asked: bool,
        transaction: Option<&str>,
        next: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps that a payment has been paid in `transaction`, for whoever writes it into the books from `next` on: it is not asked about
    /// any more, and not given up. Whether it had no end yet.
    fn note_paid(
        &mut self,
        usage: UsageId,
        transaction: &str,
        next: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Says what became of a payment: the transaction, which may be said of any that has no end yet; or else why there is none, only
    /// if it still stands as it was `seen`, and nobody else has taken it since. Unless it is unclear, what could be settled once
    /// more is forgotten. The outcome of `seen` is forgotten as well if it `is_told` where repeats look for it; otherwise it stays.
    /// Whether it was this that said so.
    fn end_payment(
        &mut self,
        seen: &Settling,
        state: PaymentState,
        outcome: Result<&str, &str>,
        is_told: bool,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps the transaction of a payment that came after it was given up. Whose it is, if it was given up.
    fn note_transaction(
        &mut self,
        usage: UsageId,
        transaction: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Writes beside a call in which transaction it was paid.
    fn set_payment_tx(&mut self, usage: UsageId, transaction: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}
