//! Sums over orders and trades.
//!
//! The credits of a trade fit 63 bits, those of many need not: they are summed up in two halves, and a sum never overflows.

use std::sync::Arc;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::schema::market_trades as t;
use crate::{
    book::Side,
    model::{Candle, DepthLevel, Interval, Listing, OrderDepth, Ticker},
};

statement! {
    /// The highest bids.
    struct BestBids { capability: String => Text | Text, limit: i64 => BigInt | BigInt }
    rows: (BigInt, BigInt, BigInt);
    sqlite: "SELECT price, sum(remaining), count(*) FROM market_orders WHERE capability = ?1 AND side = 'bid' AND remaining > 0
        GROUP BY price ORDER BY price DESC LIMIT ?2";
    postgres: "SELECT price, sum(remaining)::bigint, count(*) FROM market_orders
        WHERE capability = $1 AND side = 'bid' AND remaining > 0 GROUP BY price ORDER BY price DESC LIMIT $2";
}

statement! {
    /// The lowest asks.
    struct BestAsks { capability: String => Text | Text, limit: i64 => BigInt | BigInt }
    rows: (BigInt, BigInt, BigInt);
    sqlite: "SELECT price, sum(remaining), count(*) FROM market_orders WHERE capability = ?1 AND side = 'ask' AND remaining > 0
        GROUP BY price ORDER BY price LIMIT ?2";
    postgres: "SELECT price, sum(remaining)::bigint, count(*) FROM market_orders
        WHERE capability = $1 AND side = 'ask' AND remaining > 0 GROUP BY price ORDER BY price LIMIT $2";
}

async fn levels(tx: &mut Tx, capability: &str, side: Side, limit: u32) -> Result<Vec<DepthLevel>, StoreError> {
    let (capability, limit) = (capability.to_owned(), i64::from(limit));
    let rows: Vec<(i64, i64, i64)> = match side {
        Side::Bid => on!(tx, conn => BestBids { capability, limit }.load(conn).await)?,
        Side::Ask => on!(tx, conn => BestAsks { capability, limit }.load(conn).await)?,
    };
    Ok(rows.into_iter().map(|(price, quantity, orders)| DepthLevel { price, quantity, orders }).collect())
}

pub(super) async fn depth(tx: &mut Tx, capability: &str, limit: u32) -> Result<OrderDepth, StoreError> {
    let bids = levels(tx, capability, Side::Bid, limit).await?;
    Ok(OrderDepth { bids, asks: levels(tx, capability, Side::Ask, limit).await? })
}

type ListingRow = (String, bool, i64, Option<i64>, Option<i64>, Option<i64>);

const LISTINGS: &str = "SELECT c.capability, c.continuous, c.open_orders,
        (SELECT t.price FROM market_trades AS t WHERE t.capability = c.capability ORDER BY t.no DESC LIMIT 1),
        (SELECT o.price FROM market_orders AS o WHERE o.capability = c.capability AND o.side = 'bid' AND o.remaining > 0
            ORDER BY o.price DESC LIMIT 1),
        (SELECT o.price FROM market_orders AS o WHERE o.capability = c.capability AND o.side = 'ask' AND o.remaining > 0
            ORDER BY o.price LIMIT 1)
    FROM market_capabilities AS c ORDER BY c.capability LIMIT $1";

