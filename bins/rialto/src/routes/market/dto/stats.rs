//! Who offers what, books, and prices.

use rialto_kernel::{AgentId, Ppm, Timestamp};
use rialto_market::{Candle, Capability, DepthLevel, FeeChange, OrderBook, OrderDepth, SettingsChange, Ticker};
use rialto_registry::AgentView;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::order::BookOrder;
use crate::http::Problem;

/// An agent that charges for calls.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "agent_id": "text-summarizer-456789ab", "id": "0198c0de-0000-7000-8000-0123456789ab", "name": "Text Summarizer",
    "description": "Condenses long texts into a few sentences.", "tags": ["summarization"], "base_price": 5, "invocation_count": 17,
}))]
pub struct PricedAgentResponse {
    /// Its readable id.
    pub agent_id: String,
    /// Its id.
    pub id: AgentId,
    /// What it is called.
    pub name: String,
    /// What it does, in words.
    pub description: String,
    /// What to find it by.
    pub tags: Vec<String>,
    /// Whole credits for one call.
    pub base_price: i64,
    /// How often it was called.
    pub invocation_count: i64,
}

impl From<AgentView> for PricedAgentResponse {
    fn from(view: AgentView) -> Self {
        Self {
            base_price: view.agent.base_price.map_or(0, rialto_kernel::Amount::get),
            invocation_count: view.invocation_count.unwrap_or(view.quality.calls),
            id: view.agent.id,
            agent_id: view.agent.slug,
            name: view.agent.name,
            description: view.agent.description,
            tags: view.agent.tags,
        }
    }
}

/// What is to change in how a capability is traded. What is left out stays as it is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({"continuous": true, "fee_ppm": 25_000}))]
pub struct CapabilityRequest {
    /// Whether orders trade as they arrive. Otherwise they rest until somebody asks for a match.
    pub continuous: Option<bool>,
    /// What the house takes of a trade, from the seller, in parts per million, rounded half to even. What the server's settings say
    /// when it is null.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000)]
    pub fee_ppm: FeeField,
}

/// A field that says something else when it is null than when it is left out.
#[derive(Debug, Clone, Copy, Default)]
pub enum FeeField {
    /// Left out.
    #[default]
    Absent,
    /// Null, or a number.
    Given(Option<u32>),
}

impl<'de> Deserialize<'de> for FeeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

impl CapabilityRequest {
    /// The change that this is.
    pub fn change(self) -> Result<SettingsChange, Problem> {
        let fee = |parts| Ppm::new(parts).ok_or_else(|| Problem::invalid("body.fee_ppm", "must be between 0 and 1000000"));
        let fee = match self.fee_ppm {
            FeeField::Absent => FeeChange::Keep,
            FeeField::Given(None) => FeeChange::Default,
            FeeField::Given(Some(parts)) => FeeChange::Own(fee(parts)?),
        };
        Ok(SettingsChange { continuous: self.continuous, fee })
    }
}

/// How a capability is traded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"capability": "translation", "continuous": false, "fee_ppm": 25_000, "open_orders": 12}))]
pub struct CapabilityResponse {
    /// Its name.
    pub capability: String,
    /// Whether orders trade as they arrive. Otherwise they rest until somebody asks for a match.
    pub continuous: bool,
    /// What the house takes of a trade, from the seller, in parts per million.
    pub fee_ppm: u32,
    /// How many orders are open.
    pub open_orders: i64,
}

impl CapabilityResponse {
    /// A capability on a server that takes `fee` where a capability says nothing.
    pub fn of(capability: &Capability, fee: Ppm) -> Self {
        Self {
            capability: capability.name.to_string(),
            continuous: capability.settings.continuous,
            fee_ppm: capability.settings.fee.unwrap_or(fee).get(),
            open_orders: capability.open_orders,
        }
    }
}

/// The best orders of each side.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderBookResponse {
    /// What is traded.
    #[schema(example = "translation")]
    pub capability: String,
    /// At most 100, in the order in which they would trade: the highest price first.
    pub bids: Vec<BookOrder>,
    /// At most 100, in the order in which they would trade: the lowest price first.
    pub asks: Vec<BookOrder>,
}

impl OrderBookResponse {
    /// The book of a capability.
    pub fn of(capability: String, book: &OrderBook) -> Self {
        let shown = |orders: &[rialto_market::Order]| orders.iter().map(BookOrder::from).collect();
        Self { capability, bids: shown(&book.bids), asks: shown(&book.asks) }
    }
}

/// One price of one side.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(example = json!({"price": 80, "quantity": 5, "orders": 2}))]
pub struct BookLevel {
    /// The price.
    pub price: i64,
    /// What its orders have open together.
    pub quantity: i64,
    /// How many they are.
    pub orders: i64,
}

