//! How orders come into their queues and out of them. Nothing here decides; every link and every sum is kept right.

use super::{
    Book, Refusal, Resting, Side,
    event::Corrupt,
    slab::{NONE, Node, Queue, Terms},
};

/// One side: its levels from the best price to the worst, and what they have open together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub(super) best: u32,
    pub(super) worst: u32,
    pub(super) quantity: u64,
    pub(super) orders: u32,
}

impl Half {
    pub(super) const EMPTY: Self = Self { best: NONE, worst: NONE, quantity: 0, orders: 0 };
}

impl Book {
    pub(super) const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

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

    /// Whether an order fits, of which `quantity` may rest beside what its side has. One that rests already with `leaving` takes
    /// its own place.
    pub(super) fn has_room(&self, side: Side, quantity: u64, leaving: u64) -> Result<(), Refusal> {
        let others = self.half(side).quantity.saturating_sub(leaving);
        others.checked_add(quantity).ok_or(Refusal::QuantityOverflow)?;
        if leaving == 0 && self.ids.count() >= Self::ORDERS_MAX { Err(Refusal::Full) } else { Ok(()) }
    }

    /// Puts an order behind all others of its price.
    pub(super) fn put_in(&mut self, order: &Resting) -> Result<(), Corrupt> {
        if self.prices.is_missed() {
            self.prices.centre(self.middle().unwrap_or(order.price));
        }
        let level = match self.prices.find(order.price) {
            Some(level) => level,
            None => self.open(order.side, order.price)?,
        };
        let terms = Terms { post_only: order.post_only, self_trade: order.self_trade };
        let node = Node::new(order.id, order.owner, order.quantity, level, terms);
        let queue = self.queues.get_mut(level)?;
        let at = self.nodes.insert(node);
        self.links.append(at, queue.tail)?;
        if queue.tail == NONE {
            queue.head = at;
        }
        queue.tail = at;
        queue.orders += 1;
        queue.quantity = queue.quantity.saturating_add(order.quantity);
        let half = self.half_mut(order.side);
        half.orders += 1;
        half.quantity = half.quantity.saturating_add(order.quantity);
        self.ids.insert(order.id, at);
        match order.expires_at {
            Some(time) => self.expiries.insert(&mut self.nodes, at, time),
            None => Ok(()),
        }
    }

    /// Takes an order out of everything.
    #[inline]
    pub(super) fn take_out(&mut self, at: u32) -> Result<(), Corrupt> {
        let node = *self.nodes.get(at)?;
        self.ids.remove(node.id, |found| found == at).ok_or(Corrupt)?;
        self.take_out_of_queue(at, &node)
    }

    /// Takes an order out that has left the ids already.
    #[inline]
    pub(super) fn take_out_of_queue(&mut self, at: u32, node: &Node) -> Result<(), Corrupt> {
        let level = node.level();
        if node.expiry != NONE {
            self.expiries.remove(&mut self.nodes, node.expiry)?;
        }
        let link = self.links.detach(at)?;
        let queue = self.queues.get_mut(level)?;
        if link.previous == NONE {
            queue.head = link.next;
        }
        if link.next == NONE {
            queue.tail = link.previous;
        }
        queue.orders = queue.orders.saturating_sub(1);
        queue.quantity = queue.quantity.saturating_sub(node.quantity);
        let (side, is_empty) = (queue.side, queue.orders == 0);
        let half = self.half_mut(side);
        half.orders = half.orders.saturating_sub(1);
        half.quantity = half.quantity.saturating_sub(node.quantity);
        self.nodes.remove(at)?;
        if is_empty { self.close(level) } else { Ok(()) }
    }

    /// Takes `quantity` from the sums of a level and its side.
    #[inline]
    pub(super) fn shrink(&mut self, level: u32, quantity: u64) -> Result<(), Corrupt> {
        let queue = self.queues.get_mut(level)?;
        queue.quantity = queue.quantity.saturating_sub(quantity);
        let side = queue.side;
        let half = self.half_mut(side);
        half.quantity = half.quantity.saturating_sub(quantity);
        Ok(())
    }

    /// Adds a level for a price that has none.
    fn open(&mut self, side: Side, price: u64) -> Result<u32, Corrupt> {
        let better = self.better_than(side, price)?;
        let mut queue = Queue::new(side, price);
        queue.better = better;
        queue.worse = if better == NONE { self.half(side).best } else { self.queues.get(better)?.worse };
        let level = self.queues.insert(queue);
        if better == NONE {
            self.half_mut(side).best = level;
        } else {
            self.queues.get_mut(better)?.worse = level;
        }
        if queue.worse == NONE {
            self.half_mut(side).worst = level;
        } else {
            self.queues.get_mut(queue.worse)?.better = level;
        }
        self.prices.insert(price, level);
        Ok(level)
    }

    /// The level after which one with this price comes, or [`NONE`] when it is the best.
    fn better_than(&self, side: Side, price: u64) -> Result<u32, Corrupt> {
        let half = self.half(side);
        if half.best == NONE || side.prefers(price, self.queues.get(half.best)?.price) {
            return Ok(NONE);
        }
        if !side.prefers(price, self.queues.get(half.worst)?.price) {
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
    fn close(&mut self, level: u32) -> Result<(), Corrupt> {
        let Queue { price, side, better, worse, .. } = *self.queues.get(level)?;
        if better == NONE {
            self.half_mut(side).best = worse;
        } else {
            self.queues.get_mut(better)?.worse = worse;
        }
        if worse == NONE {
            self.half_mut(side).worst = better;
        } else {
            self.queues.get_mut(worse)?.better = better;
        }
        if !self.prices.remove(price) {
            return Err(Corrupt);
        }
        self.queues.remove(level)
    }

    /// A price between the sides, or the best of the only one there is.
    fn middle(&self) -> Option<u64> {
        match (self.best(Side::Bid), self.best(Side::Ask)) {
            (Some(bid), Some(ask)) => Some(bid.price.midpoint(ask.price)),
            (bid, ask) => bid.or(ask).map(|level| level.price),
        }
    }
}
