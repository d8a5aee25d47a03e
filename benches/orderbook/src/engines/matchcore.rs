//! matchcore: it numbers orders itself, so their numbers are kept by ours.

use matchcore::{
    CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder, NewOrder, OrderBook, OrderFlags,
    OrderId, OrderKind, Price, Quantity, QuantityPolicy, SequenceNumber, Side, SubmitCmd, TimeInForce, Timestamp,
};

use crate::work::{Op, Sums};

/// The book, how many commands it had, and its number of each order of ours.
pub struct Engine {
    book: OrderBook,
    commands: u64,
    numbers: Vec<OrderId>,
}

impl super::Engine for Engine {
    fn new() -> Self {
        Self { book: OrderBook::new("BENCH"), commands: 0, numbers: vec![OrderId(0)] }
    }

    #[inline]
    fn run(&mut self, op: Op, sums: &mut Sums) {
        let kind = match op {
            Op::Submit { is_bid, price, quantity, .. } => {
                let flags = OrderFlags::new(if is_bid { Side::Buy } else { Side::Sell }, false, TimeInForce::Gtc);
                let quantity = QuantityPolicy::Standard { quantity: Quantity(quantity) };
                CommandKind::Submit(SubmitCmd { order: NewOrder::Limit(LimitOrder::new(Price(price), quantity, flags)) })
            }
            Op::Cancel { id } => {
                let order_id = usize::try_from(id).ok().and_then(|id| self.numbers.get(id)).copied().unwrap_or(OrderId(0));
                CommandKind::Cancel(CancelCmd { order_id, order_kind: OrderKind::Limit })
            }
        };
        let meta = CommandMeta { sequence_number: SequenceNumber(self.commands), timestamp: Timestamp(self.commands) };
        self.commands += 1;
        if let CommandOutcome::Applied(CommandReport::Submit(effects)) = self.book.execute(&Command { meta, kind }) {
            let order = effects.target_order();
            self.numbers.push(order.order_id());
            for trade in order.match_result().iter().flat_map(|result| result.trades()) {
                sums.add(trade.price().0, trade.quantity().0);
            }
        }
    }
}
