//! The book against a naive one: the same events and the same orders, whatever the commands and the structure.
#![expect(clippy::as_conversions, clippy::unwrap_used, reason = "tests")]

#[path = "support/naive.rs"]
mod naive;
#[path = "../../../benches/orderbook/src/work.rs"]
mod work;

use std::collections::HashMap;

use naive::Naive;
use proptest::prelude::*;
use rialto_market::book::{Book, Event, Kind, Order, Refusal, Resting, SelfTrade, Side, Structure, TimeInForce};
use work::{Op, Sums, Work};

const STRUCTURES: [Structure; 4] = [Structure::Tree, Structure::Automatic, Structure::Ladder(100), Structure::Ladder(u64::MAX)];

#[derive(Debug, Clone, Copy)]
enum Command {
    Place(Order),
    Cancel(u64),
    Amend(u64, u64, u64),
    Expire(u64),
    Restore,
}

fn price() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => 95_u64..106,
        1 => 4_190_u64..4_200,
        1 => prop::sample::select(vec![0, 1, 2, 1 << 40, u64::MAX - 1, u64::MAX]),
    ]
}

fn quantity() -> impl Strategy<Value = u64> {
    prop_oneof![30 => 1_u64..20, 1 => prop::sample::select(vec![0, u64::MAX / 2, u64::MAX - 30, u64::MAX])]
}

