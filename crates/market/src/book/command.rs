//! The four commands: place, cancel, amend, expire. Each checks everything before it changes anything.

use super::{Book, Event, Kind, Order, Reason, Refusal, Resting, TimeInForce, event::Corrupt};

impl Book {
    /// Trades with whom the order meets, and lets the rest wait or not, as its time in force says.
    ///
    /// Appends to `events`: a [`Event::Traded`], [`Event::Decremented`] or [`Event::Cancelled`] for each order that it met, in
    /// that order, and then [`Event::Rested`] or [`Event::Cancelled`] for what is left of it, if anything is.
    ///
    /// # Errors
    /// See [`Refusal`]; nothing has changed then. An order that cannot be filled, or is stopped by one of its own owner, is not
    /// refused but cancelled.
    #[inline]
    pub fn place(&mut self, order: &Order, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let done = self.try_place(order, events);
        report(order.id, done, events)
    }

    /// Takes an order out of the book.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when it does not rest.
    #[inline]
    pub fn cancel(&mut self, id: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let done = self.try_cancel(id, events);
        report(id, done, events)
    }

    /// Gives an order another price, another quantity, or both; the quantity is what it has open *from now on*.
    ///
    /// It keeps its place in the queue if the price stays and the quantity does not grow. Otherwise it arrives anew: it trades if
    /// it reaches the other side, what is left of it goes behind all others of its price. When it expires, that it is post-only,
    /// and its [`SelfTrade`](super::SelfTrade) stay.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when it does not rest, [`Refusal::WouldTrade`] when it is post-only and would trade, or a zero or an
    /// overflow; the order is as it was then.
    pub fn amend(&mut self, id: u64, price: u64, quantity: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let done = self.try_amend(id, price, quantity, events);
        report(id, done, events)
    }

    /// Tells the book the time, in any unit that the caller uses for [`TimeInForce::GoodTill`]: cancels every order whose time has
    /// come, soonest first, and at the same time by id. When none has, this costs a comparison.
    ///
    /// Call it before a command, with the time of the command. Time does not run backwards: an earlier one changes nothing.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`] alone.
    pub fn expire(&mut self, now: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        self.now = self.now.max(now);
        while let Some(at) = self.expiries.due(self.now) {
            let node = *self.nodes.get(at)?;
            self.take_out(at)?;
            events.push(Event::Cancelled { id: node.id, quantity: node.quantity, reason: Reason::Expired });
        }
        Ok(())
    }

    #[inline]
    pub(super) fn is_new(&self, id: u64) -> Result<(), Refusal> {
        if self.find(id).is_some() { Err(Refusal::Duplicate) } else { Ok(()) }
    }

    #[inline]
    fn try_place(&mut self, order: &Order, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let Order { id, owner, side, quantity, self_trade, time_in_force, .. } = *order;
        let (price, rests) = (order.worst_price(), order.rests());
        let (expires_at, post_only) = (time_in_force.expires_at(), time_in_force.is_post_only());
        no_zeros(price, quantity)?;
        if post_only && matches!(order.kind, Kind::Market { .. }) {
            return Err(Refusal::MarketPostOnly);
        }
        if expires_at.is_some_and(|time| time <= self.now) {
            return Err(Refusal::AlreadyExpired);
        }
        self.is_new(id)?;
        if post_only && self.crosses(side, price) {
            return Err(Refusal::WouldTrade);
        }
        if rests {
            self.make_room(side, quantity, 0)?;
        }
        let taker = Resting { id, owner, side, price, quantity, expires_at, post_only, self_trade };
        if time_in_force == TimeInForce::FillOrKill && !self.fills(&taker)? {
            events.push(Event::Cancelled { id, quantity, reason: Reason::NotFillable });
            return Ok(());
        }
        Ok(self.arrive(taker, rests, events)?)
    }

    #[inline]
    fn try_cancel(&mut self, id: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let nodes = &self.nodes;
        let found = self.ids.remove(id, |at| nodes.get(at).is_ok_and(|node| node.id == id));
        let quantity = self.take_out_of_queue(found.ok_or(Refusal::Unknown)?)?;
        events.push(Event::Cancelled { id, quantity, reason: Reason::Requested });
        Ok(())
    }

    fn try_amend(&mut self, id: u64, price: u64, quantity: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        no_zeros(price, quantity)?;
        let at = self.find(id).ok_or(Refusal::Unknown)?;
        let node = self.nodes.get(at)?;
        let level = node.level();
        let old = self.show(at, node, self.levels.get(level)?);
        if price == old.price && quantity <= old.quantity {
            self.nodes.get_mut(at)?.quantity = quantity;
            self.shrink(level, old.quantity - quantity)?;
            events.push(Event::Amended { id, price, quantity, kept_priority: true });
            return Ok(());
        }
        if old.post_only && self.crosses(old.side, price) {
            return Err(Refusal::WouldTrade);
        }
        self.make_room(old.side, quantity, old.quantity)?;
        self.take_out(at)?;
        events.push(Event::Amended { id, price, quantity, kept_priority: false });
        Ok(self.arrive(Resting { price, quantity, ..old }, true, events)?)
    }

    /// Trades, and then rests or ends.
    #[inline]
    fn arrive(&mut self, mut order: Resting, rests: bool, events: &mut Vec<Event>) -> Result<(), Corrupt> {
        if self.crosses(order.side, order.price) {
            let (left, stopped) = self.trade(order, events)?;
            if left == 0 {
                self.ids.pass(order.id);
                return Ok(());
            }
            if let Some(reason) = stopped {
                events.push(Event::Cancelled { id: order.id, quantity: left, reason });
                return Ok(());
            }
            order.quantity = left;
        }
        let Resting { id, side, price, quantity, .. } = order;
        if !rests {
            events.push(Event::Cancelled { id, quantity, reason: Reason::Unfilled });
            return Ok(());
        }
        self.put_in(&order)?;
        events.push(Event::Rested { id, side, price, quantity });
        Ok(())
    }
}

#[inline]
pub(super) const fn no_zeros(price: u64, quantity: u64) -> Result<(), Refusal> {
    match (quantity, price) {
        (0, _) => Err(Refusal::ZeroQuantity),
        (_, 0) => Err(Refusal::ZeroPrice),
        _ => Ok(()),
    }
}

/// Says a refusal in the events too.
#[inline]
fn report(id: u64, done: Result<(), Refusal>, events: &mut Vec<Event>) -> Result<(), Refusal> {
    if let Err(refusal) = done {
        events.push(Event::Refused { id, refusal });
    }
    done
}
