//! Why the market refuses.

use rialto_kernel::{AgentId, Amount};
use rialto_ledger::{AccountState, LedgerError};
use rialto_store::StoreError;

use crate::model::{OrderId, OrderStatus, TradeId, TradeStatus};

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// A field is not what it may be.
    #[error("{field}: {why}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it should be.
        why: &'static str,
    },
    /// There is no such agent, or it has no wallet.
    #[error("there is no agent {0} with a wallet")]
    AgentUnknown(AgentId),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such order.
    #[error("there is no order {0}")]
    OrderUnknown(OrderId),
    /// No such trade.
    #[error("there is no trade {0}")]
    TradeUnknown(TradeId),
    /// The order has ended.
    #[error("the order is {} already", .0.as_str())]
    OrderNotOpen(OrderStatus),
    /// The trade cannot be delivered: it was, or it is being.
    #[error("the trade is {} already", .0.as_str())]
    NotDeliverable(TradeStatus),
    /// The seller has spent what it was paid, or its wallet is frozen: a delivery that fails could not be paid back.
    #[error("the seller has spent what it was paid, so that a delivery that fails could not be paid back")]
    ProceedsSpent,
    /// The id, or the client's id, was used for another order.
    #[error("the id was used for another order")]
    IdMismatch,
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The first request with this idempotency key has not been answered yet.
    #[error("the first request with this Idempotency-Key is still running")]
    KeyRunning,
    /// The order is post-only, and as it is to be it would trade.
    #[error("a post-only order must not trade as it arrives")]
    WouldTrade,
    /// The capability has as many open orders as it may have.
    #[error("there are too many open orders for this capability")]
    BookFull,
    /// The owner has as many open orders as it may have.
    #[error("the owner has {0} open orders, as many as it may have: cancel some first")]
    TooManyOrders(i64),
    /// The agent may not trade: it was deleted, or switched off.
    #[error("the agent is not active")]
    AgentStopped(AgentId),
    /// So many orders wait to be matched that this one could not be at once. Ask again.
    #[error("orders for this capability are being matched; try again")]
    Busy,
    /// There is not enough in the wallet.
    #[error("{asked} credits are needed and {available} are available")]
    InsufficientFunds {
        /// What is available.
        available: i64,
        /// What is needed.
        asked: Amount,
    },
    /// The wallet is frozen or closed.
    #[error("the wallet is {}", .0.as_str())]
    WalletNotOpen(AccountState),
    /// The ledger refused for another reason.
    #[error("the ledger refused")]
    Ledger(LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<LedgerError> for MarketError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::InsufficientFunds { available, asked, .. } => Self::InsufficientFunds { available, asked },
            LedgerError::AccountNotOpen { state, .. } => Self::WalletNotOpen(state),
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Ledger(other),
        }
    }
}
