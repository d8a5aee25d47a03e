//! What goes over the wire.

use rialto_kernel::{AgentId, Timestamp};
use rialto_simulation::{BookRecord, Price, Run, RunId, Scenario, TickFigures, TradeRecord, read::Candle as CandleOfTicks};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::config::ScenarioConfig;

/// A scenario that can be started.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioListItem {
    /// What it is called.
    #[schema(example = "price_discovery")]
    name: &'static str,
    /// What it is about.
    description: &'static str,
    /// With which figures it is meant to be run.
    default_config: ScenarioConfig,
}

impl From<Scenario> for ScenarioListItem {
    fn from(scenario: Scenario) -> Self {
        let default_config = ScenarioConfig::defaults(scenario);
        Self { name: scenario.as_str(), description: scenario.description(), default_config }
    }
}

/// How a run stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"scenario_name": "price_discovery", "status": "running", "current_tick": 17, "total_ticks": 100, "agents_count": 15, "total_trades": 48, "total_volume": 4712, "run_id": "0198c0de-0000-7000-8000-000000000001", "seed": 7, "books": ["translation"], "total_orders": 160, "total_failed": 2, "total_welfare": 3100, "error": null, "started_at": "2026-11-22T04:54:03.000001Z", "ended_at": null, "config": {"scenario_name": "price_discovery", "tick_count": 100, "tick_interval_ms": 500, "service_agent_count": 5, "buyer_agent_count": 10, "initial_balance": 1000}}))]
pub struct ScenarioStatus {
    /// Which scenario; empty when none has been run.
    scenario_name: &'static str,
    /// `idle` (none has been run), `running`, `stopped`, `completed` or `error`.
    status: &'static str,
    /// The last tick that was done.
    current_tick: u32,
    /// How many there are to be.
    total_ticks: u32,
    /// How many agents take part.
    agents_count: u32,
    /// Trades so far, delivered or not.
    total_trades: i64,
    /// What was paid so far, in credits.
    total_volume: i64,
    /// The run; null when none has been run.
    #[schema(value_type = Option<String>)]
    run_id: Option<RunId>,
    /// Its seed.
    seed: Option<u64>,
    /// The books in which its agents trade.
    books: Vec<String>,
    /// Orders so far.
    total_orders: i64,
    /// Trades so far whose seller did not deliver; nothing was paid for them.
    total_failed: i64,
    /// What buyers and sellers gained so far, in credits.
    total_welfare: i64,
    /// Why it could not go on.
    error: Option<String>,
    /// When it began.
    started_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Option<Timestamp>,
    /// What it was started with.
    config: Option<ScenarioConfig>,
}

impl From<Run> for ScenarioStatus {
    fn from(run: Run) -> Self {
        Self {
            scenario_name: run.config.scenario.as_str(),
            status: run.status.as_str(),
            current_tick: run.tick,
            total_ticks: run.config.ticks,
            agents_count: run.config.agents(),
            total_trades: run.trades,
            total_volume: run.volume,
            run_id: Some(run.id),
            seed: Some(run.config.seed),
            books: run.config.scenario.books(),
            total_orders: run.orders,
            total_failed: run.failed,
            total_welfare: run.welfare,
            error: run.error,
            started_at: Some(run.started_at),
            ended_at: run.ended_at,
            config: Some(run.config.into()),
        }
    }
}

impl ScenarioStatus {
    /// How it stands when nothing has ever been run.
    pub const fn idle() -> Self {
        Self {
            scenario_name: "",
            status: "idle",
            current_tick: 0,
            total_ticks: 0,
            agents_count: 0,
            total_trades: 0,
            total_volume: 0,
            run_id: None,
            seed: None,
            books: Vec::new(),
            total_orders: 0,
            total_failed: 0,
            total_welfare: 0,
            error: None,
            started_at: None,
            ended_at: None,
            config: None,
        }
    }
}

