//! A run as a table for people.

use std::{error::Error, io::Write};

use rialto_simulation::{BookFigures, Scenario, Tick, World};

use super::rows::Sheet;

/// How many lines a table has for each book.
const LINES: u32 = 15;
/// Heights of a line of prices.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Some ticks of one book together.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    trades: i64,
    failed: i64,
    volume: i64,
    low: Option<i64>,
    high: Option<i64>,
    spread_sum: i64,
    spreads: i64,
    welfare: i64,
}

impl Line {
    fn add(&mut self, book: &BookFigures) {
        self.trades += book.trades;
        self.failed += book.failed;
        self.volume += book.volume;
        self.low = [self.low, book.low].into_iter().flatten().min();
        self.high = self.high.max(book.high);
        if let Some(spread) = book.spread() {
            self.spread_sum += spread;
            self.spreads += 1;
        }
        self.welfare += book.welfare();
    }

    fn price(&self) -> Option<i64> {
        rialto_simulation::figure::average(self.volume, self.trades - self.failed)
    }

    fn spread(&self) -> Option<i64> {
        rialto_simulation::figure::average(self.spread_sum, self.spreads)
    }
}

/// The table: so many ticks to a line, and all books side by side below each other.
pub struct Table {
    per_line: u32,
    /// For each line, each book.
    lines: Vec<Vec<Line>>,
    dropped_out: Vec<(u32, u32)>,
}

impl Table {
    /// For this run.
    pub fn new(world: &World) -> Self {
        Self { per_line: world.config().ticks.div_ceil(LINES).max(1), lines: Vec::new(), dropped_out: Vec::new() }
    }
}

impl Sheet for Table {
    fn begin(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        let config = world.config();
        writeln!(out, "{}: {}", config.scenario.as_str(), config.scenario.description())?;
        Ok(writeln!(
            out,
            "{} ticks, {} sellers ({}), {} buyers{}, seed {}\n",
            config.ticks,
            config.services,
            config.pricing.as_str(),
            config.buyers,
            if config.arbitrageur { ", an arbitrageur" } else { "" },
            config.seed
        )?)
    }

    fn tick(&mut self, _: &World, tick: &Tick, _: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        if (tick.tick - 1).is_multiple_of(self.per_line) {
            self.lines.push(vec![Line::default(); tick.books.len()]);
        }
        if let Some(line) = self.lines.last_mut() {
            line.iter_mut().zip(&tick.books).for_each(|(line, book)| line.add(book));
        }
        if tick.dropped_out > 0 {
            self.dropped_out.push((tick.tick, tick.dropped_out));
        }
        Ok(())
    }

    fn end(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        for (place, name) in world.books().enumerate() {
            let lines: Vec<Line> = self.lines.iter().filter_map(|line| line.get(place)).copied().collect();
            let prices: Vec<Option<i64>> = lines.iter().map(Line::price).collect();
            writeln!(out, "{name}  {}", sparkline(&prices))?;
            writeln!(
                out,
                "{:>15}  {:>6}  {:>11}  {:>6}  {:>6}  {:>8}  {:>8}",
                "ticks", "price", "low-high", "spread", "trades", "volume", "welfare"
            )?;
            for (number, line) in (0_u32..).zip(&lines) {
                let first = number * self.per_line + 1;
                let ticks = format!("{first}-{}", (first + self.per_line - 1).min(world.config().ticks));
                let range = line.low.zip(line.high).map_or_else(dash, |(low, high)| format!("{low}-{high}"));
                let (price, spread) = (shown(line.price()), shown(line.spread()));
                let Line { trades, volume, welfare, .. } = line;
                writeln!(out, "{ticks:>15}  {price:>6}  {range:>11}  {spread:>6}  {trades:>6}  {volume:>8}  {welfare:>8}")?;
            }
            writeln!(out)?;
        }
        for (tick, services) in &self.dropped_out {
            writeln!(out, "before tick {tick}, {services} sellers dropped out")?;
        }
        let totals = world.totals();
        let rialto_simulation::Totals { orders, trades, failed, volume, welfare } = totals;
        Ok(writeln!(
            out,
            "{orders} orders, {trades} trades ({failed} not delivered), volume {volume}, welfare {welfare} credits"
        )?)
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn shown(figure: Option<i64>) -> String {
    figure.map_or_else(dash, |figure| figure.to_string())
}

/// Prices as heights; a gap where there is none.
fn sparkline(prices: &[Option<i64>]) -> String {
    let known = || prices.iter().flatten().copied();
    let (Some(low), Some(high)) = (known().min(), known().max()) else { return String::new() };
    let height = |price: i64| {
        let top = i64::try_from(SPARKS.len() - 1).unwrap_or(0);
        let place = (price - low) * top / (high - low).max(1);
        SPARKS.get(usize::try_from(place).unwrap_or(0)).copied().unwrap_or(' ')
    };
    prices.iter().map(|price| price.map_or(' ', height)).collect()
}

/// What there is to simulate.
pub fn list(out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    for scenario in Scenario::ALL {
        let config = scenario.defaults();
        writeln!(out, "{}\n  {}", scenario.as_str(), scenario.description())?;
        writeln!(
            out,
            "  {} ticks, {} sellers ({}), {} buyers with {} credits each\n",
            config.ticks,
            config.services,
            config.pricing.as_str(),
            config.buyers,
            config.balance
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_spans_its_prices_and_leaves_gaps() {
        assert_eq!(sparkline(&[Some(100), None, Some(107), Some(103)]), "▁ █▄");
        assert_eq!(sparkline(&[Some(5), Some(5)]), "▁▁");
        assert_eq!(sparkline(&[None]), "");
    }
}
