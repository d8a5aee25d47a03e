//! Where requests are served, one after the other, within one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::{
    StoreError,
    idempotency::{Claim, Stored},
};

use super::{
    Answer, Request,
    meet::Till,
    shop::{Shop, broken},
};
use crate::{
    error::MarketError,
    model::{EndReason, Keyed, Order, OrderId, OrderStatus, SettingsChange, Trade},
    store::MarketStore,
};

/// The answer that was given before under this key.
pub(super) async fn answered<T>(tx: &mut impl MarketStore, keyed: Option<&Keyed<T>>) -> Result<Option<Stored>, MarketError> {
    let Some(Keyed { key, .. }) = keyed else { return Ok(None) };
    // Requests for one capability take turns, and a repeat is for the same one: what its rival did can be seen by now.
    match tx.find_answer(key).await? {
        None => Ok(None),
        Some(Claim::Done(stored)) => Ok(Some(stored)),
        Some(Claim::Mismatch) => Err(MarketError::KeyReused),
        Some(Claim::Running | Claim::Fresh) => Err(MarketError::KeyRunning),
    }
}

/// Keeps an answer under its key.
pub(super) async fn keep<T>(
    tx: &mut impl MarketStore,
    keyed: Option<&Keyed<T>>,
    answer: &T,
    now: Timestamp,
) -> Result<(), MarketError> {
    let Some(Keyed { key, render }) = keyed else { return Ok(()) };
    Ok(tx.keep_answer(key, &render(answer), now).await?)
}

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
            Request::Match { capability, tick, keyed } => {
                if let Some(stored) = answered(tx, keyed.as_ref()).await? {
                    return Ok(Answer::Replayed(stored));
                }
                let before = self.till.trades.len();
                // What nobody has traded has nothing to match.
                let is_done = match self.shops.get_mut(capability) {
                    Some(shop) => self.till.meet(tx, shop, *tick).await?,
                    None => true,
                };
                let trades = self.trades_since(before);
                keep(tx, keyed.as_ref(), &trades, self.till.now).await?;
                Ok(Answer::Matched { trades, is_done })
            }
            Request::Configure { capability, change } => self.configure(tx, capability, *change).await,
        }
    }

    async fn configure(
        &mut self,
        tx: &mut impl MarketStore,
        capability: &Arc<str>,
        change: SettingsChange,
    ) -> Result<Answer, MarketError> {
        let shop = self.shops.get_mut(capability).ok_or_else(|| broken("it is not there"))?;
        shop.row.settings = change.of(shop.row.settings);
        shop.is_configured = true;
        if change.continuous == Some(true) {
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