statement! {
    /// The first capabilities by name, each with three looks into an index.
    struct Listings { limit: i64 => BigInt | BigInt }
    rows: (Text, Bool, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
    sqlite: LISTINGS;
    postgres: LISTINGS;
}

pub(super) async fn listings(tx: &mut Tx, limit: u32) -> Result<Vec<Listing>, StoreError> {
    let rows: Vec<ListingRow> = on!(tx, conn => Listings { limit: limit.into() }.load(conn).await)?;
    let listing = |(capability, continuous, open_orders, last, best_bid, best_ask): ListingRow| Listing {
        capability: Arc::from(capability),
        continuous,
        open_orders,
        last,
        best_bid,
        best_ask,
    };
    Ok(rows.into_iter().map(listing).collect())
}

const HALF: u32 = 24;

/// A sum of credits from its two halves.
fn turnover(high: Option<i64>, low: Option<i64>) -> i128 {
    (i128::from(high.unwrap_or(0)) << HALF) + i128::from(low.unwrap_or(0))
}

type DayRow = (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

statement! {
    /// What the trades since a moment come to.
    struct Since { capability: String => Text | Text, since: Timestamp => UtcTime | UtcTime }
    rows: (BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
    sqlite: "SELECT count(*), sum(quantity), sum((price * quantity) >> 24), sum((price * quantity) & 16777215), max(price), min(price)
        FROM market_trades WHERE capability = ?1 AND created_at >= ?2";
    postgres: "SELECT count(*), sum(quantity)::bigint, sum((price * quantity) >> 24)::bigint,
            sum((price * quantity) & 16777215)::bigint, max(price), min(price)
        FROM market_trades WHERE capability = $1 AND created_at >= $2";
}

pub(super) async fn ticker(tx: &mut Tx, capability: &str, since: Timestamp) -> Result<Ticker, StoreError> {
    let last: Option<(i64, Timestamp)> = on!(tx, conn => t::table
        .filter(t::capability.eq(capability)).order(t::no.desc()).select((t::price, t::created_at))
        .first(conn).await.optional())?;
    let best_bid = levels(tx, capability, Side::Bid, 1).await?.pop();
    let best_ask = levels(tx, capability, Side::Ask, 1).await?.pop();
    let day = Since { capability: capability.to_owned(), since };
    let (trades, volume, credits_high, credits_low, high, low): DayRow = on!(tx, conn => day.get_result(conn).await)?;
    Ok(Ticker {
        last: last.map(|(price, _)| price),
        last_at: last.map(|(_, at)| at),
        best_bid,
        best_ask,
        volume: volume.unwrap_or(0),
        turnover: turnover(credits_high, credits_low),
        trades,
        high,
        low,
    })
}

type CandleRow = (Timestamp, i64, i64, i64, i64, i64, i64, i64, i64);

statement! {
    /// The candles since a moment: each from what its index alone says, then the prices of its first and its last trade.
    struct Candles {
        capability: String => Text | Text,
        since: Timestamp => UtcTime | UtcTime,
        seconds: i64 => BigInt | BigInt,
        limit: i64 => BigInt | BigInt,
    }
    rows: (UtcTime, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    sqlite: "SELECT c.start, first.price, c.high, c.low, last.price, c.volume, c.credits_high, c.credits_low, c.trades
        FROM (
            SELECT created_at - created_at % (?3 * 1000000) AS start, min(no) AS first_no, max(no) AS last_no, max(price) AS high,
                min(price) AS low, sum(quantity) AS volume, sum((price * quantity) >> 24) AS credits_high,
                sum((price * quantity) & 16777215) AS credits_low, count(*) AS trades
            FROM market_trades WHERE capability = ?1 AND created_at >= ?2 GROUP BY 1 ORDER BY 1 DESC LIMIT ?4
        ) AS c
        JOIN market_trades AS first ON first.no = c.first_no
        JOIN market_trades AS last ON last.no = c.last_no
        ORDER BY c.start DESC";
    postgres: "SELECT c.start, first.price, c.high, c.low, last.price, c.volume, c.credits_high, c.credits_low, c.trades
        FROM (
            SELECT date_bin(make_interval(secs => $3), created_at, timestamptz 'epoch') AS start, min(no) AS first_no,
                max(no) AS last_no, max(price) AS high, min(price) AS low, sum(quantity)::bigint AS volume,
                sum((price * quantity) >> 24)::bigint AS credits_high, sum((price * quantity) & 16777215)::bigint AS credits_low,
                count(*) AS trades
            FROM market_trades WHERE capability = $1 AND created_at >= $2 GROUP BY 1 ORDER BY 1 DESC LIMIT $4
        ) AS c
        JOIN market_trades AS first ON first.no = c.first_no
        JOIN market_trades AS last ON last.no = c.last_no
        ORDER BY c.start DESC";
}

pub(super) async fn candles(
    tx: &mut Tx,
    capability: &str,
    interval: Interval,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Candle>, StoreError> {
    let query = Candles { capability: capability.to_owned(), since, seconds: interval.seconds(), limit: limit.into() };
    let rows: Vec<CandleRow> = on!(tx, conn => query.load(conn).await)?;
    let candle = |(start, open, high, low, close, volume, credits_high, credits_low, trades)| Candle {
        start,
        open,
        high,
        low,
        close,
        volume,
        turnover: turnover(Some(credits_high), Some(credits_low)),
        trades,
    };
    Ok(rows.into_iter().map(candle).collect())
}
