//! What a tick came to.

use super::vault::Money;
use crate::figure::average;

/// The number of an agent: sellers first, then buyers, then the arbitrageur, from 0.
pub type AgentNo = usize;

/// The side of an order.
pub use rialto_market::book::Side;

/// An order that was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Its number within the run, from 1.
    pub no: u64,
    /// Whose.
    pub agent: AgentNo,
    /// In which book, as [`super::World::books`] lists them.
    pub book: usize,
    /// Bid or ask.
    pub side: Side,
    /// Its price. The quantity is 1.
    pub price: i64,
}

/// Two orders that met, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deal {
    /// Its number within the run, from 1.
    pub no: u64,
    /// The bid.
    pub bid: u64,
    /// The ask.
    pub ask: u64,
    /// Whose the bid was.
    pub buyer: AgentNo,
    /// Whose the ask was.
    pub seller: AgentNo,
    /// In which book.
    pub book: usize,
    /// The maker's price.
    pub price: i64,
    /// Whether the seller delivered, and was paid. If not, the buyer has its money back.
    pub delivered: bool,
    /// How long that took.
    pub latency_ms: i64,
}

/// One book at the end of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookFigures {
    /// Orders placed.
    pub orders: i64,
    /// Orders whose time was up.
    pub expired: i64,
    /// Trades, delivered or not.
    pub trades: i64,
    /// Trades whose seller did not deliver.
    pub failed: i64,
    /// What was paid.
    pub volume: i64,
    /// The price of the first trade.
    pub open: Option<i64>,
    /// The highest price.
    pub high: Option<i64>,
    /// The lowest price.
    pub low: Option<i64>,
    /// The price of the last trade.
    pub close: Option<i64>,
    /// The highest bid that waits.
    pub best_bid: Option<i64>,
    /// The lowest ask that waits.
    pub best_ask: Option<i64>,
    /// How many bids wait.
    pub bids: i64,
    /// How many asks.
    pub asks: i64,
    /// What buyers gained: what each delivery was worth to them, less its price, less what failures cost.
    pub consumer_surplus: i64,
    /// What sellers gained: prices, less what deliveries cost them.
    pub producer_surplus: i64,
}

impl BookFigures {
    /// How far the best prices are apart.
    #[must_use]
    pub fn spread(&self) -> Option<i64> {
        Some(self.best_ask? - self.best_bid?)
    }

    /// The average price of what was delivered.
    #[must_use]
    pub fn average_price(&self) -> Option<i64> {
        average(self.volume, self.trades - self.failed)
    }

    /// What all gained.
    #[must_use]
    pub const fn welfare(&self) -> i64 {
        self.consumer_surplus + self.producer_surplus
    }

    /// A trade at this price.
    pub(super) fn trade(&mut self, price: i64, delivered: bool) {
        self.trades += 1;
        if delivered {
            self.volume += price;
        } else {
            self.failed += 1;
        }
        self.open = self.open.or(Some(price));
        self.high = self.high.max(Some(price));
        self.low = Some(self.low.map_or(price, |low| low.min(price)));
        self.close = Some(price);
    }
}

/// All of one tick.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tick {
    /// Its number, from 1.
    pub tick: u32,
    /// Each book.
    pub books: Vec<BookFigures>,
    /// Orders, in the order in which they arrived.
    pub orders: Vec<PlacedOrder>,
    /// Trades, in the order in which they happened.
    pub deals: Vec<Deal>,
    /// Sellers that dropped out before it.
    pub dropped_out: u32,
    /// What there is at its end.
    pub money: Money,
}

/// The whole run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Orders placed.
    pub orders: u64,
    /// Trades, delivered or not.
    pub trades: i64,
    /// Trades whose seller did not deliver.
    pub failed: i64,
    /// What was paid.
    pub volume: i64,
    /// What all gained.
    pub welfare: i64,
}

impl Totals {
    pub(super) fn add(&mut self, tick: &Tick) {
        self.orders = self.orders.saturating_add(u64::try_from(tick.orders.len()).unwrap_or(u64::MAX));
        for book in &tick.books {
            self.trades += book.trades;
            self.failed += book.failed;
            self.volume += book.volume;
            self.welfare += book.welfare();
        }
    }
}
