//! Where requests are served, one after the other, within one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rialto_kernel::{AgentId, OwnerId};
use rialto_store::StoreError;

use super::{
    Answer, Request,
    meet::Till,
    shop::{Shop, broken},
};
use crate::{
    error::MarketError,
    model::{EndReason, Order, OrderId, OrderStatus, Settings, Trade},
    store::MarketStore,
};

/// The capabilities that a transaction has locked, with what it needs of their orders, and the money.
pub(super) struct Desk {
    pub(super) till: Till,
    pub(super) shops: HashMap<Arc<str>, Shop>,
    /// In which capability an order is, for those that were asked for.
    pub(super) homes: HashMap<OrderId, Arc<str>>,
    /// The orders behind the ids that clients gave.
    pub(super) clients: HashMap<(AgentId, String), OrderId>,
    /// How many orders a capability may have open.
    pub(super) orders_max: i64,
    /// How many open orders the owners of those who place orders had before.
    pub(super) open_orders: HashMap<OwnerId, i64>,
    /// How many an owner may have.
    pub(super) orders_per_owner_max: i64,
    /// Those of the agents who place orders that may not.
    pub(super) stopped: HashSet<AgentId>,
}

impl Desk {
    /// Serves a request. A refusal leaves everything as it was, but for what was matched before; after a failure of the store
    /// the transaction is lost.
    pub(super) async fn serve(&mut self, tx: &mut impl MarketStore, request: &Request) -> Result<Answer, MarketError> {
        match request {
            Request::Place(new, keyed) => self.place_once(tx, new, keyed.as_ref()).await,
            Request::Amend { caller, order, amendment } => self.amend(tx, caller, *order, *amendment).await,
            Request::Cancel { caller, order } => {
                let (till, shop, number) = self.open(*order)?;
                if !caller.may_write(shop.open(number)?.trader.owner) {
                    return Err(MarketError::Forbidden("Only its owner may cancel an order."));
                }
                till.end(tx, shop, number, OrderStatus::Cancelled, EndReason::Requested).await?;
                Ok(Answer::Order(Box::new(self.order(*order)?)))
            }
            Request::Withdraw(order) => {
                let (till, shop, number) = self.open(*order)?;
                till.end(tx, shop, number, OrderStatus::Cancelled, EndReason::AgentStopped).await?;
                Ok(Answer::Order(Box::new(self.order(*order)?)))
            }
            Request::Expire(order) => {
                let (till, shop, number) = self.open(*order)?;
                if shop.open(number)?.is_due(till.now) {
                    till.end(tx, shop, number, OrderStatus::Expired, EndReason::Expired).await?;
                }
                Ok(Answer::Order(Box::new(self.order(*order)?)))
            }
            Request::Match { capability, tick } => {
                let before = self.till.trades.len();
                let Some(shop) = self.shops.get_mut(capability) else {
                    return Ok(Answer::Matched { trades: Vec::new(), is_done: true });
                };
                let is_done = self.till.meet(tx, shop, *tick).await?;
                Ok(Answer::Matched { trades: self.trades_since(before), is_done })
            }
            Request::Configure { capability, settings } => self.configure(tx, capability, *settings).await,
        }
    }

    async fn configure(
        &mut self,
        tx: &mut impl MarketStore,
        capability: &Arc<str>,
        settings: Settings,
    ) -> Result<Answer, MarketError> {
        let shop = self.shops.get_mut(capability).ok_or_else(|| broken("it is not there"))?;
        shop.row.settings = settings;
        shop.is_configured = true;
        if settings.continuous {
            self.till.meet(tx, shop, 0).await?;
        }
        Ok(Answer::Capability(shop.row.clone()))
    }

    /// The till, and the shop of an open order with its number there.
    pub(super) fn open(&mut self, id: OrderId) -> Result<(&mut Till, &mut Shop, u64), MarketError> {
        let home = self.homes.get(&id).ok_or(MarketError::OrderUnknown(id))?;
        let shop = self.shops.get_mut(home).ok_or_else(|| broken("it is not there"))?;
        let number = shop.number(id);
        let status = shop.find(id).map(|order| order.status);
        match (number, status) {
            (Some(number), _) => Ok((&mut self.till, shop, number)),
            (None, Some(status)) => Err(MarketError::OrderNotOpen(status)),
            (None, None) => Err(MarketError::OrderUnknown(id)),
        }
    }

    /// How many orders an owner has open by now.
    pub(super) fn open_of(&self, owner: OwnerId) -> i64 {
        let before = self.open_orders.get(&owner).copied().unwrap_or_default();
        before + self.shops.values().map(|shop| shop.more_of(owner)).sum::<i64>()
    }

    /// An order as it is by now.
    pub(super) fn order(&self, id: OrderId) -> Result<Order, StoreError> {
        let shop = self.homes.get(&id).and_then(|home| self.shops.get(home));
        shop.and_then(|shop| shop.find(id)).cloned().ok_or_else(|| broken("an order is missing"))
    }

    pub(super) fn trades_since(&self, before: usize) -> Vec<Trade> {
        self.till.trades.get(before..).unwrap_or_default().to_vec()
    }
}
