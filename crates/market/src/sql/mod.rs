//! The market's rows in SQLite and PostgreSQL.

mod candles;
mod capabilities;
mod look;
mod orders;
mod rows;
mod schema;
mod standings;
mod stats;
mod trades;

use std::sync::Arc;

use rialto_kernel::{AgentId, OwnerId, PageRequest, Timestamp};
use rialto_ledger::{LedgerError, plan::Plan};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Key, Stored},
};

use crate::{
    model::{
        Candle, Capability, Interval, Listing, Order, OrderBook, OrderDepth, OrderFilter, OrderId, Ticker, Trade, TradeFilter,
        TradeId,
    },
    store::{Changes, Found, Look, MarketStore},
};

impl MarketStore for Tx {
    async fn lock_capabilities(&mut self, names: &[&str]) -> Result<Vec<Capability>, StoreError> {
        capabilities::lock(self, names).await
    }

    async fn insert_capabilities(&mut self, names: &[&str], now: Timestamp) -> Result<(), StoreError> {
        capabilities::insert(self, names, now).await
    }

    async fn find_capability(&mut self, name: &str) -> Result<Option<Capability>, StoreError> {
        capabilities::find(self, name).await
    }

    async fn find_orders(&mut self, ids: &[OrderId]) -> Result<Vec<Order>, StoreError> {
        orders::find(self, ids).await
    }

    async fn find_client_orders(&mut self, ids: &[(AgentId, String)]) -> Result<Vec<Order>, StoreError> {
        orders::find_by_client(self, ids).await
    }

    async fn open_orders(&mut self, capability: &str) -> Result<Vec<Order>, StoreError> {
        orders::open_of(self, capability).await
    }

    async fn due_orders(&mut self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        orders::due(self, now, limit).await
    }

    async fn look(&mut self, look: Look<'_>, now: Timestamp) -> Result<Found, LedgerError> {
        look::look(self, look, now).await
    }

    async fn stop_trader(&mut self, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        standings::stop(self, agent, now).await
    }

    async fn not_stopped(&mut self, agents: &[AgentId]) -> Result<Vec<AgentId>, StoreError> {
        standings::not_stopped(self, agents).await
    }

    async fn resume_trader(&mut self, agent: AgentId) -> Result<(), StoreError> {
        standings::resume(self, agent).await
    }

    async fn open_orders_of(&mut self, owner: OwnerId, agent: AgentId) -> Result<Vec<(OrderId, Arc<str>)>, StoreError> {
        standings::open_of(self, owner, agent).await
    }

    async fn write_market(&mut self, money: Plan, changes: Changes, now: Timestamp) -> Result<(), LedgerError> {
        look::write(self, money, changes, now).await
    }

    async fn replace_answer(&mut self, key: &Key, answer: &Stored) -> Result<(), StoreError> {
        idempotency::finish(self, key, answer).await
    }

    async fn best_orders(&mut self, capability: &str, limit: u32) -> Result<OrderBook, StoreError> {
        orders::best(self, capability, limit).await
    }

    async fn best_levels(&mut self, capability: &str, limit: u32) -> Result<OrderDepth, StoreError> {
        stats::depth(self, capability, limit).await
    }

    async fn list_orders(&mut self, filter: &OrderFilter, limit: u32) -> Result<Vec<(i64, Order)>, StoreError> {
        orders::list(self, filter, limit).await
    }

    async fn list_trades(&mut self, filter: &TradeFilter, page: PageRequest) -> Result<Vec<Trade>, StoreError> {
        trades::list(self, filter, page).await
    }

    async fn find_trade(&mut self, id: TradeId) -> Result<Option<Trade>, StoreError> {
        trades::find(self, id).await
    }

    async fn lock_trade(&mut self, id: TradeId) -> Result<Option<Trade>, StoreError> {
        trades::lock(self, id).await
    }

    async fn owed_trades(&mut self, before: Timestamp, limit: u32) -> Result<Vec<TradeId>, StoreError> {
        trades::owed(self, before, limit).await
    }

    async fn update_trade(&mut self, trade: &Trade) -> Result<(), StoreError> {
        trades::update(self, trade).await
    }

    async fn list_capabilities(&mut self, today: Timestamp, limit: u32) -> Result<Vec<Listing>, StoreError> {
        stats::listings(self, today, limit).await
    }

    async fn ticker(&mut self, capability: &str, since: Timestamp) -> Result<Ticker, StoreError> {
        stats::ticker(self, capability, since).await
    }

    async fn candles(
        &mut self,
        capability: &str,
        interval: Interval,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Candle>, StoreError> {
        candles::list(self, capability, interval, since, limit).await
    }
}
