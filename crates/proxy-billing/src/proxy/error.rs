//! Why the proxy refuses.

use rialto_kernel::Amount;
use rialto_ledger::LedgerError;
use rialto_outbound::{Crowded, UrlRefusal};
use rialto_registry::RegistryError;
use rialto_store::StoreError;

use crate::{
    payments::{
        RailError,
        x402::{Offer, Unreadable},
    },
    usage::UsageId,
};

/// A refusal, or a failure underneath. Nothing was sent, and nothing has been charged.
///
/// A call that was begun and failed is not an error: it is [`super::Proxied::Failed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// No such service.
    #[error("Service not found")]
    ServiceUnknown,
    /// Its owner has paused it.
    #[error("Service is not active")]
    ServicePaused,
    /// Its owner has removed it.
    #[error("This service was removed")]
    ServiceRemoved,
    /// The path or the query cannot be put behind the service's endpoint.
    #[error("the path {0}")]
    Path(UrlRefusal),
    /// The buyer's balance does not cover the price.
    #[error("Insufficient balance")]
    Insufficient {
        /// What there is, in micro-USDC.
        available: i64,
        /// What the call costs.
        price: Amount,
        /// How it can be paid with the call itself, if it can.
        offer: Option<Box<Offer>>,
    },
    /// The payment that came with the request is not good.
    #[error("The payment was not accepted: {}", .0.error)]
    PaymentRefused(Box<Offer>),
    /// The payment that came with the request cannot be read.
    #[error("{0}")]
    PaymentUnreadable(Unreadable),
    /// As many payments of one payer are being used as may be at once.
    #[error("Too many payments of this payer are being used; try again when one has ended")]
    PayerBusy,
    /// Nobody can say whether the first request with this key or payment was paid: the call that it made, if it is the caller's.
    #[error("Nobody can say whether the first request was paid")]
    PaymentUnclear(Option<UsageId>),
    /// The payment that came with the request was used before.
    #[error("This payment was used before")]
    PaymentUsed,
    /// The payment that came with the request is being used.
    #[error("The first request with this payment is still running")]
    PaymentRunning,
    /// Nobody says whether the payment that came with the request is good.
    #[error("The payment cannot be checked at the moment")]
    FacilitatorSilent,
    /// The call costs more than the buyer pays.
    #[error("The call costs more than X-ACF-Max-Amount")]
    AboveMax {
        /// What the call costs.
        price: Amount,
        /// What the buyer pays at most.
        most: Amount,
    },
    /// The buyer's balance, or the provider's, cannot be used.
    #[error("The balance cannot be used at the moment")]
    BalanceNotOpen,
    /// The first request with the same key has not been answered yet.
    #[error("The first request with this key is still running")]
    KeyRunning,
    /// The key was used for another request.
    #[error("This key was used for another request")]
    KeyReused,
    /// As many calls are running as may run at once.
    #[error("Too many calls are running; try again in a moment")]
    Busy,
    /// As many calls of the caller are running as one owner may run at once.
    #[error("Too many of your calls are running; try again when one has ended")]
    OwnerBusy,
    /// The server is going down, or the call's task died: it ends as interrupted, and is not charged.
    #[error("The call was interrupted")]
    Interrupted,
    /// The ledger refused for a reason that the proxy should have made impossible.
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<Crowded> for ProxyError {
    fn from(crowded: Crowded) -> Self {
        match crowded {
            Crowded::All => Self::Busy,
            Crowded::Owner => Self::OwnerBusy,
        }
    }
}

impl From<RegistryError> for ProxyError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => Self::Store(error),
            // A service is read by its id, which can fail in no other way.
            _ => Self::ServiceUnknown,
        }
    }
}

impl From<RailError> for ProxyError {
    fn from(error: RailError) -> Self {
        match error {
            RailError::Insufficient { available, asked } => Self::Insufficient { available, price: asked, offer: None },
            RailError::NotOpen => Self::BalanceNotOpen,
            RailError::Over => Self::Interrupted,
            RailError::Ledger(error) => Self::Ledger(error),
            RailError::Store(error) => Self::Store(error),
        }
    }
}
