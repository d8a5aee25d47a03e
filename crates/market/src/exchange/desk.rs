//! Where requests are served, one after the other, within one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rialto_kernel::{AgentId, OwnerId};
use rialto_store::{
    StoreError,
    idempotency::{Claim, Key, Record, Stored},
};

use super::{
    Answer, Request,
    meet::Till,
    shop::{Shop, broken},
};
use crate::{
    error::MarketError,
    model::{EndReason, Keyed, NewOrder, Order, OrderId, OrderStatus, Placed, SettingsChange, Trade},
    store::MarketStore,
};

/// What is kept under idempotency keys: read under the locks, and added to by the requests of this transaction.
#[derive(Default)]
pub(super) struct Kept {
    known: HashMap<(String, String), Record>,
    fresh: Vec<(Key, Stored)>,
}

impl Kept {
    pub(super) fn new(keys: Vec<Key>, found: Vec<Option<Record>>) -> Self {
        let known = keys.into_iter().zip(found).filter_map(|(key, record)| Some(((key.scope, key.key), record?)));
        Self { known: known.collect(), fresh: Vec::new() }
    }

    /// The answer that was given before under this key.
    fn given<T>(&self, keyed: Option<&Keyed<T>>) -> Result<Option<Stored>, MarketError> {
        let Some(Keyed { key, .. }) = keyed else { return Ok(None) };
        // Requests for one capability take turns, and a repeat is for the same one: what its rival did can be seen by now.
        match self.known.get(&(key.scope.clone(), key.key.clone())).map(|record| record.claim(key)) {
            None => Ok(None),
            Some(Claim::Done(stored)) => Ok(Some(stored)),
            Some(Claim::Mismatch) => Err(MarketError::KeyReused),
            Some(Claim::Running | Claim::Fresh) => Err(MarketError::KeyRunning),
        }
    }

    /// Keeps an answer under its key.
    fn keep<T>(&mut self, keyed: Option<&Keyed<T>>, answer: &T) {
        let Some(Keyed { key, render }) = keyed else { return };
        let answer = render(answer);
        let record = Record { fingerprint: key.fingerprint.clone(), answer: Some(answer.clone()) };
        self.known.insert((key.scope.clone(), key.key.clone()), record);
        self.fresh.push((key.clone(), answer));
    }

    /// Those that are to be written.
    pub(super) fn into_fresh(self) -> Vec<(Key, Stored)> {
        self.fresh
    }
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
    /// What is kept under idempotency keys.
    pub(super) answers: Kept,
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
                if let Some(stored) = self.answers.given(keyed.as_ref())? {
                    return Ok(Answer::Replayed(stored));
                }
                let before = self.till.trades.len();
                // What nobody has traded has nothing to match.
                let is_done = match self.shops.get_mut(capability) {
                    Some(shop) => self.till.meet(tx, shop, *tick).await?,
                    None => true,
                };
                let trades = self.trades_since(before);
                self.answers.keep(keyed.as_ref(), &trades);
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

    /// Places an order, unless its key has an answer already; keeps the answer under the key.
    async fn place_once(
        &mut self,
        tx: &mut impl MarketStore,
        new: &NewOrder,
        keyed: Option<&Keyed<Placed>>,
    ) -> Result<Answer, MarketError> {
        if let Some(stored) = self.answers.given(keyed)? {
            return Ok(Answer::Replayed(stored));
        }
        let answer = self.place(tx, new).await?;
        if let Answer::Placed { placed, .. } = &answer {
            self.answers.keep(keyed, placed);
        }
        Ok(answer)
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
