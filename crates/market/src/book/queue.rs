//! How orders come into their queues and out of them. Nothing here decides; every link and every sum is kept right.

use super::{
    Book, Refusal, Resting, Side,
    event::Corrupt,
    levels::Queue,
    nodes::{NONE, Node, Terms},
};

/// One side: its levels from the best price to the worst, and what they have open together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    /// The [rank](Side::rank) of the best price, and the highest number when there is none: orders that do not trade, which
    /// most do not, look no further.
    pub(super) best_rank: u64,
    pub(super) best: u32,
    pub(super) worst: u32,
    pub(super) quantity: u64,
    pub(super) orders: u32,
}

impl Half {
    pub(super) const EMPTY: Self = Self { best_rank: u64::MAX, best: NONE, worst: NONE, quantity: 0, orders: 0 };
}

impl Book {
    #[inline]
    pub(super) const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    #[inline]
    pub(super) const fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// The number of the order with this id.
    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<u32> {
        self.ids.find(id, |at| self.nodes.get(at).is_ok_and(|node| node.id == id))
    }

    /// Makes room for an order, of which `quantity` may rest beside what its side has. One that rests already with `leaving`
    /// takes its own place.
    #[inline]
    pub(super) fn make_room(&mut self, side: Side, quantity: u64, leaving: u64) -> Result<(), Refusal> {
        let others = self.half(side).quantity - leaving;
        others.checked_add(quantity).ok_or(Refusal::QuantityOverflow)?;
        if leaving > 0 || self.nodes.make_room() { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Puts an order, for which [there is room](Self::make_room), behind all others of its price.
    #[inline]
    pub(super) fn put_in(&mut self, order: &Resting) -> Result<(), Corrupt> {
        let level = match self.prices.near(order.price) {
            NONE => self.find_or_open(order.side, order.price)?,
            level => level,
        };
        let queue = self.levels.get_mut(level)?;
        let terms = Terms { post_only: order.post_only, self_trade: order.self_trade };
        let node = Node::new(order.id, order.quantity, level, terms, queue.tail);
        let at = self.nodes.append(node, order.owner)?;
        if queue.tail == NONE {
            queue.head = at;
        }
        queue.tail = at;
        queue.orders += 1;
        queue.quantity += order.quantity;
        let half = self.half_mut(order.side);
        half.orders += 1;
        half.quantity += order.quantity;
        self.ids.insert(order.id, at, self.bids.orders + self.asks.orders);
        match order.expires_at {
            Some(time) => self.expiries.insert(&mut self.nodes, at, time),
            None => Ok(()),
        }
    }

    /// Takes an order out of everything.
    #[inline]
    pub(super) fn take_out(&mut self, at: u32) -> Result<(), Corrupt> {
        let id = self.nodes.get(at)?.id;
        self.ids.remove(id, |found| found == at).ok_or(Corrupt)?;
        self.take_out_of_queue(at).map(|_| ())
    }

    /// Takes an order out that has left the ids already, and returns what it had open.
    #[inline]
    pub(super) fn take_out_of_queue(&mut self, at: u32) -> Result<u64, Corrupt> {
        let node = self.nodes.remove(at)?;
        if node.expiry != NONE {
            self.expiries.remove(&mut self.nodes, node.expiry)?;
        }
        let level = node.level();
        let queue = self.levels.get_mut(level)?;
        if node.previous == NONE {
            queue.head = node.next;
        }
        if node.next == NONE {
            queue.tail = node.previous;
        }
        queue.orders -= 1;
        queue.quantity -= node.quantity;
        let (side, is_empty) = (queue.side, queue.orders == 0);
        let half = self.half_mut(side);
        half.orders -= 1;
        half.quantity -= node.quantity;
        if is_empty {
            self.close(level)?;
        }
        Ok(node.quantity)
    }

    /// Takes `quantity` from the sums of a level and its side.
    #[inline]
    pub(super) fn shrink(&mut self, level: u32, quantity: u64) -> Result<(), Corrupt> {
        let queue = self.levels.get_mut(level)?;
        queue.quantity -= quantity;
        let side = queue.side;
        self.half_mut(side).quantity -= quantity;
        Ok(())
    }

    /// The level of a price that is not in the ladder, or not yet.
    #[inline(never)]
    fn find_or_open(&mut self, side: Side, price: u64) -> Result<u32, Corrupt> {
        if self.prices.is_missed() {
            self.prices.centre(self.middle().unwrap_or(price));
        }
        match self.prices.find(price) {
            Some(level) => Ok(level),
            None => self.open(side, price),
        }
    }

    /// Adds a level for a price that has none.
    fn open(&mut self, side: Side, price: u64) -> Result<u32, Corrupt> {
        let better = self.better_than(side, price)?;
        let mut queue = Queue::new(side, price);
        queue.better = better;
        queue.worse = if better == NONE { self.half(side).best } else { self.levels.get(better)?.worse };
        let level = self.levels.insert(queue);
        if better == NONE {
            let half = self.half_mut(side);
            (half.best, half.best_rank) = (level, side.rank(price));
        } else {
            self.levels.get_mut(better)?.worse = level;
        }
        if queue.worse == NONE {
            self.half_mut(side).worst = level;
        } else {
            self.levels.get_mut(queue.worse)?.better = level;
        }
        self.prices.insert(price, level);
        Ok(level)
    }

    /// The level after which one with this price comes, or [`NONE`] when it is the best.
    fn better_than(&self, side: Side, price: u64) -> Result<u32, Corrupt> {
        let half = self.half(side);
        if half.best == NONE || side.rank(price) < half.best_rank {
            return Ok(NONE);
        }
        if !side.prefers(price, self.levels.get(half.worst)?.price) {
            return Ok(half.worst);
        }
        // Between the best and the worst of its side there are no prices of the other.
        let near = match side {
            Side::Bid => self.prices.above(price),
            Side::Ask => self.prices.below(price),
        };
        near.ok_or(Corrupt)
    }

    /// Removes a level that has no orders left.
    #[inline(never)]
    fn close(&mut self, level: u32) -> Result<(), Corrupt> {
        let Queue { price, side, better, worse, .. } = *self.levels.get(level)?;
        if better == NONE {
            let best_rank = if worse == NONE { u64::MAX } else { side.rank(self.levels.get(worse)?.price) };
            let half = self.half_mut(side);
            (half.best, half.best_rank) = (worse, best_rank);
        } else {
            self.levels.get_mut(better)?.worse = worse;
        }
        if worse == NONE {
            self.half_mut(side).worst = better;
        } else {
            self.levels.get_mut(worse)?.better = better;
        }
        if !self.prices.remove(price) {
            return Err(Corrupt);
        }
        self.levels.remove(level)
    }

    /// A price between the sides, or the best of the only one there is.
    fn middle(&self) -> Option<u64> {
        match (self.best(Side::Bid), self.best(Side::Ask)) {
            (Some(bid), Some(ask)) => Some(bid.price.midpoint(ask.price)),
            (bid, ask) => bid.or(ask).map(|level| level.price),
        }
    }
}
