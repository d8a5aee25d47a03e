//! Placing an order.

use std::sync::Arc;

use rialto_kernel::{Amount, Event as Fact, Id};
use rialto_ledger::{AccountState, HoldId};
use rialto_store::StoreError;
use serde_json::json;

use super::{
    Answer, check,
    desk::Desk,
    meet::Till,
    shop::{Shop, broken, signed},
    step,
};
use crate::{
    book::{SelfTrade, Side},
    error::MarketError,
    model::{NewOrder, Order, OrderStatus, OrderType, Placed, TimeInForce},
    store::MarketStore,
};

/// Whether an order trades as it arrives.
pub(super) fn is_at_once(new: &NewOrder, is_continuous: bool) -> bool {
    is_continuous || new.immediate || !may_rest(new.time_in_force)
}

/// What does not trade at once waits. A market order has a time in force that does not.
const fn may_rest(time_in_force: TimeInForce) -> bool {
    !matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
}

/// Whether what is left of an order waits for others.
pub(super) const fn rests(order: &Order) -> bool {
    may_rest(order.time_in_force)
}

impl Desk {
    pub(super) async fn place(&mut self, tx: &mut impl MarketStore, new: &NewOrder) -> Result<Answer, MarketError> {
        let fingerprint = check::fingerprint(new);
        if let Some(order) = self.placed_before(new)? {
            if order.fingerprint != fingerprint {
                return Err(MarketError::IdMismatch);
            }
            let placed = Placed { order, trades: Vec::new(), existed: true };
            return Ok(Answer::Placed { placed: Box::new(placed), is_done: true });
        }
        if self.stopped.contains(&new.trader.agent) {
            return Err(MarketError::AgentStopped(new.trader.agent));
        }
        check::time(new, self.till.now)?;
        let before = self.till.trades.len();
        let shop = self.shops.get_mut(new.capability.as_str()).ok_or_else(|| broken("it is not there"))?;
        let at_once = is_at_once(new, shop.row.settings.continuous);
        if at_once && !self.till.meet(tx, shop, new.tick).await? {
            return Err(MarketError::Busy);
        }
        if may_rest(new.time_in_force) {
            if shop.row.open_orders >= self.orders_max {
                return Err(MarketError::BookFull);
            }
            if self.open_of(new.trader.owner) >= self.orders_per_owner_max {
                return Err(MarketError::TooManyOrders(self.orders_per_owner_max));
            }
        }
        let shop = self.shops.get_mut(new.capability.as_str()).ok_or_else(|| broken("it is not there"))?;
        let mut order = order(new, fingerprint, shop, &self.till);
        order.hold = self.till.fund(shop, new, &order, at_once)?;
        order.priority = shop.next_priority();
        let id = order.id;
        self.till.facts.push(placed(&order));
        self.homes.insert(id, Arc::clone(&shop.row.name));
        if let Some(client_order_id) = &order.client_order_id {
            self.clients.insert((order.trader.agent, client_order_id.clone()), id);
        }
        let number = shop.admit(order);
        if at_once {
            self.till.arrive(tx, shop, number, new.tick).await?;
        }
        let is_done = !at_once || shop.first_waiting().is_none();
        let placed = Placed { order: self.order(id)?, trades: self.trades_since(before), existed: false };
        Ok(Answer::Placed { placed: Box::new(placed), is_done })
    }

    /// The order that has one of the ids already.
    fn placed_before(&self, new: &NewOrder) -> Result<Option<Order>, StoreError> {
        let by_id = new.id.filter(|id| self.homes.contains_key(id));
        let by_client = || self.clients.get(&(new.trader.agent, new.client_order_id.clone()?)).copied();
        by_id.or_else(by_client).map(|id| self.order(id)).transpose()
    }
}

fn order(new: &NewOrder, fingerprint: i64, shop: &Shop, till: &Till) -> Order {
    Order {
        id: new.id.unwrap_or_else(Id::new),
        trader: new.trader,
        capability: Arc::clone(&shop.row.name),
        side: new.side,
        order_type: new.order_type,
        time_in_force: new.time_in_force,
        price: new.price,
        quantity: new.quantity,
        remaining: new.quantity,
        filled: 0,
        cancelled: 0,
        status: OrderStatus::Open,
        reason: None,
        priority: 0,
        self_trade: new.self_trade,
        hold: None,
        client_order_id: new.client_order_id.clone(),
        fingerprint,
        expires_at: new.expires_at,
        tick: new.tick,
        created_at: till.now,
        updated_at: till.now,
    }
}

fn placed(order: &Order) -> Fact {
    let data = json!({
        "order_id": order.id,
        "agent_id": order.trader.agent,
        "side": order.side.as_str(),
        "capability": *order.capability,
        "price": order.price,
        "quantity": order.quantity,
    });
    Fact { kind: "order.placed", subject: order.id.uuid(), owner: Some(order.trader.owner), data, at: order.created_at }
}

impl Till {
    /// Sees to the money of a new order. One that rests before it meets anybody has it held at once; for one that trades as it
    /// arrives it has to be there, and is held when it comes to rest.
    fn fund(&mut self, shop: &Shop, new: &NewOrder, order: &Order, at_once: bool) -> Result<Option<HoldId>, MarketError> {
        let trader = new.trader;
        let account = self.plan.account(trader.account);
        let is_own =
            |account: &&rialto_ledger::Account| account.agent == Some(trader.agent) && account.owner == Some(trader.owner);
        let account = account.filter(is_own).ok_or(MarketError::AgentUnknown(trader.agent))?;
        if account.state != AccountState::Open {
            return Err(MarketError::WalletNotOpen(account.state));
        }
        if new.side == Side::Ask {
            return Ok(None);
        }
        let asked = match (new.order_type, new.price) {
            (OrderType::Limit, Some(price)) => check::total(price, new.quantity)?,
            _ => cost(shop, new),
        };
        if !account.covers(asked) {
            return Err(MarketError::InsufficientFunds { available: account.available(), asked });
        }
        if at_once {
            return Ok(None);
        }
        let (id, command) = step::hold(order, order.remaining)?;
        self.plan.run(&command)?;
        Ok(Some(id))
    }
}

/// What a market bid would cost now, or the largest amount there is if it is more than that.
fn cost(shop: &Shop, new: &NewOrder) -> Amount {
    let (mut cost, mut left) = (0_i64, new.quantity);
    for ask in shop.book.orders(Side::Ask) {
        let (price, quantity) = (signed(ask.price), left.min(signed(ask.quantity)));
        if left == 0 || new.price.is_some_and(|limit| price > limit) {
            break;
        }
        if shop.is_of(ask.id, new.trader.owner) {
            match new.self_trade {
                SelfTrade::CancelNewest | SelfTrade::CancelBoth => break,
                SelfTrade::CancelOldest => continue,
                SelfTrade::Decrement => {}
            }
        } else {
            cost = cost.saturating_add(super::value(price, quantity));
        }
        left -= quantity;
    }
    Amount::new(cost).unwrap_or(Amount::MAX)
}
