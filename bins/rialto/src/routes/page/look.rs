//! What there is to see of one of the two markets, read at one moment.

use rialto_kernel::{PageRequest, Timestamp};
use rialto_market::{self as market, Listing, OrderDepth, Ticker, Trade, TradeFilter};
use rialto_simulation::{self as simulation, BookRecord, Run, TradeRecord, read::Candle};
use rialto_store::Tx;

use super::query::View;
use crate::{http::Problem, routes::market::problem::in_query};

/// How many prices of each side are shown.
const LEVELS: u32 = 60;
/// How many trades are shown.
const TRADES: u32 = 50;
/// How many capabilities are offered.
const LISTED: u32 = 200;
/// How many candles of the simulation are shown, a tick each.
const CANDLES: u32 = 240;

/// One of the two markets.
pub enum Overview {
    /// That of the users.
    Market(MarketLook),
    /// That of the simulation.
    Simulation(SimulationLook),
}

/// The market of the users.
pub struct MarketLook {
    /// What can be traded.
    pub listed: Vec<Listing>,
    /// What was looked at; nothing while nothing has ever been traded.
    pub shown: Option<MarketShown>,
}

/// One capability of it.
pub struct MarketShown {
    /// Its name.
    pub capability: String,
    /// How it trades.
    pub ticker: Ticker,
    /// Its best prices.
    pub depth: OrderDepth,
    /// Its latest trades, the newest first.
    pub trades: Vec<Trade>,
}

/// The simulation that runs, or else the last one.
pub struct SimulationLook {
    /// How it stands; nothing while none has ever run.
    pub run: Option<Run>,
    /// The names of its books.
    pub books: Vec<String>,
    /// The book that was looked at.
    pub book: BookRecord,
    /// Its latest trades, the newest first.
    pub trades: Vec<TradeRecord>,
    /// Its candles, the oldest first.
    pub candles: Vec<Candle>,
}

/// Looks at a capability, or at the one that suits best.
pub async fn at(tx: &mut Tx, view: View, capability: Option<String>, now: Timestamp) -> Result<Overview, Problem> {
    match view {
        View::Market => at_market(tx, capability, now).await.map(Overview::Market),
        View::Simulation => at_simulation(tx, capability, now).await.map(Overview::Simulation),
    }
}

async fn at_market(tx: &mut Tx, wanted: Option<String>, now: Timestamp) -> Result<MarketLook, Problem> {
    let listed = market::listings(tx, LISTED, now).await?;
    let capability = wanted.or_else(|| listed.first().map(|listing| listing.capability.to_string()));
    let Some(capability) = capability else { return Ok(MarketLook { listed, shown: None }) };
    let ticker = market::ticker(tx, &capability, now).await.map_err(in_query)?;
    let depth = market::depth(tx, &capability, LEVELS).await?;
    let filter = TradeFilter { capability: Some(capability.clone()), agent: None };
    let trades = market::trades(tx, &filter, PageRequest::first(TRADES)).await?;
    Ok(MarketLook { listed, shown: Some(MarketShown { capability, ticker, depth, trades }) })
}

async fn at_simulation(tx: &mut Tx, wanted: Option<String>, now: Timestamp) -> Result<SimulationLook, Problem> {
    let run = simulation::latest(tx, now).await?;
    let books = run.as_ref().map(|run| run.config.scenario.books()).unwrap_or_default();
    // A name that the last run had need not be one of this run's.
    let known = wanted.filter(|name| books.contains(name));
    let capability = known.or_else(|| books.first().cloned()).unwrap_or_default();
    let book = simulation::read::book(tx, &capability).await?;
    let trades = simulation::read::trades(tx, None, Some(&capability), PageRequest::first(TRADES)).await?;
    let candles = simulation::read::candles(tx, &capability, 1, CANDLES).await?;
    Ok(SimulationLook { run, books, book, trades, candles })
}
