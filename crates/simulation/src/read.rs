//! Looking at runs. Everybody may.

use rialto_kernel::{Page, PageRequest, Timestamp};

use crate::{
    error::SimulationError,
    run::{Run, RunId},
    store::{BookRecord, SimulationStore, TickFigures, TickFilter, TradeRecord},
};

/// The most runs of one page.
pub const RUNS_MAX: u32 = 100;
/// The most rows of figures at once.
pub const TICKS_MAX: u32 = 1_000;
/// The most trades of one page.
pub const TRADES_MAX: u32 = 200;
/// The most candles at once.
pub const CANDLES_MAX: u32 = 500;
/// The most ticks of one candle.
pub const CANDLE_TICKS_MAX: u32 = 100;

/// The runs, the newest first.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn runs(tx: &mut impl SimulationStore, page: PageRequest, now: Timestamp) -> Result<Page<Run>, SimulationError> {
    Ok(tx.list_runs(page).await?.map(|run| run.seen_at(now)))
}

/// Figures of a run's ticks.
///
/// # Errors
/// [`SimulationError::RunUnknown`].
pub async fn ticks(tx: &mut impl SimulationStore, run: RunId, filter: &TickFilter) -> Result<Vec<TickFigures>, SimulationError> {
    let run = tx.find_run(run).await?.ok_or(SimulationError::RunUnknown)?;
    Ok(tx.list_ticks(run.no, filter).await?)
}

/// The newest trades of a run, or of the latest one; none when there was none.
///
/// # Errors
/// [`SimulationError::RunUnknown`].
pub async fn trades(
    tx: &mut impl SimulationStore,
    run: Option<RunId>,
    capability: Option<&str>,
    page: PageRequest,
) -> Result<Vec<TradeRecord>, SimulationError> {
    let found = match run {
        Some(id) => Some(tx.find_run(id).await?.ok_or(SimulationError::RunUnknown)?),
        None => tx.latest_run().await?,
    };
    match found {
        Some(run) => Ok(tx.list_trades(run.no, capability, page).await?),
        None => Ok(Vec::new()),
    }
}

/// A book of the latest run, as its last tick left it; empty when it has none of that name.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn book(tx: &mut impl SimulationStore, capability: &str) -> Result<BookRecord, SimulationError> {
    let found = match tx.latest_run().await? {
        Some(run) => tx.find_book(run.no, capability).await?,
        None => None,
    };
    let empty = BookRecord { capability: capability.to_owned(), tick: 0, bids: Vec::new(), asks: Vec::new() };
    Ok(found.unwrap_or(empty))
}

/// The prices and the volume of some ticks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Its first tick.
    pub tick: u32,
    /// The first price.
    pub open: i64,
    /// The highest.
    pub high: i64,
    /// The lowest.
    pub low: i64,
    /// The last.
    pub close: i64,
    /// What was paid.
    pub volume: i64,
    /// Trades.
    pub trades: i64,
}

/// The last `count` candles of a book of the latest run, of so many ticks each, the oldest first. Ticks without trades have none.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn candles(
    tx: &mut impl SimulationStore,
    capability: &str,
    ticks: u32,
    count: u32,
) -> Result<Vec<Candle>, SimulationError> {
    let (ticks, count) = (ticks.clamp(1, CANDLE_TICKS_MAX), count.clamp(1, CANDLES_MAX));
    let Some(run) = tx.latest_run().await? else { return Ok(Vec::new()) };
    // Candles begin at tick 1, 1 + ticks, and so on; the last one may not be over yet.
    let last = run.tick.saturating_sub(1) / ticks;
    let first = last.saturating_sub(count.saturating_sub(1));
    let filter = TickFilter {
        capability: Some(capability.to_owned()),
        after: first.saturating_mul(ticks),
        upto: run.tick,
        limit: ticks.saturating_mul(count),
    };
    Ok(fold(&tx.list_ticks(run.no, &filter).await?, ticks))
}

fn fold(rows: &[TickFigures], ticks: u32) -> Vec<Candle> {
    let mut candles: Vec<Candle> = Vec::new();
    for row in rows {
        let figures = row.figures;
        let prices = figures.open.zip(figures.high).zip(figures.low).zip(figures.close);
        let Some((((open, high), low), close)) = prices else { continue };
        let tick = row.tick.saturating_sub(1) / ticks * ticks + 1;
        let (volume, trades) = (figures.volume, figures.trades);
        match candles.last_mut().filter(|candle| candle.tick == tick) {
            Some(candle) => {
                candle.high = candle.high.max(high);
                candle.low = candle.low.min(low);
                candle.close = close;
                candle.volume += volume;
                candle.trades += trades;
            }
            None => candles.push(Candle { tick, open, high, low, close, volume, trades }),
        }
    }
    candles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::BookFigures;

    fn row(tick: u32, prices: &[i64]) -> TickFigures {
        let figures = BookFigures {
            trades: i64::try_from(prices.len()).unwrap(),
            volume: prices.iter().sum(),
            open: prices.first().copied(),
            high: prices.iter().max().copied(),
            low: prices.iter().min().copied(),
            close: prices.last().copied(),
            ..BookFigures::default()
        };
        TickFigures { tick, capability: "a".into(), figures }
    }

    #[test]
    fn candles_put_ticks_together_and_leave_out_those_without_trades() {
        let rows = [row(1, &[100, 110]), row(2, &[]), row(3, &[90]), row(4, &[]), row(7, &[120, 80, 95])];
        let candles = fold(&rows, 3);
        let first = Candle { tick: 1, open: 100, high: 110, low: 90, close: 90, volume: 300, trades: 3 };
        let last = Candle { tick: 7, open: 120, high: 120, low: 80, close: 95, volume: 295, trades: 3 };
        assert_eq!(candles, [first, last]);
        assert_eq!(fold(&rows, 1).len(), 3);
    }
}
