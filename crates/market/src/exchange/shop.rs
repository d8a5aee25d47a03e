//! One capability in memory: its open orders, and the book of those that have met.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::StoreError;

use crate::{
    book::{self, Book, Event, Kind, Refusal, Resting, Structure},
    model::{Capability, EndReason, Order, OrderId, OrderStatus, OrderType, TimeInForce},
};

/// A capability and its open orders. An order **waits** until it has met the others; then it rests in the book, which is never
/// crossed. Orders that wait have a higher priority than those in the book.
///
/// A shop is *whole* when it has all open orders. One that is not has those that a transaction asked for, all of them waiting,
/// and its book is of no use.
pub(super) struct Shop {
    pub(super) row: Capability,
    pub(super) is_whole: bool,
    pub(super) book: Book,
    /// Open orders by the number that the book knows them by.
    pub(super) live: HashMap<u64, Order>,
    numbers: HashMap<OrderId, u64>,
    /// By priority.
    waiting: BTreeMap<i64, u64>,
    owners: HashMap<OwnerId, u64>,
    next: u64,
    /// Orders that have ended, as far as this transaction knows them.
    ended: HashMap<OrderId, Order>,
    /// Orders that this transaction has placed.
    fresh: HashSet<OrderId>,
    /// Orders that this transaction has changed.
    changed: HashSet<OrderId>,
    /// How many orders more than before owners have open, by what this transaction has done.
    more: HashMap<OwnerId, i64>,
    /// Whether the row has to be written though no order has changed.
    pub(super) is_configured: bool,
}

/// The book contradicts itself, or the orders.
pub(super) fn broken(what: &str) -> StoreError {
    StoreError::Corrupt(format!("the book of a capability: {what}"))
}

/// A figure that a CHECK keeps above zero.
pub(super) fn unsigned(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}

/// A figure of the book, all of which come from orders.
pub(super) fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

impl Shop {
    /// A shop with these open orders, none of which has met another yet.
    pub(super) fn new(row: Capability, is_whole: bool, orders: Vec<Order>) -> Self {
        let mut shop = Self {
            row,
            is_whole,
            book: Book::with(Structure::Tree),
            live: HashMap::new(),
            numbers: HashMap::new(),
            waiting: BTreeMap::new(),
            owners: HashMap::new(),
            next: 1,
            ended: HashMap::new(),
            fresh: HashSet::new(),
            changed: HashSet::new(),
            more: HashMap::new(),
            is_configured: false,
        };
        orders.into_iter().for_each(|order| shop.learn(order));
        shop
    }

    /// Takes in an order as the database has it.
    pub(super) fn learn(&mut self, order: Order) {
        if self.numbers.contains_key(&order.id) {
            return;
        }
        if order.status.is_open() {
            let order = Order { capability: Arc::clone(&self.row.name), ..order };
            self.put_in(order);
        } else {
            self.ended.insert(order.id, order);
        }
    }

    fn put_in(&mut self, order: Order) -> u64 {
        let number = self.next;
        self.next += 1;
        self.numbers.insert(order.id, number);
        self.waiting.insert(order.priority, number);
        self.live.insert(number, order);
        number
    }

    /// Takes in a new order.
    pub(super) fn admit(&mut self, order: Order) -> u64 {
        self.fresh.insert(order.id);
        self.count(order.trader.owner, 1);
        self.put_in(order)
    }

    fn count(&mut self, owner: OwnerId, more: i64) {
        self.row.open_orders += more;
        *self.more.entry(owner).or_default() += more;
    }

    /// How many orders more than before an owner has open here, by what this transaction has done.
    pub(super) fn more_of(&self, owner: OwnerId) -> i64 {
        self.more.get(&owner).copied().unwrap_or_default()
    }

    /// The same of all owners; forgotten from then on.
    pub(super) fn take_more(&mut self) -> HashMap<OwnerId, i64> {
        std::mem::take(&mut self.more)
    }

    /// The priority of the next order.
    pub(super) const fn next_priority(&mut self) -> i64 {
        self.row.last_priority += 1;
        self.row.last_priority
    }

