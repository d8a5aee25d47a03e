//! The nouns of services.

use std::time::Duration;

use rialto_kernel::{Amount, Id, OwnerId, Timestamp, nouns, words};

/// The id of a service.
pub type ServiceId = Id<nouns::Service>;

/// The highest price of one call, in micro-USDC.
pub const PRICE_MICRO_MAX: i64 = 100_000_000;
/// The most calls that a buyer may have for nothing.
pub const FREE_TIER_CALLS_MAX: i64 = 1_000_000_000;
/// The longest that a service may take to begin its answer, in seconds.
pub const TIMEOUT_SECONDS_MAX: i64 = 300;

words! {
    /// Whether a service may be called.
    ServiceStatus {
        /// Found and called.
        Active = "active",
        /// Neither, for now.
        Paused = "paused",
        /// Neither, for ever.
        Removed = "removed",
    }
}

words! {
    /// How a call is paid for.
    PaymentMethod {
        /// With the call itself, on chain, as x402 has it.
        X402 = "x402",
        /// From a balance that was filled through PayPal.
        Paypal = "paypal",
        /// From a balance that was filled through NOWPayments.
        NowPayments = "nowpayments",
        /// From a balance, however it was filled.
        Balance = "balance",
    }
}

/// Something that can be called for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Who offers it, and is paid for it.
    pub owner: OwnerId,
    /// What that owner is called.
    pub provider: String,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where it is. Its owner's business alone.
    pub endpoint: String,
    /// What one call costs, in micro-USDC.
    pub price: Amount,
    /// How that is paid.
    pub payment_method: PaymentMethod,
    /// How many calls each buyer has for nothing.
    pub free_tier_calls: i64,
    /// How long it may take to begin its answer, and between two pieces of it; as long as the server says, if it says nothing.
    pub timeout: Option<Duration>,
    /// Whether it may be called.
    pub status: ServiceStatus,
    /// What kind of thing it does; empty when its owner does not say.
    pub category: String,
    /// What its owner wants it to be found by.
    pub tags: Vec<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}
