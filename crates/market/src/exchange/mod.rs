//! The exchange as a handle: what a program that embeds the market holds.

mod amend;
mod batch;
pub(crate) mod check;
mod desk;
mod gather;
mod meet;
mod place;
mod shop;
mod step;
mod stop;

use std::sync::Arc;

use gather::Gatherer;
use rialto_kernel::{Caller, Clock, Ppm, Timestamp};
use rialto_store::{Db, StoreError, Tx, idempotency::Stored};
pub(crate) use step::escrow;
pub use stop::{resume_trading, stop_trading};

use crate::{
    book::Side,
    error::MarketError,
    model::{Amendment, Capability, Keyed, NewOrder, Once, Order, OrderId, Placed, SettingsChange, Trade},
    store::MarketStore,
};

/// How an exchange works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeOptions {
    /// What the house takes of a trade where the capability says nothing.
    pub fee: Ppm,
    /// The most orders that a capability may have open. A book has to fit into memory.
    pub orders_max: u32,
    /// The most orders that an owner may have open, of all capabilities together. What is stopped with an agent ends in one
    /// transaction, which this bounds.
    pub orders_per_owner_max: u32,
    /// The most open orders that all books in memory have together. The books of other capabilities are forgotten.
    pub cached_orders_max: usize,
}

impl Default for ExchangeOptions {
    fn default() -> Self {
        Self { fee: Ppm::default(), orders_max: 100_000, orders_per_owner_max: 2_000, cached_orders_max: 200_000 }
    }
}

/// An exchange: cheap to clone, shared by everything in the process.
///
/// What is asked for at the same time is done in one transaction, in the order in which it came. Several processes may have
/// one on the same database.
#[derive(Clone)]
pub struct Exchange {
    db: Db,
    clock: Clock,
    gatherer: Gatherer,
}

/// What is asked of the exchange.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Place(NewOrder, Option<Keyed<Placed>>),
    Cancel { caller: Caller, order: OrderId },
    Amend { caller: Caller, order: OrderId, amendment: Amendment },
    Match { capability: Arc<str>, tick: i64, keyed: Option<Keyed<Vec<Trade>>> },
    Expire(OrderId),
    Withdraw(OrderId),
    Configure { capability: Arc<str>, change: SettingsChange },
}

/// What it came to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Placed { placed: Box<Placed>, is_done: bool },
    Replayed(Stored),
    Order(Box<Order>),
    Matched { trades: Vec<Trade>, is_done: bool },
    Capability(Capability),
}

impl<T> Once<T> {
    /// What was done under no key.
    fn now(self) -> Result<T, MarketError> {
        if let Self::Now(done) = self { Ok(done) } else { Err(odd()) }
    }
}

impl Answer {
    fn into_order(self) -> Result<Order, MarketError> {
        if let Self::Order(order) = self { Ok(*order) } else { Err(odd()) }
    }
}

fn odd() -> MarketError {
    StoreError::Corrupt("an answer to another question".into()).into()
}

/// The most trades that one call of [`Exchange::match_orders`] makes, about.
const MATCH_TRADES_MAX: usize = 10_000;

/// How often an order that could not be matched at once is tried, with a match of what waits before each time but the first.
const BUSY_MAX: usize = 4;

impl Exchange {
    /// An exchange over a database whose schema is up to date. Call it within a tokio runtime.
    #[must_use]
    pub fn new(db: Db, clock: Clock, options: ExchangeOptions) -> Self {
        let gatherer = Gatherer::start(&db, &clock, options);
        Self { db, clock, gatherer }
    }

    /// Places an order. A bid has its money held for as long as it rests; a trade pays at the maker's price, and what the bid
    /// does not need it has back.
    ///
    /// Orders rest until [`Exchange::match_orders`], also where a bid reaches an ask. They trade as they arrive, after what waited
    /// before them, if the capability is [continuous](Settings::continuous), the order is [immediate](NewOrder::immediate), or it
    /// cannot rest (a market order, immediate-or-cancel, fill-or-kill). A limit bid takes price times quantity to be available
    /// in any case; a market bid what it would cost, which with a price is at most that.
    ///
    /// Takes the owner of the agent, or an administrator.
    ///
    /// # Errors
    /// [`MarketError::Invalid`], [`MarketError::Forbidden`], [`MarketError::IdMismatch`], [`MarketError::AgentStopped`],
    /// [`MarketError::BookFull`], [`MarketError::TooManyOrders`], [`MarketError::Busy`], [`MarketError::InsufficientFunds`], [`MarketError::WalletNotOpen`], [`MarketError::AgentUnknown`] when
    /// there is no such wallet. An order that is placed and comes to nothing is no error: see [`Order::status`].
    pub async fn place(&self, caller: &Caller, new: NewOrder) -> Result<Placed, MarketError> {
        self.try_place(caller, new, None).await?.now()
    }