    pub(super) fn number(&self, id: OrderId) -> Option<u64> {
        self.numbers.get(&id).copied()
    }

    pub(super) fn open(&self, number: u64) -> Result<&Order, StoreError> {
        self.live.get(&number).ok_or_else(|| broken("an order is missing"))
    }

    /// An open order that is about to change.
    pub(super) fn change(&mut self, number: u64) -> Result<&mut Order, StoreError> {
        let order = self.live.get_mut(&number).ok_or_else(|| broken("an order is missing"))?;
        self.changed.insert(order.id);
        Ok(order)
    }

    /// An order, open or not, if this transaction knows it.
    pub(super) fn find(&self, id: OrderId) -> Option<&Order> {
        self.number(id).and_then(|number| self.live.get(&number)).or_else(|| self.ended.get(&id))
    }

    /// The order that waits and comes first.
    pub(super) fn first_waiting(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(_, number)| *number)
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &Order> {
        self.waiting.values().filter_map(|number| self.live.get(number))
    }

    pub(super) fn is_waiting(&self, order: &Order) -> bool {
        self.waiting.contains_key(&order.priority)
    }

    /// An order has met the others and rests in the book.
    pub(super) fn stop_waiting(&mut self, priority: i64) {
        self.waiting.remove(&priority);
    }

    /// An order goes behind all others: it waits, with a new priority.
    pub(super) fn send_back(&mut self, number: u64) -> Result<(), StoreError> {
        let priority = self.next_priority();
        let order = self.change(number)?;
        let old = std::mem::replace(&mut order.priority, priority);
        if self.waiting.remove(&old).is_none() {
            self.leave_book(number)?;
        }
        self.waiting.insert(priority, number);
        Ok(())
    }

    fn leave_book(&mut self, number: u64) -> Result<(), StoreError> {
        self.book.cancel(number, &mut Vec::new()).map_err(|refusal| broken(&refusal.to_string()))
    }

    /// An order ends. It has left the book already, or waits, or is taken out of the book if `is_resting`.
    pub(super) fn end(
        &mut self,
        number: u64,
        status: OrderStatus,
        reason: Option<EndReason>,
        now: Timestamp,
    ) -> Result<&Order, StoreError> {
        let mut order = self.live.remove(&number).ok_or_else(|| broken("an order is missing"))?;
        if self.waiting.remove(&order.priority).is_none() && self.book.get(number).is_some() {
            self.leave_book(number)?;
        }
        self.numbers.remove(&order.id);
        self.count(order.trader.owner, -1);
        self.changed.insert(order.id);
        order.cancelled += std::mem::take(&mut order.remaining);
        order.status = status;
        order.reason = reason;
        order.hold = None;
        order.updated_at = now;
        Ok(self.ended.entry(order.id).insert_entry(order).into_mut())
    }

    /// What the book is to know of an order that arrives.
    pub(super) fn arrival(&mut self, number: u64) -> Result<book::Order, StoreError> {
        let order = self.live.get(&number).ok_or_else(|| broken("an order is missing"))?;
        let owner = owner_number(&mut self.owners, order.trader.owner);
        let price = order.price.map(unsigned);
        let kind = match (order.order_type, price) {
            (OrderType::Limit, Some(price)) => Kind::Limit(price),
            (_, protection) => Kind::Market { protection },
        };
        let until = order.expires_at.map(|time| unsigned(time.micros()));
        let time_in_force = match (order.time_in_force, until) {
            (TimeInForce::Gtc, _) | (TimeInForce::Gtt, None) => book::TimeInForce::GoodTillCancelled,
            (TimeInForce::Gtt, Some(until)) => book::TimeInForce::GoodTill(until),
            (TimeInForce::Ioc, _) => book::TimeInForce::ImmediateOrCancel,
            (TimeInForce::Fok, _) => book::TimeInForce::FillOrKill,
            (TimeInForce::PostOnly, None) => book::TimeInForce::PostOnly,
            (TimeInForce::PostOnly, Some(until)) => book::TimeInForce::PostOnlyTill(until),
        };
        Ok(book::Order {
            id: number,
            owner,
            side: order.side,
            kind,
            quantity: unsigned(order.remaining),
            time_in_force,
            self_trade: order.self_trade,
        })
    }

