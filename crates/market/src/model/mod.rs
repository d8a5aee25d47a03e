//! Orders, trades, and the capabilities they are for.

mod stats;
mod words;

use std::sync::Arc;

use rialto_kernel::{AccountId, AgentId, Id, OwnerId, Ppm, Timestamp};
use rialto_ledger::{HoldId, TransferId};
use rialto_store::idempotency::{Key, Stored};
pub use stats::{Candle, DepthLevel, Listing, OrderBook, OrderDepth, OrderFilter, OrderPage, Ticker, TradeFilter};
pub use words::{EndReason, Interval, OrderStatus, OrderType, TimeInForce, TradeStatus};

use crate::book::{SelfTrade, Side};

/// The nouns that the market's ids name.
pub mod nouns {
    /// An order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Order {}
    /// A trade.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Trade {}
    /// The call by which a trade was delivered.
    pub use rialto_kernel::nouns::Invocation;
}

/// The id of an order.
pub type OrderId = Id<nouns::Order>;
/// The id of a trade, which is also that of the transfer that paid it.
pub type TradeId = Id<nouns::Trade>;

/// Who trades: an agent, whose it is, and the wallet that pays and is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trader {
    /// The agent.
    pub agent: AgentId,
    /// Its owner, who never trades with itself.
    pub owner: OwnerId,
    /// Its wallet.
    pub account: AccountId,
}

/// How somebody stands who places orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The owner.
    pub owner: OwnerId,
    /// One of its agents.
    pub agent: AgentId,
    /// How many orders the owner has open, whichever of its agents placed them.
    pub open_orders: i64,
    /// Whether the agent may not trade; see [`crate::stop_trading`].
    pub is_stopped: bool,
}

/// An order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Chosen by the caller, if it wants to be able to ask again: the same id with the same fields gives the first order.
    pub id: Option<OrderId>,
    /// Who trades; see [`crate::find_traders`].
    pub trader: Trader,
    /// Buy or sell.
    pub side: Side,
    /// What is traded: 1 to [`NewOrder::TEXT_CHARS_MAX`] characters, without NUL.
    pub capability: String,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long. A market order takes [`TimeInForce::Ioc`] or [`TimeInForce::Fok`].
    pub time_in_force: TimeInForce,
    /// Credits for one unit, from 1; the worst price that is accepted. Only a market order can do without.
    pub price: Option<i64>,
    /// How much, from 1 to [`NewOrder::QUANTITY_MAX`]. Price times quantity stays within [`rialto_kernel::Amount::MAX`].
    pub quantity: i64,
    /// What happens when it meets an order of the same owner.
    pub self_trade: SelfTrade,
    /// Whether it trades as it arrives, also where the capability is not continuous. What waits there is matched before it.
    pub immediate: bool,
    /// When it expires; for [`TimeInForce::Gtt`] (there it has to be), and [`TimeInForce::PostOnly`].
    pub expires_at: Option<Timestamp>,
    /// The client's own id for it, unique per agent: 1 to [`NewOrder::TEXT_CHARS_MAX`] characters, without NUL. The same id with
    /// the same fields gives the first order.
    pub client_order_id: Option<String>,
    /// The tick of a simulation; 0 outside of one.
    pub tick: i64,
}

impl NewOrder {
    /// The most units of one order.
    pub const QUANTITY_MAX: i64 = 1_000_000_000;
    /// The longest capability, and the longest id of a client's, in characters.
    pub const TEXT_CHARS_MAX: usize = 255;

    /// A limit order that rests until it is filled or cancelled.
    #[must_use]
    pub fn limit(trader: Trader, side: Side, capability: &str, price: i64, quantity: i64) -> Self {
        Self {
            id: None,
            trader,
            side,
            capability: capability.to_owned(),
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Some(price),
            quantity,
            self_trade: SelfTrade::CancelNewest,
            immediate: false,
            expires_at: None,
            client_order_id: None,
            tick: 0,
        }
    }
}