    /// Places an order like [`Exchange::place`], once for an idempotency key: the answer is kept in the transaction that places
    /// it, and is given again to whoever repeats the request. A refusal leaves the key free.
    ///
    /// An order that meets very many others has several turns, each a transaction. The whole answer is kept before it is given;
    /// who repeats the request before that, or after the process has died between two turns, is given that of the first turn.
    ///
    /// # Errors
    /// Those of [`Exchange::place`], then [`MarketError::KeyReused`] and [`MarketError::KeyRunning`].
    pub async fn place_once(&self, caller: &Caller, new: NewOrder, keyed: Keyed<Placed>) -> Result<Once<Placed>, MarketError> {
        self.try_place(caller, new, Some(keyed)).await
    }

    async fn try_place(&self, caller: &Caller, new: NewOrder, keyed: Option<Keyed<Placed>>) -> Result<Once<Placed>, MarketError> {
        check::order(&new)?;
        if !caller.may_write(new.trader.owner) {
            return Err(MarketError::Forbidden("Only its owner may trade for this agent."));
        }
        let tick = new.tick;
        for _ in 0..BUSY_MAX {
            match self.finish(Request::Place(new.clone(), keyed.clone()), tick).await {
                Err(MarketError::Busy) => drop(self.match_orders(&new.capability, tick).await?),
                placed => return placed,
            }
        }
        Err(MarketError::Busy)
    }

    /// Cancels an open order; its money is free. Takes its owner or an administrator.
    ///
    /// # Errors
    /// [`MarketError::OrderUnknown`], [`MarketError::Forbidden`], [`MarketError::OrderNotOpen`].
    pub async fn cancel(&self, caller: &Caller, order: OrderId) -> Result<Order, MarketError> {
        self.ask(Request::Cancel { caller: *caller, order }).await?.into_order()
    }

    /// Gives an open order another price, another quantity, or both. Where orders trade as they arrive it may trade.
    ///
    /// # Errors
    /// Those of [`Exchange::cancel`], then [`MarketError::Invalid`], [`MarketError::WouldTrade`], [`MarketError::Busy`],
    /// [`MarketError::InsufficientFunds`], [`MarketError::WalletNotOpen`]; the order is as it was then.
    pub async fn amend(&self, caller: &Caller, order: OrderId, amendment: Amendment) -> Result<Placed, MarketError> {
        check::amendment(&amendment)?;
        self.finish(Request::Amend { caller: *caller, order, amendment }, 0).await?.now()
    }

    /// Lets the orders of a capability meet, in the order in which they were placed, and returns their trades. After it no
    /// bid reaches an ask, unless there were very many: then ask again. Everybody may; nobody can gain by it.
    ///
    /// # Errors
    /// [`MarketError::Invalid`], [`MarketError::Store`].
    pub async fn match_orders(&self, capability: &str, tick: i64) -> Result<Vec<Trade>, MarketError> {
        self.turns(capability, tick, None).await?.now()
    }

    /// The same for somebody who asks from outside, and once for an idempotency key, if there is one. Takes a caller who may
    /// change things at all. As for [`Exchange::place_once`], very many trades are several turns.
    ///
    /// # Errors
    /// Those of [`Exchange::match_orders`], then [`MarketError::Forbidden`], [`MarketError::KeyReused`] and
    /// [`MarketError::KeyRunning`].
    pub async fn match_for(
        &self,
        caller: &Caller,
        capability: &str,
        tick: i64,
        keyed: Option<Keyed<Vec<Trade>>>,
    ) -> Result<Once<Vec<Trade>>, MarketError> {
        if !caller.may_write(caller.owner) {
            return Err(MarketError::Forbidden("This account may only read."));
        }
        self.turns(capability, tick, keyed).await
    }