/// One book at the end of one tick.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioTick {
    /// Which tick, from 1.
    tick: u32,
    /// Which book.
    #[schema(example = "translation")]
    capability: String,
    /// Orders placed.
    orders: i64,
    /// Orders whose time was up.
    expired: i64,
    /// Trades, delivered or not.
    trades: i64,
    /// Trades whose seller did not deliver.
    failed: i64,
    /// What was paid.
    volume: i64,
    /// The price of the first trade; null without one.
    open: Option<i64>,
    /// The highest price.
    high: Option<i64>,
    /// The lowest price.
    low: Option<i64>,
    /// The price of the last trade.
    close: Option<i64>,
    /// The average price of what was delivered.
    average_price: Option<i64>,
    /// The highest bid that waits.
    best_bid: Option<i64>,
    /// The lowest ask that waits.
    best_ask: Option<i64>,
    /// How far these two are apart.
    spread: Option<i64>,
    /// How many bids wait.
    bids: i64,
    /// How many asks wait.
    asks: i64,
    /// What buyers gained: what deliveries were worth to them, less their prices, less what failures cost.
    consumer_surplus: i64,
    /// What sellers gained: prices, less what deliveries cost them.
    producer_surplus: i64,
    /// What all gained.
    welfare: i64,
}

impl From<TickFigures> for ScenarioTick {
    fn from(row: TickFigures) -> Self {
        let figures = row.figures;
        Self {
            tick: row.tick,
            capability: row.capability,
            orders: figures.orders,
            expired: figures.expired,
            trades: figures.trades,
            failed: figures.failed,
            volume: figures.volume,
            open: figures.open,
            high: figures.high,
            low: figures.low,
            close: figures.close,
            average_price: figures.average_price(),
            best_bid: figures.best_bid,
            best_ask: figures.best_ask,
            spread: figures.spread(),
            bids: figures.bids,
            asks: figures.asks,
            consumer_surplus: figures.consumer_surplus,
            producer_surplus: figures.producer_surplus,
            welfare: figures.welfare(),
        }
    }
}

/// A price of a book.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioLevel {
    /// The price of all its orders, in credits.
    price: i64,
    /// What they have open together.
    quantity: i64,
    /// How many they are.
    orders: i64,
}

impl From<Price> for ScenarioLevel {
    fn from((price, orders): Price) -> Self {
        Self { price, quantity: orders, orders }
    }
}

/// A book of the latest run, as its last tick left it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioBook {
    /// Which book.
    #[schema(example = "translation")]
    capability: String,
    /// Which tick; 0 before the first.
    tick: u32,
    /// What is bid, the highest first.
    bids: Vec<ScenarioLevel>,
    /// What is asked for, the lowest first.
    asks: Vec<ScenarioLevel>,
}

impl From<BookRecord> for ScenarioBook {
    fn from(book: BookRecord) -> Self {
        let levels = |prices: Vec<Price>| prices.into_iter().map(ScenarioLevel::from).collect();
        Self { capability: book.capability, tick: book.tick, bids: levels(book.bids), asks: levels(book.asks) }
    }
}

/// A trade of a run.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioTrade {
    /// Its id.
    id: Uuid,
    /// Its number within the run, from 1.
    no: i64,
    /// The bid.
    bid_order_id: Uuid,
    /// The ask.
    ask_order_id: Uuid,
    /// Who bought.
    #[schema(value_type = String)]
    buyer_agent_id: AgentId,
    /// Who sold.
    #[schema(value_type = String)]
    seller_agent_id: AgentId,
    /// In which book.
    #[schema(example = "translation")]
    capability: String,
    /// The price; nothing was paid when it failed.
    price: i64,
    /// Always 1.
    quantity: i64,
    /// `settled`, or `failed` when the seller did not deliver.
    status: &'static str,
    /// How long the delivery took.
    latency_ms: i64,
    /// In which tick.
    tick: u32,
    /// When.
    created_at: Timestamp,
}

impl From<TradeRecord> for ScenarioTrade {
    fn from(trade: TradeRecord) -> Self {
        Self {
            id: trade.id,
            no: trade.no,
            bid_order_id: trade.bid,
            ask_order_id: trade.ask,
            buyer_agent_id: trade.buyer,
            seller_agent_id: trade.seller,
            capability: trade.capability,
            price: trade.price,
            quantity: 1,
            status: if trade.delivered { "settled" } else { "failed" },
            latency_ms: trade.latency_ms,
            tick: trade.tick,
            created_at: trade.at,
        }
    }
}

/// The prices and the volume of some ticks together.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScenarioCandle {
    /// Its first tick.
    tick: u32,
    /// The first price.
    open: i64,
    /// The highest.
    high: i64,
    /// The lowest.
    low: i64,
    /// The last.
    close: i64,
    /// What was paid.
    volume: i64,
    /// Trades.
    trades: i64,
}

impl From<CandleOfTicks> for ScenarioCandle {
    fn from(candle: CandleOfTicks) -> Self {
        let CandleOfTicks { tick, open, high, low, close, volume, trades } = candle;
        Self { tick, open, high, low, close, volume, trades }
    }
}