/// What is to change in an open order. What it has open keeps its place in the queue if the price stays and it does not grow;
/// otherwise it goes behind all others of its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// The new price, if it changes.
    pub price: Option<i64>,
    /// What it has open from now on, if that changes.
    pub remaining: Option<i64>,
    /// What it is for in all from now on, what was filled and cancelled included; instead of `remaining`. Whatever is filled
    /// meanwhile, it never trades more than this.
    pub quantity: Option<i64>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who trades.
    pub trader: Trader,
    /// What is traded.
    pub capability: Arc<str>,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long.
    pub time_in_force: TimeInForce,
    /// The worst price that it accepts; any if `None`.
    pub price: Option<i64>,
    /// How much it is for: what remains, what was filled and what was cancelled.
    pub quantity: i64,
    /// What is still open.
    pub remaining: i64,
    /// What was traded.
    pub filled: i64,
    /// What ended without a trade.
    pub cancelled: i64,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it ended before it was filled.
    pub reason: Option<EndReason>,
    /// Of two orders at one price the one with the lower priority comes first.
    pub priority: i64,
    /// What happens when it meets an order of the same owner.
    pub self_trade: SelfTrade,
    /// Its money, if it is an open bid.
    pub hold: Option<HoldId>,
    /// The client's own id for it.
    pub client_order_id: Option<String>,
    /// A hash of what was asked for.
    pub fingerprint: i64,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The tick of a simulation.
    pub tick: i64,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// Whether its time is up at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|time| time <= now)
    }
}

/// An idempotency key under which something is done once.
#[derive(Debug, Clone)]
pub struct Keyed<T> {
    /// The key.
    pub key: Key,
    /// Makes the answer that is kept under it, in the words of whoever serves it.
    pub render: fn(&T) -> Stored,
}

/// What something under an idempotency key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once<T> {
    /// It was done now.
    Now(T),
    /// It was done before, under the same key; this was the answer.
    Replayed(Stored),
}

/// What placing or amending an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The order, as it is now.
    pub order: Order,
    /// The trades that its arrival made, its own and those of orders that waited before it. Empty when it existed already.
    pub trades: Vec<Trade>,
    /// Whether it had been placed before, and nothing was done now.
    pub existed: bool,
}

/// A trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Its id, which is also that of the transfer that paid it.
    pub id: TradeId,
    /// What was traded.
    pub capability: Arc<str>,
    /// The bid.
    pub bid: OrderId,
    /// The ask.
    pub ask: OrderId,
    /// Who bought.
    pub buyer: AgentId,
    /// Who sold.
    pub seller: AgentId,
    /// Whose agent bought.
    pub buyer_owner: OwnerId,
    /// Whose agent sold.
    pub seller_owner: OwnerId,
    /// Credits for one unit: the maker's price.
    pub price: i64,
    /// How many units.
    pub quantity: i64,
    /// What the seller paid to the house of it.
    pub fee: i64,
    /// The transfer of the fee.
    pub fee_transfer: Option<TransferId>,
    /// The side of the order that arrived.
    pub taker: Side,
    /// Where it stands.
    pub status: TradeStatus,
    /// How long the delivery took.
    pub latency_ms: i64,
    /// The tick of a simulation.
    pub tick: i64,
    /// The call by which it was delivered.
    pub invocation: Option<Id<nouns::Invocation>>,
    /// The seller's money for the case that it has to be paid back, while it is being delivered or has failed.
    pub hold: Option<HoldId>,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What is traded, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Its name.
    pub name: Arc<str>,
    /// How it is traded.
    pub settings: Settings,
    /// Rises with every change of its orders.
    pub version: i64,
    /// The priority of its youngest order.
    pub last_priority: i64,
    /// How many of its orders are open.
    pub open_orders: i64,
}

/// How a capability is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether orders trade as they arrive. Otherwise they rest until somebody asks for a match.
    pub continuous: bool,
    /// What the house takes of a trade, from the seller, rounded half to even; what the exchange's options say if `None`.
    pub fee: Option<Ppm>,
}

/// What is to change in how a capability is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// Whether orders trade as they arrive, if that changes.
    pub continuous: Option<bool>,
    /// What the house takes.
    pub fee: FeeChange,
}

/// What is to change in what the house takes of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeeChange {
    /// Nothing.
    #[default]
    Keep,
    /// What the exchange's options say.
    Default,
    /// So much.
    Own(Ppm),
}

impl SettingsChange {
    /// The settings after it.
    #[must_use]
    pub fn of(self, settings: Settings) -> Settings {
        Settings {
            continuous: self.continuous.unwrap_or(settings.continuous),
            fee: match self.fee {
                FeeChange::Keep => settings.fee,
                FeeChange::Default => None,
                FeeChange::Own(fee) => Some(fee),
            },
        }
    }
}

impl From<Settings> for SettingsChange {
    fn from(settings: Settings) -> Self {
        Self { continuous: Some(settings.continuous), fee: settings.fee.map_or(FeeChange::Default, FeeChange::Own) }
    }
}
