//! The payments for a deposit, and what of them went back. There may be several: each stands where it stands.

use std::future::Future;

use rialto_kernel::{Amount, Timestamp, words};
use rialto_store::StoreError;

use super::{DepositId, Fate};

words! {
    /// Where one payment stands.
    PaymentStatus {
        /// It is on its way.
        Open = "open",
        /// It has come, all of it.
        Paid = "paid",
        /// It will not come.
        Lost = "lost",
        /// It is not what was asked for: a person has to look at it.
        Wrong = "wrong",
        /// It went back, all of it.
        Returned = "returned",
    }
}

impl PaymentStatus {
    /// Where it stands after this was said of it. What is said late, or in another order, takes nothing back.
    pub(crate) const fn after(self, fate: &Fate) -> Self {
        match (self, fate) {
            (Self::Returned, _) | (_, Fate::Returned) => Self::Returned,
            (Self::Paid, _) | (_, Fate::Paid) => Self::Paid,
            (Self::Wrong, _) | (_, Fate::Wrong) => Self::Wrong,
            (Self::Lost, _) | (_, Fate::Lost) => Self::Lost,
            (Self::Open, Fate::Open) => Self::Open,
        }
    }
}

/// One payment for a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositPayment {
    /// What brings it.
    pub rail: String,
    /// What that calls it.
    pub payment: String,
    /// For which deposit.
    pub deposit: DepositId,
    /// Where it stands.
    pub status: PaymentStatus,
    /// How much of it went back.
    pub returned: Amount,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Money that went back to a payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositRefund {
    /// What brought it.
    pub rail: String,
    /// What that calls the refund.
    pub refund: String,
    /// Of which deposit.
    pub deposit: DepositId,
    /// Of which payment.
    pub payment: String,
    /// How much went back.
    pub amount: Amount,
    /// How much of that was taken out of the balance.
    pub taken: Amount,
    /// When it was heard of.
    pub created_at: Timestamp,
}

/// The rows of payments and refunds. They are read and written by who has locked their deposit.
pub trait DepositPaymentStore: Send {
    /// All payments of a deposit, the first first; at most [`PAYMENTS_MAX`].
    fn list_deposit_payments(&mut self, id: DepositId) -> impl Future<Output = Result<Vec<DepositPayment>, StoreError>> + Send;

    /// Reads a payment.
    fn find_deposit_payment(
        &mut self,
        rail: &str,
        payment: &str,
    ) -> impl Future<Output = Result<Option<DepositPayment>, StoreError>> + Send;

    /// Writes a payment, new or as it is now.
    fn put_deposit_payment(&mut self, payment: &DepositPayment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether a refund is known.
    fn has_deposit_refund(&mut self, rail: &str, refund: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Writes a new refund.
    fn insert_deposit_refund(&mut self, refund: &DepositRefund) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The most payments of one deposit that are looked at.
pub const PAYMENTS_MAX: i64 = 100;