impl From<DepthLevel> for BookLevel {
    fn from(level: DepthLevel) -> Self {
        Self { price: level.price, quantity: level.quantity, orders: level.orders }
    }
}

/// The best prices of each side.
#[derive(Debug, Serialize, ToSchema)]
pub struct DepthResponse {
    /// What is traded.
    #[schema(example = "translation")]
    pub capability: String,
    /// The highest first.
    pub bids: Vec<BookLevel>,
    /// The lowest first.
    pub asks: Vec<BookLevel>,
}

impl DepthResponse {
    /// The depth of a capability.
    pub fn of(capability: String, depth: OrderDepth) -> Self {
        let shown = |levels: Vec<DepthLevel>| levels.into_iter().map(BookLevel::from).collect();
        Self { capability, bids: shown(depth.bids), asks: shown(depth.asks) }
    }
}

/// How a capability trades.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "capability": "translation", "last_price": 80, "last_trade_at": "2026-11-22T04:54:03.000001Z",
    "best_bid": {"price": 79, "quantity": 3, "orders": 1}, "best_ask": {"price": 82, "quantity": 5, "orders": 2}, "spread": 3,
    "trades_24h": 4, "volume_24h": 9, "turnover_24h": 721, "vwap_24h": "80.111111", "high_24h": 82, "low_24h": 79,
}))]
pub struct TickerResponse {
    /// What is traded.
    pub capability: String,
    /// The price of the last trade.
    #[schema(required)]
    pub last_price: Option<i64>,
    /// When it was.
    #[schema(required)]
    pub last_trade_at: Option<Timestamp>,
    /// The highest bid.
    #[schema(required)]
    pub best_bid: Option<BookLevel>,
    /// The lowest ask.
    #[schema(required)]
    pub best_ask: Option<BookLevel>,
    /// From the highest bid to the lowest ask. Below zero while orders that reach each other wait for a match.
    #[schema(required)]
    pub spread: Option<i64>,
    /// Trades of the last 24 hours.
    pub trades_24h: i64,
    /// Units traded in the last 24 hours.
    pub volume_24h: i64,
    /// Credits traded in the last 24 hours.
    #[schema(value_type = i64)]
    pub turnover_24h: i128,
    /// The average price of the last 24 hours, weighted by volume: a decimal with six places, rounded down.
    #[schema(required)]
    pub vwap_24h: Option<String>,
    /// The highest price of the last 24 hours.
    #[schema(required)]
    pub high_24h: Option<i64>,
    /// The lowest price of the last 24 hours.
    #[schema(required)]
    pub low_24h: Option<i64>,
}

impl TickerResponse {
    /// The ticker of a capability.
    pub fn of(capability: String, ticker: &Ticker) -> Self {
        let best = ticker.best_ask.zip(ticker.best_bid);
        Self {
            capability,
            last_price: ticker.last,
            last_trade_at: ticker.last_at,
            best_bid: ticker.best_bid.map(BookLevel::from),
            best_ask: ticker.best_ask.map(BookLevel::from),
            spread: best.and_then(|(ask, bid)| ask.price.checked_sub(bid.price)),
            trades_24h: ticker.trades,
            volume_24h: ticker.volume,
            turnover_24h: ticker.turnover,
            vwap_24h: ticker.vwap_micros().map(decimal),
            high_24h: ticker.high,
            low_24h: ticker.low,
        }
    }
}

/// Millionths as a decimal.
fn decimal(micros: i128) -> String {
    format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
}

/// What prices did in one interval that had trades.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "start": "2026-11-22T04:54:00.000000Z", "open": 80, "high": 82, "low": 79, "close": 81, "volume": 9, "turnover": 721, "trades": 4,
}))]
pub struct CandleResponse {
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
    #[schema(value_type = i64)]
    pub turnover: i128,
    /// How many trades there were.
    pub trades: i64,
}

impl From<Candle> for CandleResponse {
    fn from(candle: Candle) -> Self {
        let Candle { start, open, high, low, close, volume, turnover, trades } = candle;
        Self { start, open, high, low, close, volume, turnover, trades }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_a_decimal() {
        let ticker = |volume, turnover| Ticker { volume, turnover, ..Ticker::default() };
        let vwap = |volume, turnover| TickerResponse::of(String::new(), &ticker(volume, turnover)).vwap_24h;
        assert_eq!(vwap(9, 721).as_deref(), Some("80.111111"));
        assert_eq!(vwap(2, 5).as_deref(), Some("2.500000"));
        assert_eq!(vwap(0, 0), None);
    }
}
