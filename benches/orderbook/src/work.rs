//! The work: two mixes of orders and cancellations, the same on every machine, with the sums that a correct book gives.
//!
//! Made by a plain book that shares nothing with the one that is measured: it has to know which orders rest, to cancel some.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// The middle of all prices.
pub const MID: u64 = 100_000;

/// One command.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    /// A limit order, good till cancelled.
    Submit {
        /// From 1 upwards, without a gap.
        id: u64,
        /// Buy or sell.
        is_bid: bool,
        /// In ticks.
        price: u64,
        /// From 1 to 100.
        quantity: u64,
    },
    /// The cancellation of an order that rests.
    Cancel {
        /// The order.
        id: u64,
    },
}

/// What the trades of a run add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many.
    pub trades: u64,
    /// Their quantity.
    pub quantity: u64,
    /// Price times quantity.
    pub notional: u64,
}

impl Sums {
    /// Counts a trade.
    pub fn add(&mut self, price: u64, quantity: u64) {
        self.trades += 1;
        self.quantity += quantity;
        self.notional += price * quantity;
    }
}

/// Commands to make a book, commands to run on it, and what the second must add up to.
pub struct Work {
    /// Not timed.
    pub before: Vec<Op>,
    /// Timed.
    pub ops: Vec<Op>,
    /// What the timed part trades.
    pub sums: Sums,
    /// How many orders rest at the end.
    pub resting: usize,
}

impl Work {
    /// The book grows: 60% orders that rest, 30% cancellations, 10% orders that cross.
    pub fn grow(ops: usize) -> Self {
        Self::make(0, ops, 60)
    }

    /// The book stays as it is: 10,000 orders at first, then 50% orders that rest, 40% cancellations, 10% that cross.
    pub fn steady(ops: usize) -> Self {
        Self::make(10_000, ops, 50)
    }

    fn make(before: usize, ops: usize, adds_below: u64) -> Self {
        let mut maker = Maker { random: 42, next_id: 0, book: Plain::default() };
        let before = (0..before).map(|_| maker.submit(true)).collect();
        maker.book.sums = Sums::default();
        let ops = (0..ops).map(|_| maker.next(adds_below)).collect();
        Self { before, ops, sums: maker.book.sums, resting: maker.book.live.len() }
    }
}

struct Maker {
    random: u64,
    next_id: u64,
    book: Plain,
}

impl Maker {
    /// xorshift64*, and its upper half scaled to 0..n.
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        ((self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) * n) >> 32
    }

    fn next(&mut self, adds_below: u64) -> Op {
        match self.below(100) {
            draw if draw < adds_below => self.submit(true),
            draw if draw < 90 => self.cancel(),
            _ => self.submit(false),
        }
    }

    fn submit(&mut self, is_passive: bool) -> Op {
        let (is_bid, offset) = (self.below(2) == 0, self.below(100));
        let price = match (is_passive, is_bid) {
            (true, true) => MID - 1 - offset,
            (true, false) => MID + 1 + offset,
            (false, true) => MID + 100,
            (false, false) => MID - 100,
        };
        let quantity = 1 + self.below(100);
        self.next_id += 1;
        self.book.submit(self.next_id, is_bid, price, quantity);
        Op::Submit { id: self.next_id, is_bid, price, quantity }
    }

    fn cancel(&mut self) -> Op {
        let Ok(live @ 1..) = u64::try_from(self.book.live.len()) else { return self.submit(true) };
        let drawn = usize::try_from(self.below(live)).unwrap_or_default();
        let id = self.book.live.get(drawn).copied().unwrap_or_default();
        self.book.cancel(id);
        Op::Cancel { id }
    }
}

/// A book of maps and queues, as one would write it at first.
#[derive(Default)]
struct Plain {
    bids: BTreeMap<u64, VecDeque<(u64, u64)>>,
    asks: BTreeMap<u64, VecDeque<(u64, u64)>>,
    /// Side, price, and place in `live`.
    places: HashMap<u64, (bool, u64, usize)>,
    live: Vec<u64>,
    sums: Sums,
}

impl Plain {
    fn submit(&mut self, id: u64, is_bid: bool, limit: u64, mut left: u64) {
        while left > 0 {
            let best = if is_bid { self.asks.first_entry() } else { self.bids.last_entry() };
            let accepts = |price: u64| if is_bid { price <= limit } else { price >= limit };
            let Some(mut level) = best.filter(|level| accepts(*level.key())) else { break };
            let price = *level.key();
            let Some((maker, open)) = level.get_mut().front_mut() else { break };
            let traded = left.min(*open);
            left -= traded;
            *open -= traded;
            self.sums.add(price, traded);
            let (maker, is_filled) = (*maker, *open == 0);
            if is_filled {
                level.get_mut().pop_front();
                if level.get().is_empty() {
                    level.remove();
                }
                self.forget(maker);
            }
        }
        if left > 0 {
            let side = if is_bid { &mut self.bids } else { &mut self.asks };
            side.entry(limit).or_default().push_back((id, left));
            self.places.insert(id, (is_bid, limit, self.live.len()));
            self.live.push(id);
        }
    }

    fn cancel(&mut self, id: u64) {
        let Some((is_bid, price, _)) = self.places.get(&id).copied() else { return };
        let side = if is_bid { &mut self.bids } else { &mut self.asks };
        if let Some(queue) = side.get_mut(&price) {
            queue.retain(|(other, _)| *other != id);
            if queue.is_empty() {
                side.remove(&price);
            }
        }
        self.forget(id);
    }

    fn forget(&mut self, id: u64) {
        let Some((_, _, place)) = self.places.remove(&id) else { return };
        self.live.swap_remove(place);
        if let Some(moved) = self.live.get(place).and_then(|moved| self.places.get_mut(moved)) {
            moved.2 = place;
        }
    }
}
