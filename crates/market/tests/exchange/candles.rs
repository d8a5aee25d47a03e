//! Candles are kept up with every trade, and say what the trades say.

use std::{collections::BTreeMap, time::Duration};

use rialto_kernel::{PageRequest, Timestamp};
use rialto_market::{CANDLES_MAX, Candle, Interval, Ticker, Trade, TradeFilter, book::Side, candles, ticker, trades};
use rialto_store::{Tx, testing::TestDb};

use crate::support::{CAPABILITY, Floor, trader};

/// All trades of the capability, the oldest first.
async fn all_trades(floor: &Floor) -> Vec<Trade> {
    let mut all = Vec::new();
    loop {
        let page = PageRequest::new(200, i64::try_from(all.len()).unwrap(), 200).unwrap();
        let filter = TradeFilter { capability: Some(CAPABILITY.into()), agent: None };
        let found = floor.db.read(async move |tx: &mut Tx| trades(tx, &filter.clone(), page).await).await.unwrap();
        if found.is_empty() {
            all.reverse();
            return all;
        }
        all.extend(found);
    }
}

/// What one would say of the trades who looked at each of them, the newest interval first.
fn naive(trades: &[Trade], interval: Interval) -> Vec<Candle> {
    let mut intervals: BTreeMap<i64, Vec<&Trade>> = BTreeMap::new();
    for trade in trades {
        intervals.entry(trade.created_at.seconds() / interval.seconds()).or_default().push(trade);
    }
    let prices = |trades: &[&Trade]| trades.iter().map(|trade| trade.price).collect::<Vec<_>>();
    let candle = |(number, trades): (i64, Vec<&Trade>)| Candle {
        start: Timestamp::from_micros(number * interval.seconds() * 1_000_000),
        open: trades[0].price,
        high: prices(&trades).into_iter().max().unwrap(),
        low: prices(&trades).into_iter().min().unwrap(),
        close: trades[trades.len() - 1].price,
        volume: trades.iter().map(|trade| trade.quantity).sum(),
        turnover: trades.iter().map(|trade| i128::from(trade.price) * i128::from(trade.quantity)).sum(),
        trades: i64::try_from(trades.len()).unwrap(),
    };
    intervals.into_iter().rev().map(candle).collect()
}

/// The naive candles that are not too old to be asked for.
fn recent(floor: &Floor, trades: &[Trade], interval: Interval) -> Vec<Candle> {
    let length = u64::try_from(interval.seconds()).unwrap();
    let since = interval.start(floor.clock.now()).before(Duration::from_secs(length * u64::from(CANDLES_MAX - 1)));
    naive(trades, interval).into_iter().filter(|candle| candle.start >= since).collect()
}

async fn stored(floor: &Floor, interval: Interval) -> Vec<Candle> {
    let now = floor.clock.now();
    floor.db.read(async move |tx: &mut Tx| candles(tx, CAPABILITY, interval, CANDLES_MAX, now).await).await.unwrap()
}

/// Two servers trade at odd moments of some days, some of the trades together and some of them huge.
async fn trade_for_days(test: &TestDb) -> Floor {
    let floor = Floor::new(&test.db);
    let other = floor.another();
    let (buyer, seller) = (trader(&test.db, 1 << 52).await, trader(&test.db, 0).await);
    let mut chance = fastrand::Rng::with_seed(11);
    for round in 0..30 {
        let place = if round % 3 == 0 { &other } else { &floor };
        for _ in 0..chance.i64(1..4) {
            let price = if chance.u8(..8) == 0 { chance.i64(1 << 30..1 << 40) } else { chance.i64(1..20) };
            let quantity = chance.i64(1..5);
            place.limit(seller, Side::Ask, price, quantity).await;
            place.limit(buyer, Side::Bid, price, quantity).await;
        }
        place.meet().await;
        floor.clock.advance(Duration::from_micros(chance.u64(..4 * 3_600_000_000)));
        if chance.u8(..4) > 0 {
            floor.clock.advance(Duration::from_micros(chance.u64(..90_000_000)));
        }
    }
    floor
}

async fn candles_say_what_the_trades_say(test: &TestDb) {
    let floor = trade_for_days(test).await;
    let all = all_trades(&floor).await;
    assert!(all.len() > 40 && all.iter().any(|trade| trade.price > 1 << 30), "{}", all.len());
    for interval in Interval::ALL {
        assert_eq!(stored(&floor, *interval).await, recent(&floor, &all, *interval), "{interval:?}");
    }
}

async fn a_ticker_says_what_the_trades_say(test: &TestDb) {
    let floor = trade_for_days(test).await;
    let all = all_trades(&floor).await;
    // Just behind a whole hour, at it, and somewhere.
    for now in [3_600_000_001, 7_200_000_000, 30 * 3_600_000_000 + 1_234_567, 50 * 3_600_000_000]
        .map(|micros| Timestamp::from_micros(crate::support::START + micros))
    {
        let since = now.micros() - 86_400_000_000;
        let since = since - since % 60_000_000;
        let day: Vec<&Trade> = all.iter().filter(|trade| trade.created_at.micros() >= since).collect();
        let said = floor.db.read(async move |tx: &mut Tx| ticker(tx, CAPABILITY, now).await).await.unwrap();
        let expected = Ticker {
            volume: day.iter().map(|trade| trade.quantity).sum(),
            turnover: day.iter().map(|trade| i128::from(trade.price) * i128::from(trade.quantity)).sum(),
            trades: i64::try_from(day.len()).unwrap(),
            high: day.iter().map(|trade| trade.price).max(),
            low: day.iter().map(|trade| trade.price).min(),
            ..said
        };
        assert_eq!(said, expected, "{now}");
        assert_eq!(said.last, all.last().map(|trade| trade.price));
    }
}

/// The migration counts the trades that there are.
async fn trades_from_before_there_were_candles_are_counted(test: &TestDb) {
    macro_rules! migration {
        ($file:literal, $tx:expr) => {
            if $tx.is_postgres() {
                include_str!(concat!("../../../../migrations/postgres/0015_market_candles/", $file))
            } else {
                include_str!(concat!("../../../../migrations/sqlite/0015_market_candles/", $file))
            }
        };
    }
    let floor = trade_for_days(test).await;
    let again = async |tx: &mut Tx| {
        tx.batch(migration!("down.sql", tx)).await?;
        tx.batch(migration!("up.sql", tx)).await
    };
    test.db.write(again).await.unwrap();
    let all = all_trades(&floor).await;
    for interval in Interval::ALL {
        assert_eq!(stored(&floor, *interval).await, recent(&floor, &all, *interval), "{interval:?}");
    }
}

crate::market_suite! {
    candles_say_what_the_trades_say,
    a_ticker_says_what_the_trades_say,
    trades_from_before_there_were_candles_are_counted,
}