    async fn turns(
        &self,
        capability: &str,
        tick: i64,
        keyed: Option<Keyed<Vec<Trade>>>,
    ) -> Result<Once<Vec<Trade>>, MarketError> {
        check::text("capability", capability)?;
        let capability: Arc<str> = capability.into();
        let (mut trades, mut first) = (Vec::new(), keyed.clone());
        let mut turns = 0;
        loop {
            let request = Request::Match { capability: Arc::clone(&capability), tick, keyed: first.take() };
            let is_done = match self.ask(request).await? {
                Answer::Matched { trades: more, is_done } => {
                    trades.extend(more);
                    is_done
                }
                Answer::Replayed(stored) => return Ok(Once::Replayed(stored)),
                _ => return Err(odd()),
            };
            turns += 1;
            if is_done || trades.len() >= MATCH_TRADES_MAX {
                break;
            }
        }
        if turns > 1 {
            self.keep(keyed, &trades).await?;
        }
        Ok(Once::Now(trades))
    }

    /// Keeps the whole answer under its key, in place of what the first turn has left there.
    async fn keep<T>(&self, keyed: Option<Keyed<T>>, whole: &T) -> Result<(), MarketError> {
        let Some(Keyed { key, render }) = keyed else { return Ok(()) };
        let answer = render(whole);
        Ok(self.db.write(async move |tx: &mut Tx| tx.replace_answer(&key, &answer).await).await?)
    }

    /// Says how a capability is traded; what is not named stays. What waits in one that becomes continuous is matched. Takes an administrator.
    ///
    /// # Errors
    /// [`MarketError::Invalid`], [`MarketError::Forbidden`].
    pub async fn configure(&self, caller: &Caller, capability: &str, change: SettingsChange) -> Result<Capability, MarketError> {
        check::text("capability", capability)?;
        if !caller.is_admin() {
            return Err(MarketError::Forbidden("Only an administrator may say how a capability is traded."));
        }
        match self.ask(Request::Configure { capability: capability.into(), change }).await? {
            Answer::Capability(capability) => Ok(capability),
            _ => Err(odd()),
        }
    }

    /// Ends open orders whose time is up, at most `limit` of them, and returns how many. Call it from time to time, and again at
    /// once while it returns as many as it may. An order whose time is up does not trade, whether this was called or not.
    ///
    /// # Errors
    /// [`MarketError::Store`].
    pub async fn expire_due(&self, limit: u32) -> Result<usize, MarketError> {
        let now: Timestamp = self.clock.now();
        let due = self.db.read(async move |tx: &mut Tx| tx.due_orders(now, limit).await).await?;
        let mut asked = Vec::with_capacity(due.len());
        for order in due {
            asked.push(self.gatherer.submit(Request::Expire(order)).await?);
        }
        let mut expired = 0;
        for answer in asked {
            match answer.wait().await {
                Ok(_) => expired += 1,
                // Somebody was faster.
                Err(MarketError::OrderNotOpen(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    /// Has an order arrive. One that met very many others has more turns.
    async fn finish(&self, request: Request, tick: i64) -> Result<Once<Placed>, MarketError> {
        let keyed = if let Request::Place(_, keyed) = &request { keyed.clone() } else { None };
        let (mut placed, is_done) = match self.ask(request).await? {
            Answer::Placed { placed, is_done } => (placed, is_done),
            Answer::Replayed(stored) => return Ok(Once::Replayed(stored)),
            _ => return Err(odd()),
        };
        if !is_done {
            placed.trades.extend(self.match_orders(&placed.order.capability, tick).await?);
            let id = placed.order.id;
            let found = self.db.read(async move |tx: &mut Tx| tx.find_orders(&[id]).await).await?.pop();
            placed.order = found.ok_or(MarketError::OrderUnknown(id))?;
            self.keep(keyed, &placed).await?;
        }
        Ok(Once::Now(*placed))
    }

    async fn ask(&self, request: Request) -> Result<Answer, MarketError> {
        self.gatherer.submit(request).await?.wait().await
    }
}

/// Credits for `quantity` units, where both are known to be in range.
pub(crate) fn value(price: i64, quantity: i64) -> i64 {
    price.saturating_mul(quantity)
}

/// Of two orders that meet, the bid and then the ask.
pub(crate) const fn bid_and_ask<T: Copy>(taker: T, maker: T, side: Side) -> (T, T) {
    match side {
        Side::Bid => (taker, maker),
        Side::Ask => (maker, taker),
    }
}
