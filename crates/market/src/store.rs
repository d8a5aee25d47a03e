//! What the market asks of a transaction.

use std::sync::Arc;

use rialto_kernel::{AccountId, AgentId, Event, OwnerId, PageRequest, Timestamp};
use rialto_ledger::{HoldId, LedgerError, plan::Plan, wallet::WalletStore};
use rialto_store::{
    StoreError,
    idempotency::{Key, Record, Stored},
};

use crate::model::{
    Candle, Capability, Interval, Listing, Order, OrderBook, OrderDepth, OrderFilter, OrderId, Standing, Ticker, Trade,
    TradeFilter, TradeId,
};

/// What a transaction wants written, all at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Capabilities that changed. Every one of them was locked.
    pub capabilities: Vec<Capability>,
    /// New orders, as they are after everything that happened to them.
    pub opened: Vec<Order>,
    /// Orders that changed. The capability of every one of them was locked.
    pub changed: Vec<Order>,
    /// New trades.
    pub trades: Vec<Trade>,
    /// How many orders more (or fewer) than before these owners have open. Sorted.
    pub owners: Vec<(OwnerId, i64)>,
    /// What is worth telling.
    pub events: Vec<Event>,
    /// The answers to requests under idempotency keys that had none.
    pub answers: Vec<(Key, Stored)>,
}

/// What a transaction is to find, all under its locks. What is locked first is locked first.
#[derive(Debug, Clone, Default)]
pub struct Look<'a> {
    /// Capabilities to be locked, sorted and without repetition.
    pub capabilities: Vec<&'a str>,
    /// Accounts to be locked.
    pub accounts: Vec<AccountId>,
    /// Holds to be locked, and their accounts.
    pub holds: Vec<HoldId>,
    /// Owners, each with one of its agents: how do they stand?
    pub traders: Vec<(OwnerId, AgentId)>,
    /// Idempotency keys: what is kept under them?
    pub keys: Vec<Key>,
}

/// What a transaction has found.
#[derive(Debug)]
pub struct Found {
    /// The capabilities that exist.
    pub capabilities: Vec<Capability>,
    /// The accounts and the holds, for money to be moved.
    pub plan: Plan,
    /// How the traders stand.
    pub standings: Vec<Standing>,
    /// What is kept under the keys, in their order.
    pub answers: Vec<Option<Record>>,
}

/// The rows of the market, as seen from inside one transaction.
pub trait MarketStore: WalletStore {
    /// Locks those of these capabilities that exist. `names` are sorted and without repetition.
    fn lock_capabilities(&mut self, names: &[&str]) -> impl Future<Output = Result<Vec<Capability>, StoreError>> + Send;

    /// Opens those of these capabilities that do not exist. `names` are sorted and without repetition.
    fn insert_capabilities(&mut self, names: &[&str], now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a capability without locking it.
    fn find_capability(&mut self, name: &str) -> impl Future<Output = Result<Option<Capability>, StoreError>> + Send;

    /// Those of these orders that exist.
    fn find_orders(&mut self, ids: &[OrderId]) -> impl Future<Output = Result<Vec<Order>, StoreError>> + Send;

    /// The orders that these agents' clients gave these ids.
    fn find_client_orders(&mut self, ids: &[(AgentId, String)]) -> impl Future<Output = Result<Vec<Order>, StoreError>> + Send;

    /// All open orders of a capability, in no order.
    fn open_orders(&mut self, capability: &str) -> impl Future<Output = Result<Vec<Order>, StoreError>> + Send;

    /// Open orders whose time is up at `now`, the earliest first.
    fn due_orders(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<OrderId>, StoreError>> + Send;

    /// Locks and reads all that `look` names.
    fn look(&mut self, look: Look<'_>, now: Timestamp) -> impl Future<Output = Result<Found, LedgerError>> + Send;

    /// Writes that an agent may not trade.
    fn stop_trader(&mut self, agent: AgentId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Those of these agents of which it was never written that they may not trade, or not any more.
    fn not_stopped(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<AgentId>, StoreError>> + Send;

    /// Writes that an agent may trade again.
    fn resume_trader(&mut self, agent: AgentId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The open orders of one of an owner's agents, in no order, each with its capability.
    fn open_orders_of(
        &mut self,
        owner: OwnerId,
        agent: AgentId,
    ) -> impl Future<Output = Result<Vec<(OrderId, Arc<str>)>, StoreError>> + Send;

    /// Moves the money, and then writes `changes`.
    ///
    /// # Errors
    /// [`StoreError::Again`] when another transaction took one of the new ids or keys in the meantime: run again, this one will
    /// find it.
    fn write_market(
        &mut self,
        money: Plan,
        changes: Changes,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Keeps another answer under a key that has one.
    fn replace_answer(&mut self, key: &Key, answer: &Stored) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The best `limit` open orders of each side.
    fn best_orders(&mut self, capability: &str, limit: u32) -> impl Future<Output = Result<OrderBook, StoreError>> + Send;

    /// The best `limit` prices of each side.
    fn best_levels(&mut self, capability: &str, limit: u32) -> impl Future<Output = Result<OrderDepth, StoreError>> + Send;

    /// Orders, the newest first, each with its place in the list.
    fn list_orders(
        &mut self,
        filter: &OrderFilter,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(i64, Order)>, StoreError>> + Send;

    /// Trades, the newest first.
    fn list_trades(
        &mut self,
        filter: &TradeFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Vec<Trade>, StoreError>> + Send;

    /// Reads a trade.
    fn find_trade(&mut self, id: TradeId) -> impl Future<Output = Result<Option<Trade>, StoreError>> + Send;

    /// Reads a trade and locks it.
    fn lock_trade(&mut self, id: TradeId) -> impl Future<Output = Result<Option<Trade>, StoreError>> + Send;

    /// Trades whose delivery failed, whose money is held to be paid back, and that nobody has looked at since `before`; the one
    /// that was looked at first comes first.
    fn owed_trades(&mut self, before: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<TradeId>, StoreError>> + Send;

    /// Writes how the delivery of a trade stands.
    fn update_trade(&mut self, trade: &Trade) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The capabilities that were traded most today and yesterday, with their prices; then the others. `today` is when the day
    /// began.
    fn list_capabilities(
        &mut self,
        today: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Listing>, StoreError>> + Send;

    /// What the trades since a moment come to, in whole minutes, with the last one ever and the best prices.
    fn ticker(&mut self, capability: &str, since: Timestamp) -> impl Future<Output = Result<Ticker, StoreError>> + Send;

    /// The candles of the trades since a moment, the newest first.
    fn candles(
        &mut self,
        capability: &str,
        interval: Interval,
        since: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Candle>, StoreError>> + Send;
}
