//! How the market's refusals look.

use actix_web::http::StatusCode;
use rialto_market::MarketError;

use crate::http::{
    Problem,
    command::{key_reused, key_running},
};

impl From<MarketError> for Problem {
    fn from(error: MarketError) -> Self {
        let said = error.to_string();
        match error {
            MarketError::Invalid { field, why } => Self::invalid(format!("body.{field}"), why),
            MarketError::AgentUnknown(_) => Self::not_found("Agent not found"),
            MarketError::Forbidden(why) => Self::forbidden(why),
            MarketError::OrderUnknown(_) => Self::not_found("Order not found"),
            MarketError::TradeUnknown(_) => Self::not_found("Trade not found"),
            MarketError::OrderNotOpen(_) => Self::conflict("order-not-open", said),
            MarketError::NotDeliverable(_) => Self::conflict("trade-not-deliverable", said),
            MarketError::ProceedsSpent => Self::conflict("proceeds-spent", said),
            MarketError::IdMismatch => Self::conflict("order-id-used", said),
            MarketError::KeyReused => key_reused(),
            MarketError::KeyRunning => key_running(),
            MarketError::WouldTrade => Self::conflict("order-would-trade", said),
            MarketError::BookFull => Self::conflict("book-full", said),
            MarketError::TooManyOrders(_) => Self::conflict("too-many-open-orders", said),
            MarketError::AgentStopped(_) => Self::conflict("agent-inactive", said),
            MarketError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "market-busy", said).retry_after(1),
            MarketError::InsufficientFunds { .. } => Self::payment_required(said),
            MarketError::WalletNotOpen(_) => Self::conflict("wallet-not-open", said),
            MarketError::Ledger(error) => Self::internal(error),
            MarketError::Store(error) => error.into(),
        }
    }
}

/// The same, for an operation whose capability is in the path.
pub fn in_path(error: MarketError) -> Problem {
    match error {
        MarketError::Invalid { field: field @ "capability", why } => Problem::invalid(format!("path.{field}"), why),
        other => other.into(),
    }
}

/// The same, for an operation whose input is in the query string.
pub fn in_query(error: MarketError) -> Problem {
    match error {
        MarketError::Invalid { field, why } => Problem::invalid(format!("query.{field}"), why),
        other => other.into(),
    }
}
