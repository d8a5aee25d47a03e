//! lobster.

use lobster::{OrderBook, OrderEvent, OrderType, Side};

use crate::work::{Op, Sums};

/// The book with its own sizes.
pub struct Engine(OrderBook);

impl super::Engine for Engine {
    fn new() -> Self {
        Self(OrderBook::default())
    }

    #[inline]
    fn run(&mut self, op: Op, sums: &mut Sums) {
        let order = match op {
            Op::Submit { id, is_bid, price, quantity } => {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                OrderType::Limit { id: u128::from(id), side, qty: quantity, price }
            }
            Op::Cancel { id } => OrderType::Cancel { id: u128::from(id) },
        };
        if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = self.0.execute(order) {
            fills.iter().for_each(|fill| sums.add(fill.price, fill.qty));
        }
    }
}
