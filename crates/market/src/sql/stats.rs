//! Prices, and what is worth showing.

use std::{sync::Arc, time::Duration};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::{candles, schema::market_trades as t};
use crate::{
    book::Side,
    model::{DepthLevel, Listing, OrderDepth, Ticker},
};

const DAY: Duration = Duration::from_secs(86_400);

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

/// The capabilities that were traded most today and yesterday, then those that were traded before, the last first, then the
/// others by name. Who places orders and does not trade stands behind everybody who does. The first `$2` of each kind are looked
/// at, whatever there is.
const LISTINGS: &str = "SELECT c.capability, c.continuous, c.open_orders,
        (SELECT t.price FROM market_trades AS t WHERE t.capability = c.capability ORDER BY t.no DESC LIMIT 1),
        (SELECT o.price FROM market_orders AS o WHERE o.capability = c.capability AND o.side = 'bid' AND o.remaining > 0
            ORDER BY o.price DESC LIMIT 1),
        (SELECT o.price FROM market_orders AS o WHERE o.capability = c.capability AND o.side = 'ask' AND o.remaining > 0
            ORDER BY o.price LIMIT 1)
    FROM (
        SELECT capability, CAST(sum(high) AS bigint) + (CAST(sum(low) AS bigint) >> 24) AS high,
            CAST(sum(low) AS bigint) & 16777215 AS low, max(start) AS start
        FROM (
            SELECT * FROM (SELECT capability, credits_high AS high, credits_low AS low, start FROM market_candles
                WHERE seconds = 86400 AND start = $1 ORDER BY credits_high DESC, credits_low DESC LIMIT $2) AS today
            UNION ALL
            SELECT * FROM (SELECT capability, credits_high, credits_low, start FROM market_candles
                WHERE seconds = 86400 AND start = $3 ORDER BY credits_high DESC, credits_low DESC LIMIT $2) AS yesterday
            UNION ALL
            SELECT capability, 0, 0, traded_on FROM (SELECT capability, traded_on FROM market_capabilities
                WHERE traded_on < $3 ORDER BY traded_on DESC LIMIT $2) AS earlier
            UNION ALL
            SELECT capability, 0, 0, NULL FROM (SELECT capability FROM market_capabilities ORDER BY capability LIMIT $2) AS named
        ) AS known
        GROUP BY capability ORDER BY 2 DESC, 3 DESC, 4 DESC NULLS LAST, 1 LIMIT $2
    ) AS r
    JOIN market_capabilities AS c ON c.capability = r.capability
    ORDER BY r.high DESC, r.low DESC, r.start DESC NULLS LAST, c.capability";

statement! {
    /// Capabilities, each with three looks into an index.
    struct Listings {
        today: Timestamp => UtcTime | UtcTime,
        limit: i64 => BigInt | BigInt,
        yesterday: Timestamp => UtcTime | UtcTime,
    }
    rows: (Text, Bool, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
    sqlite: LISTINGS;
    postgres: LISTINGS;
}

pub(super) async fn listings(tx: &mut Tx, today: Timestamp, limit: u32) -> Result<Vec<Listing>, StoreError> {
    let query = Listings { today, limit: limit.into(), yesterday: today.before(DAY) };
    let rows: Vec<ListingRow> = on!(tx, conn => query.load(conn).await)?;
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

pub(super) async fn ticker(tx: &mut Tx, capability: &str, since: Timestamp) -> Result<Ticker, StoreError> {
    let last: Option<(i64, Timestamp)> = on!(tx, conn => t::table
        .filter(t::capability.eq(capability)).order(t::no.desc()).select((t::price, t::created_at))
        .first(conn).await.optional())?;
    let best_bid = levels(tx, capability, Side::Bid, 1).await?.pop();
    let best_ask = levels(tx, capability, Side::Ask, 1).await?.pop();
    let traded = candles::traded_since(tx, capability, since).await?;
    Ok(Ticker { last: last.map(|(price, _)| price), last_at: last.map(|(_, at)| at), best_bid, best_ask, ..traded })
}
