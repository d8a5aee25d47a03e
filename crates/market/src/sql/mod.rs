//! The market's rows in SQLite and PostgreSQL.

mod candles;
mod capabilities;
mod orders;
mod rows;
mod schema;
mod standings;
mod stats;
mod trades;

use std::sync::Arc;

use rialto_kernel::{AgentId, OwnerId, PageRequest, Timestamp};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
    outbox,
};

use self::rows::To;
use crate::{
    model::{
        Candle, Capability, Interval, Listing, Order, OrderBook, OrderDepth, OrderFilter, OrderId, Standing, Ticker, Trade,
        TradeFilter, TradeId,
    },
    store::{Changes, MarketStore},
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

    async fn standings(&mut self, traders: &[(OwnerId, AgentId)]) -> Result<Vec<Standing>, StoreError> {
        standings::find(self, traders).await
    }

    async fn stop_trader(&mut self, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        standings::stop(self, agent, now).await
    }

    async fn resume_trader(&mut self, agent: AgentId) -> Result<(), StoreError> {
        standings::resume(self, agent).await
    }

    async fn open_orders_of(&mut self, owner: OwnerId, agent: AgentId) -> Result<Vec<(OrderId, Arc<str>)>, StoreError> {
        standings::open_of(self, owner, agent).await
    }

    async fn write_market(&mut self, changes: Changes, now: Timestamp) -> Result<(), StoreError> {
        let Changes { capabilities: rows, opened, changed, trades: traded, events, owners } = changes;
        // Trades after orders, which they refer to.
        match self {
            Self::Sqlite(conn) => {
                orders::insert(To::Sqlite(conn), opened).await?;
                orders::update(To::Sqlite(conn), changed).await?;
                candles::count(To::Sqlite(conn), &traded).await?;
                trades::insert(To::Sqlite(conn), &traded).await?;
                capabilities::update(To::Sqlite(conn), rows, now).await?;
                standings::count(To::Sqlite(conn), owners).await?;
                outbox::append_all(self, events).await
            }
            Self::Postgres(conn) => {
                let conn = &**conn;
                let to = || To::Postgres(conn);
                tokio::try_join!(
                    biased;
                    orders::insert(to(), opened),
                    orders::update(to(), changed),
                    candles::count(to(), &traded),
                    trades::insert(to(), &traded),
                    capabilities::update(to(), rows, now),
                    standings::count(to(), owners),
                    outbox::append_many(conn, events),
                )
                .map(drop)
            }
        }
    }

    async fn find_answer(&mut self, key: &Key) -> Result<Option<Claim>, StoreError> {
        idempotency::find(self, key).await
    }

    async fn keep_answer(&mut self, key: &Key, answer: &Stored, now: Timestamp) -> Result<(), StoreError> {
        match idempotency::claim(self, key, now).await? {
            Claim::Fresh => idempotency::finish(self, key, answer).await,
            _ => Err(StoreError::Again("an idempotency key was taken in the meantime".into())),
        }
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
