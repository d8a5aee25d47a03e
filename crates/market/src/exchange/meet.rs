//! Orders meet: the book says who trades with whom, the ledger whether it can be paid, and only then anything has happened.

use rialto_kernel::{Event as Fact, Ppm, Timestamp};
use rialto_ledger::{AccountState, Command, GroupError, LedgerError, plan::Plan};
use rialto_store::StoreError;
use serde_json::json;

use super::{
    place::rests,
    shop::{Shop, broken, signed},
    step::Step,
};
use crate::{
    book::{Event, Reason, Refusal, TimeInForce},
    delivery,
    error::MarketError,
    model::{EndReason, Order, OrderStatus, Trade},
    store::MarketStore,
};

/// How many others an order meets in one turn at most: a transaction has to end in time, however many there are.
const MAKERS_MAX: usize = 1_000;
/// How many orders arrive for the sake of one request.
const ARRIVALS_MAX: usize = 10_000;
/// After so many trades a transaction lets no more waiting orders arrive: they have to wait for the next one.
const TRADES_MAX: usize = 2_000;

/// The money and the tape of one transaction.
pub(super) struct Till {
    pub(super) now: Timestamp,
    /// What the house takes where the capability says nothing.
    pub(super) fee: Ppm,
    pub(super) plan: Plan,
    pub(super) trades: Vec<Trade>,
    pub(super) facts: Vec<Fact>,
}

