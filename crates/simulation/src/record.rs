//! What the database and the stream are told of a tick.

use rialto_kernel::{Event, Timestamp};
use rialto_market::book::{Level, Side};
use serde_json::{Value, json};

use crate::{
    run::Run,
    store::{BookRecord, Price, TickFigures, TickRecord, TradeRecord},
    world::{Names, Tick, World},
};

/// How many prices of each side are kept of a book.
pub const LEVELS_KEPT: usize = 50;
/// How many orders of one tick are told of, and how many trades, each of which is three events.
pub const EVENTS_PER_TICK_MAX: usize = 32;

/// A tick on its way into the database.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Which tick.
    pub tick: Tick,
    /// The totals after it.
    pub totals: crate::world::Totals,
    /// What the books show after it.
    pub books: Vec<BookRecord>,
}

impl Recorded {
    /// A tick that `world` has just done.
    #[must_use]
    pub fn of(world: &World, tick: Tick) -> Self {
        let side = |book: usize, side: Side| world.depth(book, side).take(LEVELS_KEPT).map(price).collect();
        let book = |(book, name): (usize, &str)| BookRecord {
            capability: name.to_owned(),
            tick: tick.tick,
            bids: side(book, Side::Bid),
            asks: side(book, Side::Ask),
        };
        Self { books: world.books().enumerate().map(book).collect(), totals: world.totals(), tick }
    }

    fn name(&self, book: usize) -> &str {
        self.books.get(book).map_or("", |book| book.capability.as_str())
    }

    /// What is written of it.
    #[must_use]
    pub fn rows(&self, names: Names, now: Timestamp) -> TickRecord {
        let figures = self.tick.books.iter().enumerate().map(|(book, figures)| TickFigures {
            tick: self.tick.tick,
            capability: self.name(book).to_owned(),
            figures: *figures,
        });
        let trades = self.tick.deals.iter().map(|deal| TradeRecord {
            no: i64::try_from(deal.no).unwrap_or(i64::MAX),
            id: names.trade(deal.no),
            tick: self.tick.tick,
            capability: self.name(deal.book).to_owned(),
            bid: names.order(deal.bid),
            ask: names.order(deal.ask),
            buyer: names.agent(deal.buyer),
            seller: names.agent(deal.seller),
            price: deal.price,
            delivered: deal.delivered,
            latency_ms: deal.latency_ms,
            at: now,
        });
        TickRecord { figures: figures.collect(), trades: trades.collect(), books: self.books.clone() }
    }

    /// What is told of it: its first orders, its first trades, and the tick.
    #[must_use]
    pub fn events(&self, run: &Run, trades: &[TradeRecord], now: Timestamp) -> Vec<Event> {
        let names = Names::of(run.id.uuid());
        let mut events = Vec::new();
        for order in self.tick.orders.iter().take(EVENTS_PER_TICK_MAX) {
            let data = json!({
                "order_id": names.order(order.no),
                "agent_id": names.agent(order.agent),
                "side": if order.side == Side::Bid { "bid" } else { "ask" },
                "capability": self.name(order.book),
                "price": order.price,
                "quantity": 1,
                "tick": self.tick.tick,
            });
            events.push(run.event("order.placed", data, now));
        }
        for trade in trades.iter().take(EVENTS_PER_TICK_MAX) {
            events.push(run.event("trade.matched", matched(trade), now));
            let mut settled = completed(trade);
            if let Some(fields) = settled.as_object_mut().filter(|_| !trade.delivered) {
                fields.insert("error".into(), json!("The seller did not deliver; nothing was paid."));
            }
            events.push(run.event("trade.settled", settled, now));
            events.push(run.event("trade.completed", completed(trade), now));
        }
        let (orders, traded) = (self.tick.orders.len(), self.tick.deals.len());
        let volume: i64 = self.tick.books.iter().map(|book| book.volume).sum();
        let data = json!({
            "tick": self.tick.tick, "total_ticks": run.config.ticks, "orders": orders, "trades": traded, "volume": volume,
        });
        events.push(run.event("simulation.tick", data, now));
        events
    }
}

fn price(level: Level) -> Price {
    (i64::try_from(level.price).unwrap_or(i64::MAX), level.orders.into())
}

fn matched(trade: &TradeRecord) -> Value {
    json!({
        "trade_id": trade.id,
        "buyer_agent_id": trade.buyer,
        "seller_agent_id": trade.seller,
        "capability": trade.capability,
        "price": trade.price,
        "quantity": 1,
        "tick": trade.tick,
    })
}

fn completed(trade: &TradeRecord) -> Value {
    let mut data = matched(trade);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("status".into(), json!(if trade.delivered { "settled" } else { "failed" }));
        fields.insert("latency_ms".into(), json!(trade.latency_ms));
    }
    data
}
