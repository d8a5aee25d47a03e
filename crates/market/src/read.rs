//! Looking: books, orders, trades, prices. Everybody may see the market; the list of orders says whose.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rialto_kernel::{AgentId, Caller, PageRequest, Timestamp};
use rialto_ledger::{Account, wallet::WalletStore};
use rialto_store::StoreError;

use crate::{
    error::MarketError,
    exchange::check,
    model::{
        Candle, Capability, Interval, Listing, Order, OrderBook, OrderDepth, OrderFilter, OrderId, OrderPage, Settings, Ticker,
        Trade, TradeFilter, TradeId, Trader,
    },
    store::MarketStore,
};

/// The most orders of one side that a book shows.
pub const BOOK_ORDERS_MAX: u32 = 100;
/// The most prices of one side that a depth shows.
pub const DEPTH_LEVELS_MAX: u32 = 500;
/// The most capabilities of one list.
pub const LISTINGS_MAX: u32 = 200;
/// The most orders of one page.
pub const ORDERS_MAX: u32 = 200;
/// The most trades of one page.
pub const TRADES_MAX: u32 = 200;
/// How far one can page through the trades of an agent, which come from two lists.
pub const AGENT_OFFSET_MAX: i64 = 10_000;
/// The most candles at once.
pub const CANDLES_MAX: u32 = 1_000;
/// What a ticker looks back on.
const DAY: Duration = Duration::from_secs(86_400);

/// Who trades when these agents do; nobody for an agent without a wallet.
///
/// # Errors
/// Whatever the database says.
pub async fn find_traders(tx: &mut impl WalletStore, agents: &[AgentId]) -> Result<HashMap<AgentId, Trader>, StoreError> {
    let accounts = if agents.is_empty() { Vec::new() } else { tx.find_agent_accounts(agents).await? };
    let trader = |account: Account| Some(Trader { agent: account.agent?, owner: account.owner?, account: account.id });
    Ok(accounts.into_iter().filter_map(trader).map(|trader| (trader.agent, trader)).collect())
}

/// The best orders of each side. A capability that nobody has traded has an empty book.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn order_book(tx: &mut impl MarketStore, capability: &str) -> Result<OrderBook, MarketError> {
    check::text("capability", capability)?;
    Ok(tx.best_orders(capability, BOOK_ORDERS_MAX).await?)
}

/// The best prices of each side, at most `levels` and [`DEPTH_LEVELS_MAX`] of them.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn depth(tx: &mut impl MarketStore, capability: &str, levels: u32) -> Result<OrderDepth, MarketError> {
    check::text("capability", capability)?;
    Ok(tx.best_levels(capability, levels.clamp(1, DEPTH_LEVELS_MAX)).await?)
}

/// How a capability is traded; the defaults for one that nobody has traded.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn capability(tx: &mut impl MarketStore, name: &str) -> Result<Capability, MarketError> {
    check::text("capability", name)?;
    let unknown =
        || Capability { name: Arc::from(name), settings: Settings::default(), version: 0, last_priority: 0, open_orders: 0 };
    Ok(tx.find_capability(name).await?.unwrap_or_else(unknown))
}

/// One order. Takes its owner or an administrator.
///
/// # Errors
/// [`MarketError::OrderUnknown`], also when it is somebody else's.
pub async fn order(tx: &mut impl MarketStore, caller: &Caller, id: OrderId) -> Result<Order, MarketError> {
    let found = tx.find_orders(&[id]).await?.pop();
    found.filter(|order| caller.may_read(order.trader.owner)).ok_or(MarketError::OrderUnknown(id))
}

/// Orders, the newest first, at most `limit` and [`ORDERS_MAX`] of them: the caller's own, or for an administrator those of
/// the owner in the filter, or of all.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn orders(
    tx: &mut impl MarketStore,
    caller: &Caller,
    filter: OrderFilter,
    limit: u32,
) -> Result<OrderPage, MarketError> {
    filter.capability.as_deref().map_or(Ok(()), |name| check::text("capability", name))?;
    let owner = if caller.is_admin() { filter.owner } else { Some(caller.owner) };
    let limit = limit.clamp(1, ORDERS_MAX);
    let rows = tx.list_orders(&OrderFilter { owner, ..filter }, limit).await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows == limit);
    let next = rows.last().map(|(no, _)| *no).filter(|_| is_full);
    Ok(OrderPage { items: rows.into_iter().map(|(_, order)| order).collect(), next })
}

/// One trade.
///
/// # Errors
/// [`MarketError::TradeUnknown`].
pub async fn trade(tx: &mut impl MarketStore, id: TradeId) -> Result<Trade, MarketError> {
    tx.find_trade(id).await?.ok_or(MarketError::TradeUnknown(id))
}

/// Trades, the newest first. Those of one agent can be paged through up to [`AGENT_OFFSET_MAX`].
///
/// # Errors
/// [`MarketError::Invalid`].
pub async fn trades(tx: &mut impl MarketStore, filter: &TradeFilter, page: PageRequest) -> Result<Vec<Trade>, MarketError> {
    filter.capability.as_deref().map_or(Ok(()), |name| check::text("capability", name))?;
    if filter.agent.is_some() && page.offset() > AGENT_OFFSET_MAX {
        return Err(MarketError::Invalid { field: "offset", why: "at most 10000 with an agent" });
    }
    Ok(tx.list_trades(filter, page).await?)
}

/// Capabilities with their prices, at most `limit` and [`LISTINGS_MAX`] of them: first those that were traded most today and
/// yesterday (UTC), by the credits that were paid; then those that were traded before, the last first; then the others by name.
///
/// # Errors
/// [`MarketError::Store`].
pub async fn listings(tx: &mut impl MarketStore, limit: u32, now: Timestamp) -> Result<Vec<Listing>, MarketError> {
    Ok(tx.list_capabilities(Interval::Day.start(now), limit.clamp(1, LISTINGS_MAX)).await?)
}

/// How a capability trades: the last price, the best ones, and the last 24 hours, to the minute.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn ticker(tx: &mut impl MarketStore, capability: &str, now: Timestamp) -> Result<Ticker, MarketError> {
    check::text("capability", capability)?;
    Ok(tx.ticker(capability, now.before(DAY)).await?)
}

/// The candles of the last `count` intervals, at most [`CANDLES_MAX`], the newest first. An interval without trades has none.
///
/// # Errors
/// [`MarketError::Invalid`], [`MarketError::Store`].
pub async fn candles(
    tx: &mut impl MarketStore,
    capability: &str,
    interval: Interval,
    count: u32,
    now: Timestamp,
) -> Result<Vec<Candle>, MarketError> {
    check::text("capability", capability)?;
    let count = count.clamp(1, CANDLES_MAX);
    let before = Duration::from_secs(interval.seconds().unsigned_abs()).saturating_mul(count - 1);
    Ok(tx.candles(capability, interval, interval.start(now).before(before), count).await?)
}
