//! Payments of which nobody can say what became of them, as administrators see them.

use std::future::Future;

use rialto_kernel::{Amount, OwnerId, Page, PageRequest, Timestamp};
use rialto_registry::service::ServiceId;
use rialto_store::StoreError;

use super::{AuthorizationId, PaymentState};
use crate::usage::UsageId;

/// Which payments an administrator looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubtful {
    /// Those that wait for a decision; and those whose money has come, as the facilitator said, and is not in the books yet.
    Unclear,
    /// Those that were decided.
    Resolved,
}

/// A payment as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// The call.
    pub usage: UsageId,
    /// What was called.
    pub service: ServiceId,
    /// Who called.
    pub buyer: OwnerId,
    /// Who was called.
    pub provider: OwnerId,
    /// How much, in micro-USDC.
    pub amount: Amount,
    /// What was signed: the chain, the token, the payer and the number, as they are looked up there.
    pub authorization: AuthorizationId,
    /// Where it stands.
    pub state: PaymentState,
    /// The transaction that was named for it.
    pub transaction: Option<String>,
    /// Why it is not settled.
    pub failure: Option<String>,
    /// How often a facilitator was asked.
    pub attempts: i32,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Which administrator decided what became of it, and when.
    pub resolved: Option<(OwnerId, Timestamp)>,
}

/// Payments for administrators.
pub trait ReviewStore: Send {
    /// Keeps who decided what became of a payment.
    fn insert_resolution(
        &mut self,
        usage: UsageId,
        by: OwnerId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The call of another payment than that of `usage` for which this transaction is named, in small letters, on this chain. Whoever
    /// looks for the same at the same time waits until this transaction of the database has ended.
    fn find_in_transaction(
        &mut self,
        chain_id: u64,
        transaction: &str,
        usage: UsageId,
    ) -> impl Future<Output = Result<Option<UsageId>, StoreError>> + Send;

    /// Reads a payment.
    fn find_payment(&mut self, usage: UsageId) -> impl Future<Output = Result<Option<PaymentRecord>, StoreError>> + Send;

    /// The payments that an administrator looks at, the latest first.
    fn list_payments(
        &mut self,
        which: Doubtful,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<PaymentRecord>, StoreError>> + Send;
}
