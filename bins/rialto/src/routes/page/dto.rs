//! What goes over the wire.

use rialto_market::Listing;
use serde::Serialize;
use utoipa::ToSchema;

use super::look::{MarketLook, Overview, SimulationLook};
use crate::routes::{
    market::dto::{DepthResponse, TickerResponse, TradeResponse},
    scenarios::dto::{ScenarioBook, ScenarioCandle, ScenarioStatus, ScenarioTrade},
};

/// One of the two markets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum MarketOverview {
    /// That of the users.
    Market(MarketIndex),
    /// That of the simulation.
    Simulation(SimulationIndex),
}

/// The market of the users.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarketIndex {
    /// What can be traded: at most 200, those that were traded most today and yesterday first.
    capabilities: Vec<ListingResponse>,
    /// What is shown below; null while nothing has ever been traded.
    #[schema(required, example = "translation")]
    capability: Option<String>,
    /// How it trades.
    #[schema(required)]
    ticker: Option<TickerResponse>,
    /// Its best 60 prices of each side.
    #[schema(required)]
    depth: Option<DepthResponse>,
    /// Its last 50 trades, the newest first.
    trades: Vec<TradeResponse>,
}

/// The running simulation, or else the last one.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimulationIndex {
    /// How it stands.
    run: ScenarioStatus,
    /// The names of its books.
    capabilities: Vec<BookName>,
    /// Which of them is shown below; empty while none has ever run.
    #[schema(example = "translation")]
    capability: String,
    /// Its best 50 prices of each side, as the last tick left them.
    depth: ScenarioBook,
    /// Its last 50 trades, the newest first.
    trades: Vec<ScenarioTrade>,
    /// Its last 240 ticks with trades, the oldest first.
    candles: Vec<ScenarioCandle>,
}

/// A book of a simulation.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookName {
    /// What is traded in it.
    #[schema(example = "translation")]
    capability: String,
}

/// A capability in the list of those that can be traded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"capability": "translation", "continuous": false, "open_orders": 12, "last_price": 80, "best_bid": 79, "best_ask": 82}))]
pub struct ListingResponse {
    /// Its name.
    capability: String,
    /// Whether orders trade as they arrive.
    continuous: bool,
    /// How many orders are open.
    open_orders: i64,
    /// The price of the last trade.
    #[schema(required)]
    last_price: Option<i64>,
    /// The highest bid.
    #[schema(required)]
    best_bid: Option<i64>,
    /// The lowest ask.
    #[schema(required)]
    best_ask: Option<i64>,
}

impl From<Listing> for ListingResponse {
    fn from(listing: Listing) -> Self {
        Self {
            capability: listing.capability.to_string(),
            continuous: listing.continuous,
            open_orders: listing.open_orders,
            last_price: listing.last,
            best_bid: listing.best_bid,
            best_ask: listing.best_ask,
        }
    }
}

impl From<Overview> for MarketOverview {
    fn from(found: Overview) -> Self {
        match found {
            Overview::Market(look) => Self::Market(look.into()),
            Overview::Simulation(look) => Self::Simulation(look.into()),
        }
    }
}

impl From<MarketLook> for MarketIndex {
    fn from(look: MarketLook) -> Self {
        let capabilities = look.listed.into_iter().map(ListingResponse::from).collect();
        let Some(shown) = look.shown else {
            return Self { capabilities, capability: None, ticker: None, depth: None, trades: Vec::new() };
        };
        Self {
            capabilities,
            ticker: Some(TickerResponse::of(shown.capability.clone(), &shown.ticker)),
            depth: Some(DepthResponse::of(shown.capability.clone(), shown.depth)),
            trades: shown.trades.iter().map(TradeResponse::from).collect(),
            capability: Some(shown.capability),
        }
    }
}

impl From<SimulationLook> for SimulationIndex {
    fn from(look: SimulationLook) -> Self {
        Self {
            run: look.run.map_or_else(ScenarioStatus::idle, ScenarioStatus::from),
            capabilities: look.books.into_iter().map(|capability| BookName { capability }).collect(),
            capability: look.book.capability.clone(),
            depth: look.book.into(),
            trades: look.trades.into_iter().map(ScenarioTrade::from).collect(),
            candles: look.candles.into_iter().map(ScenarioCandle::from).collect(),
        }
    }
}
