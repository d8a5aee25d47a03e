//! Orders meet: who trades with whom, how much, and what becomes of the rest.

use super::{
    Book, Event, Reason, SelfTrade, Side,
    event::Corrupt,
    slab::{NONE, Node},
};

/// An order while it trades.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub(super) id: u64,
    pub(super) owner: u64,
    pub(super) side: Side,
    /// The worst price it accepts.
    pub(super) limit: u64,
    pub(super) left: u64,
    pub(super) self_trade: SelfTrade,
}

impl Taker {
    fn owns(&self, node: &Node) -> bool {
        self.owner != 0 && self.owner == node.owner
    }
}

impl Book {
    /// Whether an order would meet another one on arrival.
    pub(super) fn crosses(&self, side: Side, limit: u64) -> Result<bool, Corrupt> {
        let best = self.half(side.opposite()).best;
        Ok(best != NONE && side.accepts(limit, self.queues.get(best)?.price))
    }

    /// Trades until the taker is filled, or accepts no price that is left, or has to be cancelled for the reason returned.
    pub(super) fn trade(&mut self, taker: &mut Taker, events: &mut Vec<Event>) -> Result<Option<Reason>, Corrupt> {
        while taker.left > 0 {
            let best = self.half(taker.side.opposite()).best;
            if best == NONE {
                break;
            }
            let queue = self.queues.get(best)?;
            if !taker.side.accepts(taker.limit, queue.price) {
                break;
            }
            let (at, price) = (queue.head, queue.price);
            let maker = *self.nodes.get(at)?;
            if taker.owns(&maker) {
                if let Some(reason) = self.meet_itself(taker, at, events)? {
                    return Ok(Some(reason));
                }
                continue;
            }
            let quantity = maker.quantity.min(taker.left);
            let maker_left = maker.quantity - quantity;
            taker.left -= quantity;
            let (side, taker_left) = (taker.side, taker.left);
            events.push(Event::Traded { maker: maker.id, taker: taker.id, side, price, quantity, maker_left, taker_left });
            if maker_left == 0 {
                self.ids.remove(maker.id, |found| found == at).ok_or(Corrupt)?;
                self.take_out_of_queue(at, &maker)?;
            } else {
                self.nodes.get_mut(at)?.quantity = maker_left;
                self.shrink(maker.level(), quantity)?;
            }
        }
        Ok(None)
    }

    /// The taker has reached the resting order `at` of its own owner.
    #[cold]
    fn meet_itself(&mut self, taker: &mut Taker, at: u32, events: &mut Vec<Event>) -> Result<Option<Reason>, Corrupt> {
        let maker = *self.nodes.get(at)?;
        match taker.self_trade {
            SelfTrade::CancelNewest => return Ok(Some(Reason::SelfTrade)),
            SelfTrade::CancelOldest | SelfTrade::CancelBoth => {
                self.take_out(at)?;
                events.push(Event::Cancelled { id: maker.id, quantity: maker.quantity, reason: Reason::SelfTrade });
            }
            SelfTrade::Decrement => {
                let quantity = maker.quantity.min(taker.left);
                let maker_left = maker.quantity - quantity;
                taker.left -= quantity;
                events.push(Event::Decremented {
                    maker: maker.id,
                    taker: taker.id,
                    quantity,
                    maker_left,
                    taker_left: taker.left,
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
    pub(super) fn fills(&self, taker: &Taker) -> Result<bool, Corrupt> {
        let half = self.half(taker.side.opposite());
        if half.quantity < taker.left {
            return Ok(false);
        }
        // Level by level first: enough there is a condition for everybody, and all there is for an order without an owner.
        let mut missing = taker.left;
        let mut level = half.best;
        while level != NONE && missing > 0 {
            let queue = self.queues.get(level)?;
            if !taker.side.accepts(taker.limit, queue.price) {
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

    fn fills_with_others(&self, taker: &Taker, mut level: u32) -> Result<bool, Corrupt> {
        let mut missing = taker.left;
        while level != NONE {
            let queue = self.queues.get(level)?;
            if !taker.side.accepts(taker.limit, queue.price) {
                break;
            }
            let mut at = queue.head;
            while at != NONE {
                let node = self.nodes.get(at)?;
                if !taker.owns(node) {
                    missing = missing.saturating_sub(node.quantity);
                } else if taker.self_trade != SelfTrade::CancelOldest {
                    return Ok(false);
                }
                if missing == 0 {
                    return Ok(true);
                }
                at = self.links.get(at)?.next;
            }
            level = queue.worse;
        }
        Ok(false)
    }
}
