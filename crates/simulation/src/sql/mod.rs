//! The rows of simulations in SQLite and PostgreSQL.

mod books;
mod runs;
mod schema;
mod ticks;
mod trades;

use rialto_kernel::{Event, Page, PageRequest};
use rialto_store::{StoreError, Tx, outbox};

use crate::{
    run::{ProcessId, Run, RunId},
    store::{BookRecord, SimulationStore, TickFigures, TickFilter, TickRecord, TradeRecord},
};

impl SimulationStore for Tx {
    async fn insert_run(&mut self, run: &Run) -> Result<Option<i64>, StoreError> {
        runs::insert(self, run).await
    }

    async fn lock_running(&mut self) -> Result<Option<Run>, StoreError> {
        runs::lock_running(self).await
    }

    async fn find_held(&mut self, holder: ProcessId) -> Result<Option<Run>, StoreError> {
        runs::find_held(self, holder).await
    }

    async fn find_run(&mut self, id: RunId) -> Result<Option<Run>, StoreError> {
        runs::find(self, id).await
    }

    async fn latest_run(&mut self) -> Result<Option<Run>, StoreError> {
        runs::latest(self).await
    }

    async fn list_runs(&mut self, page: PageRequest) -> Result<Page<Run>, StoreError> {
        runs::list(self, page).await
    }

    async fn update_run(&mut self, run: &Run) -> Result<(), StoreError> {
        runs::update(self, run).await
    }

    async fn write_tick(&mut self, run_no: i64, tick: TickRecord, trades_kept: i64) -> Result<(), StoreError> {
        ticks::insert(self, run_no, tick.figures).await?;
        trades::insert(self, run_no, tick.trades, trades_kept).await?;
        books::write(self, run_no, tick.books).await
    }

    async fn list_ticks(&mut self, run_no: i64, filter: &TickFilter) -> Result<Vec<TickFigures>, StoreError> {
        ticks::list(self, run_no, filter).await
    }

    async fn list_trades(
        &mut self,
        run_no: i64,
        capability: Option<&str>,
        page: PageRequest,
    ) -> Result<Vec<TradeRecord>, StoreError> {
        trades::list(self, run_no, capability, page).await
    }

    async fn find_book(&mut self, run_no: i64, capability: &str) -> Result<Option<BookRecord>, StoreError> {
        books::find(self, run_no, capability).await
    }

    async fn forget_runs(&mut self, kept: u32, limit: u32) -> Result<usize, StoreError> {
        runs::forget(self, kept, limit).await
    }

    async fn append_events(&mut self, events: Vec<Event>) -> Result<(), StoreError> {
        outbox::append_brief(self, events).await
    }
}
