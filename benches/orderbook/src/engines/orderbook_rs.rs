//! orderbook-rs, by its call that returns the trades.

use orderbook_rs::{Id, OrderBook, Side, TimeInForce};

use crate::work::{Op, Sums};

/// The book without any of its options.
pub struct Engine(OrderBook<()>);

impl super::Engine for Engine {
    fn new() -> Self {
        Self(OrderBook::new("BENCH"))
    }

    #[inline]
    fn run(&mut self, op: Op, sums: &mut Sums) {
        match op {
            Op::Submit { id, is_bid, price, quantity } => {
                let side = if is_bid { Side::Buy } else { Side::Sell };
                let id = Id::Sequential(id);
                let done = self.0.add_limit_order_with_result(id, u128::from(price), quantity, side, TimeInForce::Gtc, None);
                if let Ok((_, Some(result))) = done {
                    for trade in result.match_result.trades().as_vec() {
                        sums.add(u64::try_from(trade.price().as_u128()).unwrap_or_default(), trade.quantity().as_u64());
                    }
                }
            }
            Op::Cancel { id } => drop(self.0.cancel_order(Id::Sequential(id))),
        }
    }
}
