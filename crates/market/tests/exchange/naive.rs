//! The same market in the simplest words: a list of orders, searched from end to end.

use rialto_market::{Amendment, NewOrder, OrderId, TimeInForce, book::Side};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    pub id: OrderId,
    pub owner: rialto_kernel::OwnerId,
    pub side: Side,
    pub price: i64,
    pub remaining: i64,
    pub waits: bool,
}

/// Who bought from whom, at what price, how much.
pub type Traded = (OrderId, OrderId, i64, i64);

#[derive(Debug, Default)]
pub struct Naive {
    /// In the order of their priority.
    pub orders: Vec<Resting>,
}

impl Naive {
    pub fn place(&mut self, id: OrderId, new: &NewOrder, trades: &mut Vec<Traded>) {
        let order = Resting {
            id,
            owner: new.trader.owner,
            side: new.side,
            price: new.price.unwrap(),
            remaining: new.quantity,
            waits: true,
        };
        let may_rest = new.time_in_force == TimeInForce::Gtc;
        if new.immediate || !may_rest {
            self.meet(trades);
        }
        self.orders.push(order);
        if new.immediate || !may_rest {
            self.meet(trades);
        }
        if !may_rest {
            self.orders.retain(|order| order.id != id);
        }
    }

    pub fn cancel(&mut self, id: OrderId) -> bool {
        let before = self.orders.len();
        self.orders.retain(|order| order.id != id);
        self.orders.len() < before
    }

    pub fn amend(&mut self, id: OrderId, amendment: Amendment) -> bool {
        let Some(at) = self.orders.iter().position(|order| order.id == id) else { return false };
        let order = &mut self.orders[at];
        let (price, remaining) = (amendment.price.unwrap_or(order.price), amendment.remaining.unwrap_or(order.remaining));
        let keeps = price == order.price && remaining <= order.remaining;
        (order.price, order.remaining) = (price, remaining);
        if !keeps {
            let order = Resting { waits: true, ..self.orders.remove(at) };
            self.orders.push(order);
        }
        true
    }

    /// Lets what waits arrive, in its order. An order that meets its own owner is cancelled.
    pub fn meet(&mut self, trades: &mut Vec<Traded>) {
        // An order that has traded a part still waits, and is the first that does: it goes on.
        while let Some(taker) = self.orders.iter().find(|order| order.waits).cloned() {
            let reaches = |maker: &&Resting| {
                !maker.waits && maker.side != taker.side && taker.side.accepts(as_u64(taker.price), as_u64(maker.price))
            };
            let best = self.orders.iter().filter(reaches).min_by_key(|maker| match taker.side {
                Side::Bid => maker.price,
                Side::Ask => -maker.price,
            });
            match best.cloned() {
                None => self.find(taker.id).waits = false,
                Some(maker) if maker.owner == taker.owner => _ = self.cancel(taker.id),
                Some(maker) => {
                    let quantity = maker.remaining.min(taker.remaining);
                    let (bid, ask) = if taker.side == Side::Bid { (taker.id, maker.id) } else { (maker.id, taker.id) };
                    trades.push((bid, ask, maker.price, quantity));
                    self.find(maker.id).remaining -= quantity;
                    self.find(taker.id).remaining -= quantity;
                    self.orders.retain(|order| order.remaining > 0);
                }
            }
        }
    }

    fn find(&mut self, id: OrderId) -> &mut Resting {
        self.orders.iter_mut().find(|order| order.id == id).unwrap()
    }
}

fn as_u64(price: i64) -> u64 {
    price.unsigned_abs()
}
