//! Orders meet: who trades with whom, how much, and what becomes of the rest.
//!
//! The one that arrives, the taker, is a [`Resting`] too, which it may become: its `price` is the worst that it accepts, its
//! `quantity` what it has left.

use super::{Book, Event, Reason, Resting, SelfTrade, Side, event::Corrupt, nodes::NONE};

impl Book {
    /// Whether an order would meet another one on arrival.
    #[inline]
    pub(super) const fn crosses(&self, side: Side, limit: u64) -> bool {
        let makers = side.opposite();
        let half = self.half(makers);
        half.best_rank <= makers.rank(limit) && half.best != NONE
    }

    /// Trades until the taker is filled, or accepts no price that is left, or has to be cancelled for the reason returned. Says
    /// also what it has left.
    #[inline(never)]
    pub(super) fn trade(&mut self, mut taker: Resting, events: &mut Vec<Event>) -> Result<(u64, Option<Reason>), Corrupt> {
        while taker.quantity > 0 && self.crosses(taker.side, taker.price) {
            let level = self.half(taker.side.opposite()).best;
            let queue = self.levels.get(level)?;
            let (at, price) = (queue.head, queue.price);
            if self.is_of(taker.owner, at) {
                if let Some(reason) = self.meet_itself(&mut taker, at, events)? {
                    return Ok((taker.quantity, Some(reason)));
                }
                continue;
            }
            let maker = self.nodes.get_mut(at)?;
            let quantity = maker.quantity.min(taker.quantity);
            let maker_left = maker.quantity - quantity;
            taker.quantity -= quantity;
            let (maker_id, side, taker_left) = (maker.id, taker.side, taker.quantity);
            events.push(Event::Traded { maker: maker_id, taker: taker.id, side, price, quantity, maker_left, taker_left });
            if maker_left == 0 {
                self.ids.remove(maker_id, |found| found == at).ok_or(Corrupt)?;
                self.take_out_of_queue(at)?;
            } else {
                maker.quantity = maker_left;
                self.shrink(level, quantity)?;
            }
        }
        Ok((taker.quantity, None))
    }

    /// Whether a resting order is of this owner, who is somebody.
    #[inline]
    fn is_of(&self, owner: u64, at: u32) -> bool {
        owner != 0 && self.nodes.owner(at) == owner
    }

    /// The taker has reached the resting order `at` of its own owner.
    #[cold]
    fn meet_itself(&mut self, taker: &mut Resting, at: u32, events: &mut Vec<Event>) -> Result<Option<Reason>, Corrupt> {
        let maker = *self.nodes.get(at)?;
        match taker.self_trade {
            SelfTrade::CancelNewest => return Ok(Some(Reason::SelfTrade)),
            SelfTrade::CancelOldest | SelfTrade::CancelBoth => {
                self.take_out(at)?;
                events.push(Event::Cancelled { id: maker.id, quantity: maker.quantity, reason: Reason::SelfTrade });
            }
            SelfTrade::Decrement => {
                let quantity = maker.quantity.min(taker.quantity);
                let maker_left = maker.quantity - quantity;
                taker.quantity -= quantity;
                events.push(Event::Decremented {
                    maker: maker.id,
                    taker: taker.id,
                    quantity,
                    maker_left,
                    taker_left: taker.quantity,
                });
                self.lessen(at, quantity)?;
            }
        }
        Ok((taker.self_trade == SelfTrade::CancelBoth).then_some(Reason::SelfTrade))
    }

    /// Takes `quantity` from a resting order, which leaves the book when nothing is left.
    fn lessen(&mut self, at: u32, quantity: u64) -> Result<(), Corrupt> {
        let node = self.nodes.get_mut(at)?;
        if node.quantity <= quantity {
            return self.take_out(at);
        }
        node.quantity -= quantity;
        let level = node.level();
        self.shrink(level, quantity)
    }

    /// Whether the taker would be filled as a whole by orders of others.
    ///
    /// An order of its own owner that it would cancel does not count, and behind one that would stop or shrink it nothing
    /// does.
    pub(super) fn fills(&self, taker: &Resting) -> Result<bool, Corrupt> {
        let half = self.half(taker.side.opposite());
        if half.quantity < taker.quantity {
            return Ok(false);
        }
        // Level by level first: enough there is a condition for everybody, and all there is for an order without an owner.
        let mut missing = taker.quantity;
        let mut level = half.best;
        while level != NONE && missing > 0 {
            let queue = self.levels.get(level)?;
            if !taker.side.accepts(taker.price, queue.price) {
                return Ok(false);
            }
            missing = missing.saturating_sub(queue.quantity);
            level = queue.worse;
        }
        if missing > 0 || taker.owner == 0 {
            return Ok(missing == 0);
        }
        self.fills_with_others(taker, half.best)
    }

    fn fills_with_others(&self, taker: &Resting, mut level: u32) -> Result<bool, Corrupt> {
        let mut missing = taker.quantity;
        while level != NONE {
            let queue = self.levels.get(level)?;
            if !taker.side.accepts(taker.price, queue.price) {
                break;
            }
            let mut at = queue.head;
            while at != NONE {
                let node = self.nodes.get(at)?;
                if !self.is_of(taker.owner, at) {
                    missing = missing.saturating_sub(node.quantity);
                } else if taker.self_trade != SelfTrade::CancelOldest {
                    return Ok(false);
                }
                if missing == 0 {
                    return Ok(true);
                }
                at = node.next;
            }
            level = queue.worse;
        }
        Ok(false)
    }
}