impl Till {
    /// Lets an order that waits arrive: it trades, and what is left of it rests or ends. One that meets more than
    /// [`MAKERS_MAX`] others, and may rest, waits for its next turn.
    pub(super) async fn arrive(
        &mut self,
        tx: &mut impl MarketStore,
        shop: &mut Shop,
        taker: u64,
        tick: i64,
    ) -> Result<(), MarketError> {
        let mut events = Vec::new();
        // Each round that the ledger refuses ends at least one order.
        while shop.live.contains_key(&taker) {
            events.clear();
            let mut order = shop.arrival(taker)?;
            let rests = rests(shop.open(taker)?);
            let part = shop.part(&order, MAKERS_MAX);
            if let Some(part) = part {
                if order.time_in_force == TimeInForce::FillOrKill {
                    return self.end(tx, shop, taker, OrderStatus::Cancelled, EndReason::NotFillable).await;
                }
                (order.quantity, order.time_in_force) = (part, TimeInForce::ImmediateOrCancel);
            }
            let ended = match shop.book.place(&order, &mut events) {
                Ok(()) => None,
                Err(Refusal::WouldTrade) => Some((OrderStatus::Rejected, EndReason::WouldTrade)),
                Err(Refusal::AlreadyExpired) => Some((OrderStatus::Expired, EndReason::Expired)),
                Err(Refusal::QuantityOverflow | Refusal::Full) => Some((OrderStatus::Rejected, EndReason::BookFull)),
                Err(refusal) => return Err(broken(&refusal.to_string()).into()),
            };
            if let Some((status, reason)) = ended {
                return self.end(tx, shop, taker, status, reason).await;
            }
            let unfilled = |event: &Event| matches!(event, Event::Cancelled { id, reason: Reason::Unfilled, .. } if *id == taker);
            if part.is_some() && events.last().is_some_and(unfilled) {
                events.pop();
            }
            let step = Step::of(shop, taker, &events, self, tick)?;
            self.plan.extend(tx, &step.accounts, &step.voided).await?;
            match self.plan.run_linked(&step.commands) {
                Ok(_) => {
                    self.happen(shop, taker, &events, step)?;
                    if part.is_some() && !rests && shop.live.contains_key(&taker) {
                        self.ended(shop, taker, OrderStatus::Cancelled, EndReason::Unfilled)?;
                    }
                    return Ok(());
                }
                Err(GroupError { source: LedgerError::Store(error), .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::info!(%error.source, capability = %shop.row.name, "a trade was refused by the ledger");
                    let culprit = step.culprit(shop, &error)?;
                    shop.restore(self.now)?;
                    self.expel(tx, shop, culprit).await?;
                }
            }
        }
        Ok(())
    }

    /// Lets what waits arrive, in its order, after what has expired is gone. Whether nothing waits any more.
    pub(super) async fn meet(&mut self, tx: &mut impl MarketStore, shop: &mut Shop, tick: i64) -> Result<bool, MarketError> {
        for number in shop.expire(self.now)? {
            self.end(tx, shop, number, OrderStatus::Expired, EndReason::Expired).await?;
        }
        for _ in 0..ARRIVALS_MAX {
            match shop.first_waiting() {
                Some(number) if self.trades.len() < TRADES_MAX => self.arrive(tx, shop, number, tick).await?,
                Some(_) => return Ok(false),
                None => return Ok(true),
            }
        }
        Ok(shop.first_waiting().is_none())
    }

    /// Ends an order that the ledger refused, and with it all others of the same wallet that it would refuse as well.
    async fn expel(&mut self, tx: &mut impl MarketStore, shop: &mut Shop, culprit: u64) -> Result<(), MarketError> {
        let (account, side) = (shop.open(culprit)?.trader.account, shop.open(culprit)?.side);
        let is_open = self.plan.account(account).is_some_and(|account| account.state == AccountState::Open);
        let mut numbers = vec![culprit];
        if !is_open {
            let same = |order: &Order| order.trader.account == account && order.side == side;
            numbers = shop.live.iter().filter(|(_, order)| same(order)).map(|(number, _)| *number).collect();
            numbers.sort_unstable();
        }
        for number in numbers {
            self.end(tx, shop, number, OrderStatus::Cancelled, EndReason::MoneyRefused).await?;
        }
        Ok(())
    }

    /// Ends an open order, and gives its money back.
    pub(super) async fn end(
        &mut self,
        tx: &mut impl MarketStore,
        shop: &mut Shop,
        number: u64,
        status: OrderStatus,
        reason: EndReason,
    ) -> Result<(), MarketError> {
        if let Some(hold) = shop.open(number)?.hold {
            self.plan.extend(tx, &[], &[hold]).await?;
            match self.plan.run(&Command::Void(hold)) {
                Ok(_) => {}
                Err(LedgerError::Store(error)) => return Err(error.into()),
                // Nobody else should have touched it. The order ends all the same.
                Err(error) => tracing::error!(%error, %hold, "the money of an order was not held any more"),
            }
        }
        Ok(self.ended(shop, number, status, reason)?)
    }

    /// Ends an open order whose money is back.
    fn ended(&mut self, shop: &mut Shop, number: u64, status: OrderStatus, reason: EndReason) -> Result<(), StoreError> {
        let order = shop.end(number, status, Some(reason), self.now)?;
        let data = json!({
            "order_id": order.id,
            "agent_id": order.trader.agent,
            "side": order.side.as_str(),
            "capability": *order.capability,
            "price": order.price,
            "quantity": order.cancelled,
            "status": status.as_str(),
            "reason": reason.as_str(),
        });
        self.facts.push(Fact {
            kind: "order.cancelled",
            subject: order.id.uuid(),
            owner: Some(order.trader.owner),
            data,
            at: self.now,
        });
        Ok(())
    }

    /// What the book decided has been paid: it happens.
    fn happen(&mut self, shop: &mut Shop, taker: u64, events: &[Event], step: Step) -> Result<(), StoreError> {
        let priority = shop.open(taker)?.priority;
        for event in events {
            match *event {
                Event::Traded { maker, quantity, .. } => {
                    self.fill(shop, maker, signed(quantity))?;
                    self.fill(shop, taker, signed(quantity))?;
                }
                Event::Decremented { maker, quantity, .. } => {
                    self.cut(shop, maker, signed(quantity))?;
                    self.cut(shop, taker, signed(quantity))?;
                }
                Event::Cancelled { id, reason, .. } => self.ended(shop, id, OrderStatus::Cancelled, reason.into())?,
                Event::Rested { .. } => shop.stop_waiting(priority),
                Event::Amended { .. } | Event::Refused { .. } => {}
            }
        }
        for (number, hold) in step.holds {
            shop.change(number)?.hold = Some(hold);
        }
        for trade in step.trades {
            let data = delivery::matched(&trade);
            self.facts.push(Fact { kind: "trade.matched", subject: trade.id.uuid(), owner: None, data, at: self.now });
            self.facts.push(delivery::settled(&trade, self.now));
            self.trades.push(trade);
        }
        Ok(())
    }

    /// Something of an order was traded.
    fn fill(&self, shop: &mut Shop, number: u64, quantity: i64) -> Result<(), StoreError> {
        let order = shop.change(number)?;
        order.remaining -= quantity;
        order.filled += quantity;
        order.status = OrderStatus::PartiallyFilled;
        order.updated_at = self.now;
        if order.remaining == 0 {
            shop.end(number, OrderStatus::Filled, None, self.now)?;
        }
        Ok(())
    }

    /// Something of an order gave way to another of the same owner.
    fn cut(&mut self, shop: &mut Shop, number: u64, quantity: i64) -> Result<(), StoreError> {
        let order = shop.change(number)?;
        if order.remaining == quantity {
            return self.ended(shop, number, OrderStatus::Cancelled, EndReason::SelfTrade);
        }
        order.remaining -= quantity;
        order.cancelled += quantity;
        order.updated_at = self.now;
        Ok(())
    }
}
