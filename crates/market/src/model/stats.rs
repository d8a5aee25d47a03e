//! What the market shows: books, prices, lists.

use std::sync::Arc;

use rialto_kernel::{AgentId, OwnerId, Timestamp};

use super::{Interval, Order, OrderStatus, Trade};

/// The best orders of each side, in the order in which they would trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBook {
    /// The highest bids first.
    pub bids: Vec<Order>,
    /// The lowest asks first.
    pub asks: Vec<Order>,
}

/// One price of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthLevel {
    /// The price.
    pub price: i64,
    /// What its orders have open together.
    pub quantity: i64,
    /// How many they are.
    pub orders: i64,
}

/// The best prices of each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDepth {
    /// The highest first.
    pub bids: Vec<DepthLevel>,
    /// The lowest first.
    pub asks: Vec<DepthLevel>,
}

/// A capability in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its name.
    pub capability: Arc<str>,
    /// Whether orders trade as they arrive.
    pub continuous: bool,
    /// How many of its orders are open.
    pub open_orders: i64,
    /// The price of the last trade.
    pub last: Option<i64>,
    /// The highest bid.
    pub best_bid: Option<i64>,
    /// The lowest ask.
    pub best_ask: Option<i64>,
}

/// Which orders are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Only those of this owner; of all if `None`.
    pub owner: Option<OwnerId>,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// Only those with one of these statuses; any if empty.
    pub statuses: Vec<OrderStatus>,
    /// Only those for this capability.
    pub capability: Option<String>,
    /// Only those after the page that ended with this cursor.
    pub after: Option<i64>,
}

/// A page of orders, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders.
    pub items: Vec<Order>,
    /// Where the next page begins, if this one is full.
    pub next: Option<i64>,
}

/// Which trades are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradeFilter {
    /// Only those of this capability.
    pub capability: Option<String>,
    /// Only those in which this agent bought or sold.
    pub agent: Option<AgentId>,
}

/// How a capability trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticker {
    /// The price of the last trade.
    pub last: Option<i64>,
    /// When it was.
    pub last_at: Option<Timestamp>,
    /// The highest bid.
    pub best_bid: Option<DepthLevel>,
    /// The lowest ask.
    pub best_ask: Option<DepthLevel>,
    /// Units traded in the last 24 hours.
    pub volume: i64,
    /// Credits traded in the last 24 hours.
    pub turnover: i128,
    /// Trades of the last 24 hours.
    pub trades: i64,
    /// The highest price of the last 24 hours.
    pub high: Option<i64>,
    /// The lowest price of the last 24 hours.
    pub low: Option<i64>,
}

impl Ticker {
    /// The average price of the last 24 hours, weighted by volume, in millionths of a credit, rounded down.
    #[must_use]
    pub fn vwap_micros(&self) -> Option<i128> {
        self.turnover.checked_mul(1_000_000)?.checked_div(self.volume.into())
    }
}

/// What prices did in one interval that had trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// When the interval began.
    pub start: Timestamp,
    /// The first price.
    pub open: i64,
    /// The highest price.
    pub high: i64,
    /// The lowest price.
    pub low: i64,
    /// The last price.
    pub close: i64,
    /// Units traded.
    pub volume: i64,
    /// Credits traded.
    pub turnover: i128,
    /// How many trades there were.
    pub trades: i64,
}

impl Candle {
    /// The candle of a trade alone.
    #[must_use]
    pub fn of(trade: &Trade, interval: Interval) -> Self {
        let (price, quantity) = (trade.price, trade.quantity);
        Self {
            start: interval.start(trade.created_at),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: quantity,
            turnover: i128::from(price) * i128::from(quantity),
            trades: 1,
        }
    }

    /// Adds what was traded later in the same interval.
    pub fn add(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.turnover = self.turnover.saturating_add(later.turnover);
        self.trades = self.trades.saturating_add(later.trades);
    }
}