    /// How much of an order that arrives would be filled by the first `makers_max` others; nothing if it does not meet more.
    pub(super) fn part(&self, order: &book::Order, makers_max: usize) -> Option<u64> {
        let limit = match order.kind {
            Kind::Limit(limit) => Some(limit),
            Kind::Market { protection } => protection,
        };
        let mut quantity = 0_u64;
        for (met, resting) in self.book.orders(order.side.opposite()).enumerate() {
            let is_over = quantity >= order.quantity || limit.is_some_and(|limit| !order.side.accepts(limit, resting.price));
            if is_over {
                return None;
            }
            if met == makers_max {
                return Some(quantity);
            }
            quantity = quantity.saturating_add(resting.quantity);
        }
        None
    }

    /// Tells the book the time. Returns the orders that it has let go.
    pub(super) fn expire(&mut self, now: Timestamp) -> Result<Vec<u64>, StoreError> {
        let mut events = Vec::new();
        self.book.expire(unsigned(now.micros()), &mut events).map_err(|refusal| broken(&refusal.to_string()))?;
        Ok(events.into_iter().filter_map(|event| if let Event::Cancelled { id, .. } = event { Some(id) } else { None }).collect())
    }

    /// Makes the book anew from the orders that rest in it: after something that was decided in it did not come to be.
    pub(super) fn restore(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut resting: Vec<_> = self.live.iter().filter(|(_, order)| !self.is_waiting(order)).collect();
        resting.sort_unstable_by_key(|(_, order)| order.priority);
        let orders: Vec<Resting> = resting
            .into_iter()
            .map(|(number, order)| Resting {
                id: *number,
                owner: self.owners.get(&order.trader.owner).copied().unwrap_or(0),
                side: order.side,
                price: order.price.map_or(0, unsigned),
                quantity: unsigned(order.remaining),
                expires_at: order.expires_at.map(|time| unsigned(time.micros())),
                post_only: order.time_in_force == TimeInForce::PostOnly,
                self_trade: order.self_trade,
            })
            .collect();
        let broken_by = |refusal: Refusal| broken(&refusal.to_string());
        self.book = Book::restore(Structure::Tree, orders).map_err(broken_by)?;
        self.book.expire(unsigned(now.micros()), &mut Vec::new()).map_err(broken_by)
    }

    /// Whether an owner's order would meet this one of its own.
    pub(super) fn is_of(&self, number: u64, owner: OwnerId) -> bool {
        self.live.get(&number).is_some_and(|order| order.trader.owner == owner)
    }

    /// What this transaction has to write: the row if it changed, new orders, changed orders. The shop is then as the database
    /// will be.
    pub(super) fn settle(&mut self) -> (Option<Capability>, Vec<Order>, Vec<Order>) {
        let (fresh, changed) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.changed));
        let find = |id: &OrderId| self.find(*id).cloned();
        let mut opened: Vec<Order> = fresh.iter().filter_map(find).collect();
        // In the order in which they were placed, and so will their rows be.
        opened.sort_unstable_by_key(|order| order.priority);
        let changed: Vec<Order> = changed.iter().filter(|id| !fresh.contains(id)).filter_map(find).collect();
        self.ended.clear();
        let is_same = opened.is_empty() && changed.is_empty() && !std::mem::take(&mut self.is_configured);
        if !is_same {
            self.row.version += 1;
        }
        ((!is_same).then(|| self.row.clone()), opened, changed)
    }
}

fn owner_number(owners: &mut HashMap<OwnerId, u64>, owner: OwnerId) -> u64 {
    let next = u64::try_from(owners.len()).unwrap_or(u64::MAX).saturating_add(1);
    *owners.entry(owner).or_insert(next)
}
