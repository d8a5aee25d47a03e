//! Ours, in each of its structures. The events go into one buffer that is read and emptied after each command.

use rialto_market::book::{Book, Event, Order, Side, Structure};

use super::Engine;
use crate::work::{MID, Op, Sums};

struct Ours {
    book: Book,
    events: Vec<Event>,
}

impl Ours {
    fn with(structure: Structure) -> Self {
        Self { book: Book::with(structure), events: Vec::with_capacity(64) }
    }

    #[inline]
    fn run(&mut self, op: Op, sums: &mut Sums) {
        self.events.clear();
        // A refusal would be an event, and missing in the sums.
        let _ = match op {
            Op::Submit { id, is_bid, price, quantity } => {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                self.book.place(&Order::limit(id, side, price, quantity), &mut self.events)
            }
            Op::Cancel { id } => self.book.cancel(id, &mut self.events),
        };
        for event in &self.events {
            if let Event::Traded { price, quantity, .. } = event {
                sums.add(*price, *quantity);
            }
        }
    }
}

macro_rules! structure {
    ($name:ident, $structure:expr, $doc:literal) => {
        #[doc = $doc]
        pub struct $name(Ours);

        impl Engine for $name {
            fn new() -> Self {
                Self(Ours::with($structure))
            }

            #[inline]
            fn run(&mut self, op: Op, sums: &mut Sums) {
                self.0.run(op, sums);
            }
        }
    };
}

structure!(Tree, Structure::Tree, "Any prices.");
structure!(Ladder, Structure::Ladder(MID - 2_048), "A ladder put where the prices will be.");
structure!(Automatic, Structure::Automatic, "As `Book::new()` makes it.");
