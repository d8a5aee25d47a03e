//! A run as CSV and as JSON: every book of every tick.

use std::{error::Error, io::Write};

use rialto_simulation::{BookFigures, Tick, World};
use serde_json::{Map, Value, json};

/// Something that a run is written as, while it goes.
pub trait Sheet {
    /// Before the first tick.
    fn begin(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>>;
    /// After each tick.
    fn tick(&mut self, world: &World, tick: &Tick, out: &mut dyn Write) -> Result<(), Box<dyn Error>>;
    /// After the last tick.
    fn end(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>>;
}

/// The figures of a book, by name.
fn figures(book: &BookFigures) -> [(&'static str, Option<i64>); 18] {
    [
        ("orders", Some(book.orders)),
        ("expired", Some(book.expired)),
        ("trades", Some(book.trades)),
        ("failed", Some(book.failed)),
        ("volume", Some(book.volume)),
        ("open", book.open),
        ("high", book.high),
        ("low", book.low),
        ("close", book.close),
        ("average_price", book.average_price()),
        ("best_bid", book.best_bid),
        ("best_ask", book.best_ask),
        ("spread", book.spread()),
        ("bids", Some(book.bids)),
        ("asks", Some(book.asks)),
        ("consumer_surplus", Some(book.consumer_surplus)),
        ("producer_surplus", Some(book.producer_surplus)),
        ("welfare", Some(book.welfare())),
    ]
}

/// Comma-separated values, with a header. What there is none of is empty.
pub struct Csv;

impl Sheet for Csv {
    fn begin(&mut self, _: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_writer(out);
        let names = figures(&BookFigures::default()).map(|(name, _)| name);
        writer.write_record(["tick", "book"].iter().chain(&names).chain(&["available", "held"]))?;
        Ok(writer.flush()?)
    }

    fn tick(&mut self, world: &World, tick: &Tick, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        let mut writer = csv::Writer::from_writer(out);
        for (name, book) in world.books().zip(&tick.books) {
            let mut row = vec![tick.tick.to_string(), name.to_owned()];
            row.extend(figures(book).into_iter().map(|(_, figure)| figure.map_or_else(String::new, |figure| figure.to_string())));
            row.extend([tick.money.available.to_string(), tick.money.held.to_string()]);
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }

    fn end(&mut self, _: &World, _: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        Ok(())
    }
}

/// One JSON document: the configuration, the ticks, the totals.
#[derive(Default)]
pub struct Json {
    has_rows: bool,
}

impl Sheet for Json {
    fn begin(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        let config = world.config();
        let config = json!({
            "scenario_name": config.scenario.as_str(),
            "tick_count": config.ticks,
            "service_agent_count": config.services,
            "buyer_agent_count": config.buyers,
            "initial_balance": config.balance,
            "seed": config.seed,
            "pricing": config.pricing.as_str(),
            "base_price": config.base_price,
            "buyer_budget": config.buyer_budget,
            "shock_at_tick": config.shock.map(|shock| shock.at_tick),
            "agents_to_disable": config.shock.map(|shock| shock.services),
            "include_arbitrageur": config.arbitrageur,
            "order_ticks": config.order_ticks,
        });
        Ok(write!(out, "{{\"config\":{config},\n\"ticks\":[")?)
    }

    fn tick(&mut self, world: &World, tick: &Tick, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        for (name, book) in world.books().zip(&tick.books) {
            let mut row = Map::new();
            row.insert("tick".into(), json!(tick.tick));
            row.insert("book".into(), json!(name));
            row.extend(figures(book).map(|(name, figure)| (name.to_owned(), json!(figure))));
            let comma = if std::mem::replace(&mut self.has_rows, true) { ",\n" } else { "\n" };
            write!(out, "{comma}{}", Value::Object(row))?;
        }
        Ok(())
    }

    fn end(&mut self, world: &World, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
        let totals = world.totals();
        let totals = json!({
            "orders": totals.orders, "trades": totals.trades, "failed": totals.failed, "volume": totals.volume, "welfare": totals.welfare,
        });
        Ok(writeln!(out, "\n],\n\"totals\":{totals}}}")?)
    }
}
