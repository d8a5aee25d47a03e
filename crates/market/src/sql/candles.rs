//! Rows of `market_candles`: what the trades of each interval come to.
//!
//! The credits of a trade fit 63 bits, those of many need not: they are summed up in two halves, and a sum never overflows.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::rows::{To, rows};
use crate::model::{Candle, Interval, Ticker, Trade};

const HALF: u32 = 24;
const LOW: i128 = (1 << HALF) - 1;

/// A sum of credits from its two halves.
fn turnover(high: i64, low: i64) -> i128 {
    (i128::from(high) << HALF) + i128::from(low)
}

/// The halves of a sum of credits; what does not fit is cut to what does.
fn halves(turnover: i128) -> (i64, i64) {
    let half = |part: i128| i64::try_from(part).unwrap_or(i64::MAX);
    (half(turnover >> HALF), half(turnover & LOW))
}

rows! {
    /// Adds candles to those of the same intervals.
    struct AddOne, AddMany {
        capability: String => Text,
        seconds: i32 => Integer,
        start: Timestamp => UtcTime,
        open: i64 => BigInt,
        high: i64 => BigInt,
        low: i64 => BigInt,
        close: i64 => BigInt,
        volume: i64 => BigInt,
        credits_high: i64 => BigInt,
        credits_low: i64 => BigInt,
        trades: i64 => BigInt,
    }
    sqlite: "INSERT INTO market_candles AS c (capability, seconds, start, open, high, low, close, volume, credits_high, credits_low,
        trades)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (capability, seconds, start) DO UPDATE SET high = max(c.high, excluded.high), low = min(c.low, excluded.low),
            close = excluded.close, volume = c.volume + excluded.volume,
            credits_high = c.credits_high + excluded.credits_high + ((c.credits_low + excluded.credits_low) >> 24),
            credits_low = (c.credits_low + excluded.credits_low) & 16777215, trades = c.trades + excluded.trades";
    postgres: "INSERT INTO market_candles AS c (capability, seconds, start, open, high, low, close, volume, credits_high, credits_low,
        trades)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (capability, seconds, start) DO UPDATE SET high = greatest(c.high, excluded.high),
            low = least(c.low, excluded.low), close = excluded.close, volume = c.volume + excluded.volume,
            credits_high = c.credits_high + excluded.credits_high + ((c.credits_low + excluded.credits_low) >> 24),
            credits_low = (c.credits_low + excluded.credits_low) & 16777215, trades = c.trades + excluded.trades";
}

fn seconds(interval: Interval) -> i32 {
    i32::try_from(interval.seconds()).unwrap_or(i32::MAX)
}

/// Counts new trades, which are in the order in which they happened. Their capabilities were locked.
pub(super) async fn count(to: To<'_>, trades: &[Trade]) -> Result<(), StoreError> {
    let mut candles: BTreeMap<(&str, i32, Timestamp), Candle> = BTreeMap::new();
    for trade in trades {
        for interval in Interval::ALL {
            let candle = Candle::of(trade, *interval);
            let key = (&*trade.capability, seconds(*interval), candle.start);
            candles.entry(key).and_modify(|known| known.add(&candle)).or_insert(candle);
        }
    }
    let row = |((capability, seconds, start), candle): ((&str, i32, Timestamp), Candle)| {
        let (credits_high, credits_low) = halves(candle.turnover);
        AddOne {
            capability: capability.to_owned(),
            seconds,
            start,
            open: candle.open,
            high: candle.high,
            low: candle.low,
            close: candle.close,
            volume: candle.volume,
            credits_high,
            credits_low,
            trades: candle.trades,
        }
    };
    AddOne::write(to, candles.into_iter().map(row).collect()).await?;
    Ok(())
}

type CandleRow = (Timestamp, i64, i64, i64, i64, i64, i64, i64, i64);

const CANDLES: &str = "SELECT start, open, high, low, close, volume, credits_high, credits_low, trades FROM market_candles
    WHERE capability = $1 AND seconds = $2 AND start >= $3 ORDER BY start DESC LIMIT $4";

statement! {
    /// The candles since a moment.
    struct Candles {
        capability: String => Text | Text,
        seconds: i32 => Integer | Integer,
        since: Timestamp => UtcTime | UtcTime,
        limit: i64 => BigInt | BigInt,
    }
    rows: (UtcTime, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    sqlite: CANDLES;
    postgres: CANDLES;
}

pub(super) async fn list(
    tx: &mut Tx,
    capability: &str,
    interval: Interval,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Candle>, StoreError> {
    let query = Candles { capability: capability.to_owned(), seconds: seconds(interval), since, limit: limit.into() };
    let rows: Vec<CandleRow> = on!(tx, conn => query.load(conn).await)?;
    let candle = |(start, open, high, low, close, volume, credits_high, credits_low, trades)| Candle {
        start,
        open,
        high,
        low,
        close,
        volume,
        turnover: turnover(credits_high, credits_low),
        trades,
    };
    Ok(rows.into_iter().map(candle).collect())
}

type SumRow = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

statement! {
    /// What the trades since a minute come to: minutes up to the first whole hour, hours from there.
    struct Since {
        capability: String => Text | Text,
        since: Timestamp => UtcTime | UtcTime,
        hour: Timestamp => UtcTime | UtcTime,
    }
    rows: (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
    sqlite: "SELECT sum(trades), sum(volume), sum(credits_high), sum(credits_low), max(high), min(low) FROM (
            SELECT trades, volume, credits_high, credits_low, high, low FROM market_candles
                WHERE capability = ?1 AND seconds = 60 AND start >= ?2 AND start < ?3
            UNION ALL
            SELECT trades, volume, credits_high, credits_low, high, low FROM market_candles
                WHERE capability = ?1 AND seconds = 3600 AND start >= ?3
        ) AS c";
    postgres: "SELECT sum(trades)::bigint, sum(volume)::bigint, sum(credits_high)::bigint, sum(credits_low)::bigint, max(high),
            min(low) FROM (
            SELECT trades, volume, credits_high, credits_low, high, low FROM market_candles
                WHERE capability = $1 AND seconds = 60 AND start >= $2 AND start < $3
            UNION ALL
            SELECT trades, volume, credits_high, credits_low, high, low FROM market_candles
                WHERE capability = $1 AND seconds = 3600 AND start >= $3
        ) AS c";
}

/// What the trades since a minute come to; a ticker without prices of the moment.
pub(super) async fn traded_since(tx: &mut Tx, capability: &str, since: Timestamp) -> Result<Ticker, StoreError> {
    let (since, before) = (Interval::Minute.start(since), Timestamp::from_micros(since.micros().saturating_sub(1)));
    let hour = Timestamp::from_micros(Interval::Hour.start(before).micros().saturating_add(Interval::Hour.seconds() * 1_000_000));
    let query = Since { capability: capability.to_owned(), since, hour };
    let (trades, volume, credits_high, credits_low, high, low): SumRow = on!(tx, conn => query.get_result(conn).await)?;
    Ok(Ticker {
        trades: trades.unwrap_or(0),
        volume: volume.unwrap_or(0),
        turnover: turnover(credits_high.unwrap_or(0), credits_low.unwrap_or(0)),
        high,
        low,
        ..Ticker::default()
    })
}
