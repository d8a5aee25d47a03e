//! What a run that people watch asks of a transaction.

use rialto_kernel::{AgentId, Event, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use uuid::Uuid;

use crate::{
    run::{ProcessId, Run, RunId},
    world::BookFigures,
};

/// One book at the end of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickFigures {
    /// Which tick, from 1.
    pub tick: u32,
    /// Which book.
    pub capability: String,
    /// How it stood.
    pub figures: BookFigures,
}

/// A trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeRecord {
    /// Its number within the run, from 1.
    pub no: i64,
    /// Its id.
    pub id: Uuid,
    /// In which tick.
    pub tick: u32,
    /// In which book.
    pub capability: String,
    /// The bid.
    pub bid: Uuid,
    /// The ask.
    pub ask: Uuid,
    /// Who bought.
    pub buyer: AgentId,
    /// Who sold.
    pub seller: AgentId,
    /// What was paid, or would have been.
    pub price: i64,
    /// Whether it was delivered, and paid.
    pub delivered: bool,
    /// How long that took.
    pub latency_ms: i64,
    /// When.
    pub at: Timestamp,
}

/// A price and how many orders wait there.
pub type Price = (i64, i64);

/// The best prices of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookRecord {
    /// Which book.
    pub capability: String,
    /// As which tick left it; 0 before the first.
    pub tick: u32,
    /// What is bid, the highest first.
    pub bids: Vec<Price>,
    /// What is asked for, the lowest first.
    pub asks: Vec<Price>,
}

/// All that a tick writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickRecord {
    /// Each book's figures.
    pub figures: Vec<TickFigures>,
    /// Its trades.
    pub trades: Vec<TradeRecord>,
    /// Each book's best prices.
    pub books: Vec<BookRecord>,
}

/// Which figures are asked for: of the ticks behind `after`, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickFilter {
    /// Of which book; of all if `None`.
    pub capability: Option<String>,
    /// Behind which tick.
    pub after: u32,
    /// Up to which tick.
    pub upto: u32,
    /// How many rows at most.
    pub limit: u32,
}

/// The rows of simulations, as seen from inside one transaction.
pub trait SimulationStore: Send {
    /// Writes a new run and gives it its place in the history; `None` when another one is running.
    fn insert_run(&mut self, run: &Run) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Locks the run that is running.
    fn lock_running(&mut self) -> impl Future<Output = Result<Option<Run>, StoreError>> + Send;

    /// The run that a process is to run.
    fn find_held(&mut self, holder: ProcessId) -> impl Future<Output = Result<Option<Run>, StoreError>> + Send;

    /// A run.
    fn find_run(&mut self, id: RunId) -> impl Future<Output = Result<Option<Run>, StoreError>> + Send;

    /// The run that began last.
    fn latest_run(&mut self) -> impl Future<Output = Result<Option<Run>, StoreError>> + Send;

    /// The runs, the newest first.
    fn list_runs(&mut self, page: PageRequest) -> impl Future<Output = Result<Page<Run>, StoreError>> + Send;

    /// Writes how a run stands. It is locked.
    fn update_run(&mut self, run: &Run) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a tick of a run, and forgets all but its newest `trades_kept` trades.
    fn write_tick(
        &mut self,
        run_no: i64,
        tick: TickRecord,
        trades_kept: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Figures of a run's ticks, by tick and then by book.
    fn list_ticks(
        &mut self,
        run_no: i64,
        filter: &TickFilter,
    ) -> impl Future<Output = Result<Vec<TickFigures>, StoreError>> + Send;

    /// The newest trades of a run, of one book or of all.
    fn list_trades(
        &mut self,
        run_no: i64,
        capability: Option<&str>,
        page: PageRequest,
    ) -> impl Future<Output = Result<Vec<TradeRecord>, StoreError>> + Send;

    /// A book of a run.
    fn find_book(&mut self, run_no: i64, capability: &str)
    -> impl Future<Output = Result<Option<BookRecord>, StoreError>> + Send;

    /// Forgets rows of runs that ended long ago: all but the newest `kept`, at most about `limit` rows. Returns how many.
    fn forget_runs(&mut self, kept: u32, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Tells what happened. It is not kept for long: the rows of a run say the same.
    fn append_events(&mut self, events: Vec<Event>) -> impl Future<Output = Result<(), StoreError>> + Send;
}
