//! The simulator: little economies with a question to them, on the market's own book and by the ledger's own rules.
//!
//! A [`Scenario`] sets up sellers, buyers and perhaps an arbitrageur, each with a small pure [`strategy`]. A [`World`] runs them
//! tick by tick, in memory: orders meet in a [`rialto_market::book::Book`], bids have their money held, and trades are paid, by a
//! [`rialto_ledger::plan::Plan`].
//!
//! A run that people watch has a [`Simulator`]: it is a row that one server holds by a lease, its ticks are written one by one, with
//! figures, trades, books and events, and any server can show or stop it.
//!
//! # What always holds
//! 1. A run touches nobody's agents, wallets or orders: its own are in memory, and end with it.
//! 2. At the end of every tick all balances sum to zero, what is held is what the open bids come to, and nobody has less than
//!    nothing. A run that finds otherwise ends with an error.
//! 3. One run at a time is running, whatever the number of servers: a unique index says so.
//! 4. The same configuration and seed give the same run, on every machine.

mod advance;
mod config;
mod error;
pub mod figure;
mod live;
pub mod read;
mod record;
mod rng;
mod run;
mod scenario;
mod sql;
mod store;
pub mod strategy;
mod world;

pub use advance::{Advanced, TRADES_KEPT, advance, give_up};
pub use config::{Config, Shock};
pub use error::SimulationError;
pub use live::Simulator;
pub use record::{EVENTS_PER_TICK_MAX, LEVELS_KEPT, Recorded};
pub use rng::Rng;
pub use run::{
    LEASE_MS, LIVE_BOUNDS, LIVE_BUYERS_MAX, LIVE_SERVICES_MAX, LIVE_TICKS_MAX, ProcessId, Run, RunId, RunStatus, end_lost, find,
    latest, nouns, start, stop,
};
pub use scenario::{Layout, Scenario};
pub use store::{BookRecord, Price, SimulationStore, TickFigures, TickFilter, TickRecord, TradeRecord};
pub use world::{AgentNo, BookFigures, Deal, Money, Names, PlacedOrder, Tick, Totals, World};
