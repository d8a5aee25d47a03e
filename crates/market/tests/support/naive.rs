//! A book as slow and as plain as can be: one list in order of time, searched from the front for everything.

use rialto_market::book::{Event, Kind, Level, Order, Reason, Refusal, Resting, SelfTrade, Side, TimeInForce};

#[derive(Debug, Clone, Default)]
pub struct Naive {
    /// All that rest, oldest first.
    pub orders: Vec<Resting>,
    now: u64,
}

impl Naive {
    pub fn of(&self, side: Side) -> Vec<Resting> {
        let mut orders: Vec<Resting> = self.orders.iter().filter(|order| order.side == side).copied().collect();
        // Stable, so that the oldest stay first at each price.
        orders.sort_by_key(|order| if side == Side::Bid { u64::MAX - order.price } else { order.price });
        orders
    }

    pub fn depth(&self, side: Side) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for Resting { price, quantity, .. } in self.of(side) {
            match levels.last_mut().filter(|level| level.price == price) {
                Some(level) => (level.quantity, level.orders) = (level.quantity + quantity, level.orders + 1),
                None => levels.push(Level { price, quantity, orders: 1 }),
            }
        }
        levels
    }

    pub fn quantity(&self, side: Side) -> u128 {
        self.orders.iter().filter(|order| order.side == side).map(|order| u128::from(order.quantity)).sum()
    }

    pub fn place(&mut self, order: &Order) -> (Result<(), Refusal>, Vec<Event>) {
        self.told(order.id, |book, events| book.try_place(order, events))
    }

    pub fn cancel(&mut self, id: u64) -> (Result<(), Refusal>, Vec<Event>) {
        self.told(id, |book, events| {
            let quantity = book.take(id).ok_or(Refusal::Unknown)?.quantity;
            events.push(Event::Cancelled { id, quantity, reason: Reason::Requested });
            Ok(())
        })
    }

    pub fn amend(&mut self, id: u64, price: u64, quantity: u64) -> (Result<(), Refusal>, Vec<Event>) {
        self.told(id, |book, events| book.try_amend(id, price, quantity, events))
    }

    pub fn expire(&mut self, now: u64) -> Vec<Event> {
        self.now = self.now.max(now);
        let is_due = |order: &&Resting| order.expires_at.is_some_and(|time| time <= self.now);
        let mut due: Vec<Resting> = self.orders.iter().filter(is_due).copied().collect();
        due.sort_by_key(|order| (order.expires_at, order.id));
        self.orders.retain(|order| !due.contains(order));
        due.iter().map(|&Resting { id, quantity, .. }| Event::Cancelled { id, quantity, reason: Reason::Expired }).collect()
    }

    fn told(
        &mut self,
        id: u64,
        command: impl FnOnce(&mut Self, &mut Vec<Event>) -> Result<(), Refusal>,
    ) -> (Result<(), Refusal>, Vec<Event>) {
        let mut events = Vec::new();
        let done = command(self, &mut events);
        events.extend(done.err().map(|refusal| Event::Refused { id, refusal }));
        (done, events)
    }

    fn take(&mut self, id: u64) -> Option<Resting> {
        self.orders.iter().position(|order| order.id == id).map(|at| self.orders.remove(at))
    }

    /// The first that an order with this limit meets.
    fn maker(&self, side: Side, limit: Option<u64>) -> Option<Resting> {
        let others = self.orders.iter().filter(|order| order.side != side);
        // The first of several that are equal, so the oldest.
        let best = *others.min_by_key(|order| if side == Side::Bid { order.price } else { u64::MAX - order.price })?;
        let is_accepted = match (side, limit) {
            (_, None) => true,
            (Side::Bid, Some(limit)) => best.price <= limit,
            (Side::Ask, Some(limit)) => best.price >= limit,
        };
        is_accepted.then_some(best)
    }

    fn try_place(&mut self, order: &Order, events: &mut Vec<Event>) -> Result<(), Refusal> {
        let (limit, is_market) = match order.kind {
            Kind::Limit(price) => (Some(price), false),
            Kind::Market { protection } => (protection, true),
        };
        let (expires_at, post_only, waits) = match order.time_in_force {
            TimeInForce::GoodTillCancelled => (None, false, true),
            TimeInForce::GoodTill(time) => (Some(time), false, true),
            TimeInForce::PostOnly => (None, true, true),
            TimeInForce::PostOnlyTill(time) => (Some(time), true, true),
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => (None, false, false),
        };
        let rests = waits && !is_market;
        let room = u128::from(u64::MAX) - self.quantity(order.side);
        let refusals = [
            (order.quantity == 0, Refusal::ZeroQuantity),
            (limit == Some(0), Refusal::ZeroPrice),
            (is_market && post_only, Refusal::MarketPostOnly),
            (expires_at.is_some_and(|time| time <= self.now), Refusal::AlreadyExpired),
            (self.orders.iter().any(|other| other.id == order.id), Refusal::Duplicate),
            (post_only && self.maker(order.side, limit).is_some(), Refusal::WouldTrade),
            (rests && u128::from(order.quantity) > room, Refusal::QuantityOverflow),
        ];
        if let Some((_, refusal)) = refusals.into_iter().find(|(is_so, _)| *is_so) {
            return Err(refusal);
        }
        let Order { id, owner, side, quantity, self_trade, .. } = *order;
        let arriving = Resting { id, owner, side, price: limit.unwrap_or(1), quantity, expires_at, post_only, self_trade };
        if order.time_in_force == TimeInForce::FillOrKill {
            // Tried out on a copy: it has to trade every unit.
            let mut trial = Vec::new();
            self.clone().arrive(arriving, limit, false, &mut trial);
            let traded: u64 =
                trial.iter().map(|event| if let Event::Traded { quantity, .. } = event { *quantity } else { 0 }).sum();
            if traded < quantity {
                events.push(Event::Cancelled { id, quantity, reason: Reason::NotFillable });
                return Ok(());
            }
        }
        self.arrive(arriving, limit, rests, events);
        Ok(())
    }

    fn try_amend(&mut self, id: u64, price: u64, quantity: u64, events: &mut Vec<Event>) -> Result<(), Refusal> {
        if quantity == 0 {
            return Err(Refusal::ZeroQuantity);
        }
        if price == 0 {
            return Err(Refusal::ZeroPrice);
        }
        let old = *self.orders.iter().find(|order| order.id == id).ok_or(Refusal::Unknown)?;
        if price == old.price && quantity <= old.quantity {
            self.orders.iter_mut().filter(|order| order.id == id).for_each(|order| order.quantity = quantity);
            events.push(Event::Amended { id, price, quantity, kept_priority: true });
            return Ok(());
        }
        if old.post_only && self.maker(old.side, Some(price)).is_some() {
            return Err(Refusal::WouldTrade);
        }
        if self.quantity(old.side) - u128::from(old.quantity) + u128::from(quantity) > u128::from(u64::MAX) {
            return Err(Refusal::QuantityOverflow);
        }
        self.take(id);
        events.push(Event::Amended { id, price, quantity, kept_priority: false });
        self.arrive(Resting { price, quantity, ..old }, Some(price), true, events);
        Ok(())
    }

    fn arrive(&mut self, mut taker: Resting, limit: Option<u64>, rests: bool, events: &mut Vec<Event>) {
        let mut reason = (!rests).then_some(Reason::Unfilled);
        while let Some(maker) = self.maker(taker.side, limit).filter(|_| taker.quantity > 0) {
            if taker.owner != 0 && taker.owner == maker.owner && taker.self_trade != SelfTrade::Decrement {
                if taker.self_trade != SelfTrade::CancelNewest {
                    self.take(maker.id);
                    events.push(Event::Cancelled { id: maker.id, quantity: maker.quantity, reason: Reason::SelfTrade });
                }
                if taker.self_trade != SelfTrade::CancelOldest {
                    reason = Some(Reason::SelfTrade);
                    break;
                }
                continue;
            }
            let quantity = taker.quantity.min(maker.quantity);
            let (maker_left, taker_left) = (maker.quantity - quantity, taker.quantity - quantity);
            taker.quantity = taker_left;
            match maker_left {
                0 => self.orders.retain(|order| order.id != maker.id),
                left => self.orders.iter_mut().filter(|order| order.id == maker.id).for_each(|order| order.quantity = left),
            }
            events.push(if taker.owner != 0 && taker.owner == maker.owner {
                Event::Decremented { maker: maker.id, taker: taker.id, quantity, maker_left, taker_left }
            } else {
                let (maker_id, side, price) = (maker.id, taker.side, maker.price);
                Event::Traded { maker: maker_id, taker: taker.id, side, price, quantity, maker_left, taker_left }
            });
        }
        let Resting { id, side, price, quantity, .. } = taker;
        match (quantity, reason) {
            (0, _) => {}
            (_, Some(reason)) => events.push(Event::Cancelled { id, quantity, reason }),
            (_, None) => {
                self.orders.push(taker);
                events.push(Event::Rested { id, side, price, quantity });
            }
        }
    }
}