fn order() -> impl Strategy<Value = Order> {
    let side = prop::sample::select(vec![Side::Bid, Side::Ask]);
    let kind = prop_oneof![
        8 => price().prop_map(Kind::Limit),
        1 => prop::option::of(price()).prop_map(|protection| Kind::Market { protection }),
    ];
    let time_in_force = prop_oneof![
        6 => Just(TimeInForce::GoodTillCancelled),
        2 => (1_u64..40).prop_map(TimeInForce::GoodTill),
        1 => Just(TimeInForce::ImmediateOrCancel),
        2 => Just(TimeInForce::FillOrKill),
        1 => Just(TimeInForce::PostOnly),
        1 => (1_u64..40).prop_map(TimeInForce::PostOnlyTill),
    ];
    use SelfTrade::{CancelBoth, CancelNewest, CancelOldest, Decrement};
    let self_trade = prop::sample::select(vec![CancelNewest, CancelOldest, CancelBoth, Decrement]);
    (0_u64..40, 0_u64..4, side, kind, quantity(), time_in_force, self_trade).prop_map(
        |(id, owner, side, kind, quantity, time_in_force, self_trade)| Order {
            id,
            owner,
            side,
            kind,
            quantity,
            time_in_force,
            self_trade,
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        10 => order().prop_map(Command::Place),
        3 => (0_u64..40).prop_map(Command::Cancel),
        4 => (0_u64..40, price(), quantity()).prop_map(|(id, price, quantity)| Command::Amend(id, price, quantity)),
        1 => (0_u64..40).prop_map(Command::Expire),
        1 => Just(Command::Restore),
    ]
}

/// A book and its naive twin, with an account of each order's quantity kept from the events alone.
struct Twins {
    structure: Structure,
    book: Book,
    naive: Naive,
    now: u64,
    open: HashMap<u64, u64>,
    events: Vec<Event>,
}

impl Twins {
    fn new(structure: Structure) -> Self {
        let (book, naive) = (Book::with(structure), Naive::default());
        Self { structure, book, naive, now: 0, open: HashMap::new(), events: Vec::new() }
    }

    fn run(&mut self, command: Command) {
        self.events.clear();
        let (book, events) = (&mut self.book, &mut self.events);
        match command {
            Command::Place(order) => {
                let done = book.place(&order, events);
                assert_eq!((done, events.clone()), self.naive.place(&order));
                if done.is_ok() {
                    *self.open.entry(order.id).or_default() += order.quantity;
                }
            }
            Command::Cancel(id) => {
                let done = book.cancel(id, events);
                assert_eq!((done, events.clone()), self.naive.cancel(id));
            }
            Command::Amend(id, price, quantity) => {
                let done = book.amend(id, price, quantity, events);
                assert_eq!((done, events.clone()), self.naive.amend(id, price, quantity));
            }
            Command::Expire(now) => {
                self.now = self.now.max(now);
                book.expire(now, events).unwrap();
                assert_eq!(*events, self.naive.expire(now));
            }
            Command::Restore => {
                self.book = Book::restore(self.structure, all(book)).unwrap();
                self.book.expire(self.now, events).unwrap();
                assert!(events.is_empty(), "what is due was gone before");
            }
        }
        self.account();
        self.compare();
    }

    /// Every unit that an event takes was there, and what the events leave is what rests.
    fn account(&mut self) {
        for event in &self.events {
            let open = &mut self.open;
            let mut take = |id: u64, quantity: u64, left: Option<u64>| {
                assert!(quantity > 0, "{event:?}");
                let rest = open[&id].checked_sub(quantity).unwrap();
                assert!(left.is_none_or(|left| left == rest), "{event:?} leaves {rest}");
                open.insert(id, rest);
            };
            match *event {
                Event::Traded { maker, taker, quantity, maker_left, taker_left, .. }
                | Event::Decremented { maker, taker, quantity, maker_left, taker_left } => {
                    take(maker, quantity, Some(maker_left));
                    take(taker, quantity, Some(taker_left));
                }
                Event::Cancelled { id, quantity, .. } => take(id, quantity, Some(0)),
                Event::Amended { id, quantity, .. } => assert!(open.insert(id, quantity).is_some()),
                Event::Rested { id, quantity, .. } => assert_eq!(open[&id], quantity),
                Event::Refused { .. } => assert_eq!(self.events.len(), 1, "a refusal stands alone"),
            }
        }
        self.open.retain(|_, quantity| *quantity > 0);
        let resting: HashMap<u64, u64> = all(&self.book).map(|order| (order.id, order.quantity)).collect();
        assert_eq!(self.open, resting);
    }

    fn compare(&self) {
        let (book, naive) = (&self.book, &self.naive);
        for side in [Side::Bid, Side::Ask] {
            let orders: Vec<Resting> = book.orders(side).collect();
            assert_eq!(orders, naive.of(side));
            assert_eq!(book.depth(side).collect::<Vec<_>>(), naive.depth(side));
            assert_eq!(book.best(side), naive.depth(side).first().copied());
            assert_eq!(u128::from(book.quantity(side)), naive.quantity(side));
            assert_eq!(book.count(side) as usize, orders.len());
            assert!(orders.iter().all(|order| book.get(order.id) == Some(*order)));
        }
        assert_eq!((book.len(), book.is_empty()), (naive.orders.len(), naive.orders.is_empty()));
        if let (Some(bid), Some(ask)) = (book.best(Side::Bid), book.best(Side::Ask)) {
            assert!(bid.price < ask.price, "crossed: {bid:?} {ask:?}");
        }
    }
}

fn all(book: &Book) -> impl Iterator<Item = Resting> {
    book.orders(Side::Bid).chain(book.orders(Side::Ask))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_a_naive_book_does(
        structure in prop::sample::select(STRUCTURES.to_vec()),
        commands in prop::collection::vec(command(), 1..150),
    ) {
        let mut twins = Twins::new(structure);
        for command in commands {
            twins.run(command);
        }
    }

    /// Orders of many lifetimes: a heap that is deep, and left in the middle.
    #[test]
    fn expires_as_a_naive_book_does(
        lives in prop::collection::vec((1_u64..60, 90_u64..110), 1..80),
        steps in prop::collection::vec((0_u64..80, 0_u64..60, any::<bool>()), 1..60),
    ) {
        let mut twins = Twins::new(Structure::Automatic);
        for (id, (until, price)) in (0..).zip(lives) {
            let side = if price < 100 { Side::Bid } else { Side::Ask };
            twins.run(Command::Place(Order::limit(id, side, price, 1 + id).time_in_force(TimeInForce::GoodTill(until))));
        }
        for (id, now, is_cancel) in steps {
            twins.run(if is_cancel { Command::Cancel(id) } else { Command::Expire(now.min(twins.now + 3)) });
        }
    }
}

/// A small generator of its own, so that a run is the same for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Prices wander over 15,000 ticks and back: the automatic ladder is made, and moves, with orders left behind on both ends of it.
#[test]
fn a_ladder_that_follows_the_price_changes_nothing() {
    let mut random = Random(7);
    let mut all_twins: Vec<Twins> = STRUCTURES.into_iter().map(Twins::new).collect();
    let mut books: Vec<Book> = all_twins.iter().map(|twins| twins.book.clone()).collect();
    let mut naive = Naive::default();
    let mut events = Vec::new();
    for step in 0..30_000_u64 {
        let mid = 10_000 + if step < 15_000 { step } else { 30_000 - step };
        let id = random.below(80);
        let side = if random.below(2) == 0 { Side::Bid } else { Side::Ask };
        let price = mid + random.below(120) - 60 - if random.below(40) == 0 { 5_000 } else { 0 };
        let quantity = 1 + random.below(50);
        let draw = random.below(10);
        let command = if draw < 6 {
            Command::Place(Order::limit(id, side, price, quantity))
        } else if draw < 9 {
            Command::Cancel(id)
        } else {
            Command::Amend(id, price, quantity)
        };
        let expected = match command {
            Command::Place(order) => naive.place(&order),
            Command::Cancel(id) => naive.cancel(id),
            _ => naive.amend(id, price, quantity),
        };
        for book in &mut books {
            events.clear();
            let done = match command {
                Command::Place(order) => book.place(&order, &mut events),
                Command::Cancel(id) => book.cancel(id, &mut events),
                _ => book.amend(id, price, quantity, &mut events),
            };
            assert_eq!((done, &events), (expected.0, &expected.1), "step {step}");
        }
    }
    for (twins, book) in all_twins.iter_mut().zip(books) {
        (twins.book, twins.naive) = (book, naive.clone());
        twins.compare();
    }
    assert!(!naive.orders.is_empty());
}

fn run(book: &mut Book, op: Op, events: &mut Vec<Event>) -> Result<(), Refusal> {
    match op {
        Op::Submit { id, is_bid, price, quantity } => {
            book.place(&Order::limit(id, if is_bid { Side::Bid } else { Side::Ask }, price, quantity), events)
        }
        Op::Cancel { id } => book.cancel(id, events),
    }
}

/// The work of the benchmark, shortened: its own book, the naive one and ours agree on the sums, and ours on the events.
#[test]
fn the_work_of_the_benchmark_adds_up() {
    for work in [Work::grow(6_000), Work::steady(300)] {
        let mut naive = Naive::default();
        let mut expected = Vec::new();
        let mut sums = Sums::default();
        for (step, op) in work.before.iter().chain(&work.ops).enumerate() {
            let (_, events) = match *op {
                Op::Submit { id, is_bid, price, quantity } => {
                    naive.place(&Order::limit(id, if is_bid { Side::Bid } else { Side::Ask }, price, quantity))
                }
                Op::Cancel { id } => naive.cancel(id),
            };
            for event in events.iter().filter(|_| step >= work.before.len()) {
                if let Event::Traded { price, quantity, .. } = event {
                    sums.add(*price, *quantity);
                }
            }
            expected.extend(events);
        }
        assert_eq!((sums, naive.orders.len()), (work.sums, work.resting));
        assert!(sums.trades > 20, "the work trades");
        for structure in [Structure::Tree, Structure::Automatic, Structure::Ladder(work::MID - 2_048)] {
            let (mut book, mut events) = (Book::with(structure), Vec::new());
            work.before.iter().chain(&work.ops).for_each(|op| run(&mut book, *op, &mut events).unwrap());
            assert!(events == expected && book.len() == work.resting, "{structure:?}");
        }
    }
}

/// Twice the same commands, and once more on a book that was restored half-way: the same events.
#[test]
fn the_same_commands_give_the_same_events() {
    let work = Work::steady(30_000);
    let ops: Vec<Op> = work.before.iter().chain(&work.ops).copied().collect();
    let (first_half, second_half) = ops.split_at(20_000);
    let mut outcomes = Vec::new();
    for is_restored in [false, false, true] {
        let (mut book, mut events) = (Book::new(), Vec::new());
        first_half.iter().for_each(|op| run(&mut book, *op, &mut events).unwrap());
        if is_restored {
            book = Book::restore(Structure::Tree, all(&book)).unwrap();
        }
        second_half.iter().for_each(|op| run(&mut book, *op, &mut events).unwrap());
        outcomes.push((events, all(&book).collect::<Vec<_>>()));
    }
    assert!(outcomes[0] == outcomes[1] && outcomes[0] == outcomes[2]);
}
