//! Orders meet: the book says who trades with whom, the ledger whether it can be paid, and only then anything has happened.

use std::collections::HashMap;

use rialto_kernel::{AccountId, Amount, Asset, Event as Fact, Id, Ppm, Timestamp};
use rialto_ledger::{
    AccountState, Command, GroupError, HoldId, House, LedgerError, NewHold, NewTransfer,
    plan::Plan,
    wallet::kind::{MARKET_FEE, MARKET_TRADE},
};
use rialto_store::StoreError;
use serde_json::json;

use super::{
    bid_and_ask,
    shop::{Shop, broken, signed},
    value,
};
use crate::{
    book::{Event, Refusal, Side},
    delivery,
    error::MarketError,
    model::{EndReason, Order, OrderStatus, Trade, TradeStatus},
    store::MarketStore,
};

/// How many orders arrive for the sake of one request.
const ARRIVALS_MAX: usize = 512;
/// After so many trades a transaction lets no more waiting orders arrive: they have to wait for the next one.
const TRADES_MAX: usize = 2_000;
/// What is traded is paid in this.
const ASSET: Asset = Asset::CREDIT;

pub(super) fn escrow() -> AccountId {
    House::Escrow.account(ASSET)
}

pub(super) fn fees() -> AccountId {
    House::Fees.account(ASSET)
}

fn amount(credits: i64) -> Result<Amount, StoreError> {
    Amount::new(credits).map_err(|_| broken("an amount out of range"))
}

/// The command that holds the money of a bid with so much open.
pub(super) fn hold(order: &Order, remaining: i64) -> Result<(HoldId, Command), StoreError> {
    let id = Id::new();
    let held = amount(value(order.price.unwrap_or(0), remaining))?;
    let new = NewHold {
        kind: MARKET_TRADE,
        reference: Some(order.id.cast()),
        memo: Some(order.capability.to_string()),
        ..NewHold::new(id, order.trader.account, escrow(), held)
    };
    Ok((id, Command::Hold(new)))
}

/// The money and the tape of one transaction.
pub(super) struct Till {
    pub(super) now: Timestamp,
    /// What the house takes where the capability says nothing.
    pub(super) fee: Ppm,
    pub(super) plan: Plan,
    pub(super) trades: Vec<Trade>,
    pub(super) facts: Vec<Fact>,
}

/// What an arrival comes to, if the ledger agrees.
#[derive(Default)]
struct Step {
    commands: Vec<Command>,
    /// For each command the bid and the ask for whose sake it is.
    parties: Vec<(u64, u64)>,
    trades: Vec<Trade>,
    /// The new money of bids.
    holds: HashMap<u64, HoldId>,
    accounts: Vec<AccountId>,
    voided: Vec<HoldId>,
}

impl Step {
    fn push(&mut self, command: Command, parties: (u64, u64)) {
        match &command {
            Command::Void(hold) => self.voided.push(*hold),
            Command::Transfer(new) => self.accounts.extend([new.debit, new.credit]),
            Command::Hold(new) => self.accounts.extend([new.debit, new.credit]),
            Command::Reverse(_) | Command::Post { .. } => {}
        }
        self.commands.push(command);
        self.parties.push(parties);
    }

    /// Gives a bid's money back.
    fn void(&mut self, order: &Order, parties: (u64, u64)) {
        if let Some(hold) = order.hold {
            self.push(Command::Void(hold), parties);
        }
    }

    /// Holds what a bid has still open.
    fn hold(&mut self, number: u64, order: &Order, remaining: i64, parties: (u64, u64)) -> Result<(), StoreError> {
        let (id, command) = hold(order, remaining)?;
        self.holds.insert(number, id);
        self.push(command, parties);
        Ok(())
    }

    /// What the events of one arrival want done.
    fn of(shop: &Shop, taker: u64, events: &[Event], till: &Till, tick: i64) -> Result<Self, StoreError> {
        let mut step = Self::default();
        let arriving = shop.open(taker)?;
        let is_bid = arriving.side == Side::Bid;
        let (mut left, mut rests) = (arriving.remaining, false);
        let has_met = events.iter().any(|event| !matches!(event, Event::Rested { .. }));
        if is_bid && has_met {
            step.void(arriving, (taker, taker));
        }
        for event in events {
            match *event {
                Event::Traded { maker, quantity, maker_left, taker_left, .. } => {
                    step.trade(shop, (taker, maker), (signed(quantity), signed(maker_left)), till, tick)?;
                    left = signed(taker_left);
                }
                Event::Decremented { maker, maker_left, taker_left, .. } => {
                    let resting = shop.open(maker)?;
                    if resting.side == Side::Bid {
                        step.void(resting, (maker, taker));
                        if maker_left > 0 {
                            step.hold(maker, resting, signed(maker_left), (maker, taker))?;
                        }
                    }
                    left = signed(taker_left);
                }
                Event::Cancelled { id, .. } if id != taker => step.void(shop.open(id)?, (id, taker)),
                Event::Cancelled { .. } => left = 0,
                Event::Rested { .. } => rests = true,
                Event::Amended { .. } | Event::Refused { .. } => {}
            }
        }
        if is_bid && rests && (has_met || arriving.hold.is_none()) {
            step.hold(taker, arriving, left, (taker, taker))?;
        }
        Ok(step)
    }

    /// One trade: the bid's money back, the price to the seller, the fee to the house, and what the bid still needs held again.
    fn trade(
        &mut self,
        shop: &Shop,
        (taker, maker): (u64, u64),
        (quantity, maker_left): (i64, i64),
        till: &Till,
        tick: i64,
    ) -> Result<(), StoreError> {
        let (arriving, resting) = (shop.open(taker)?, shop.open(maker)?);
        let (bid, ask) = bid_and_ask(arriving, resting, arriving.side);
        let parties = bid_and_ask(taker, maker, arriving.side);
        let price = resting.price.ok_or_else(|| broken("a market order rests"))?;
        let total = amount(value(price, quantity))?;
        let fee = total.share(shop.row.settings.fee.unwrap_or(till.fee));
        let trade = Trade {
            id: Id::new(),
            capability: shop.row.name.clone(),
            bid: bid.id,
            ask: ask.id,
            buyer: bid.trader.agent,
            seller: ask.trader.agent,
            buyer_owner: bid.trader.owner,
            seller_owner: ask.trader.owner,
            price,
            quantity,
            fee: fee.get(),
            fee_transfer: (!fee.is_zero()).then(Id::new),
            taker: arriving.side,
            status: TradeStatus::Settled,
            latency_ms: 0,
            tick,
            invocation: None,
            created_at: till.now,
            updated_at: till.now,
        };
        let paid =
            |kind, new| NewTransfer { kind, reference: Some(trade.id.cast()), memo: Some(shop.row.name.to_string()), ..new };
        if resting.side == Side::Bid {
            self.void(resting, parties);
        }
        let price = NewTransfer::new(trade.id.cast(), bid.trader.account, ask.trader.account, total);
        self.push(Command::Transfer(paid(MARKET_TRADE, price)), parties);
        if let Some(id) = trade.fee_transfer {
            let fee = NewTransfer::new(id, ask.trader.account, fees(), fee);
            self.push(Command::Transfer(paid(MARKET_FEE, fee)), parties);
        }
        if resting.side == Side::Bid && maker_left > 0 {
            self.hold(maker, resting, maker_left, parties)?;
        }
        self.trades.push(trade);
        Ok(())
    }

    /// Which order is to blame that the ledger refused.
    fn culprit(&self, shop: &Shop, error: &GroupError) -> Result<u64, StoreError> {
        let (bid, ask) = self.parties.get(error.index).copied().ok_or_else(|| broken("a command of nobody"))?;
        let account = match &error.source {
            LedgerError::AccountUnknown { account, .. }
            | LedgerError::AccountNotOpen { account, .. }
            | LedgerError::InsufficientFunds { account, .. }
            | LedgerError::CreditsExceedDebits { account, .. }
            | LedgerError::BalanceOutOfRange(account) => *account,
            _ => return Ok(bid),
        };
        let is_asks = shop.open(ask)?.trader.account == account;
        Ok(if is_asks { ask } else { bid })
    }
}

impl Till {
    /// Lets an order that waits arrive: it trades, and what is left of it rests or ends.
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
            let order = shop.arrival(taker)?;
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
            let step = Step::of(shop, taker, &events, self, tick)?;
            self.plan.extend(tx, &step.accounts, &step.voided).await?;
            match self.plan.run_linked(&step.commands) {
                Ok(_) => return Ok(self.happen(shop, taker, &events, step)?),
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
                Event::Traded { maker, quantity, maker_left, taker_left, .. } => {
                    self.fill(shop, maker, signed(quantity), maker_left == 0)?;
                    self.fill(shop, taker, signed(quantity), taker_left == 0)?;
                }
                Event::Decremented { maker, quantity, maker_left, taker_left, .. } => {
                    self.cut(shop, maker, signed(quantity), maker_left == 0)?;
                    self.cut(shop, taker, signed(quantity), taker_left == 0)?;
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
    fn fill(&self, shop: &mut Shop, number: u64, quantity: i64, is_all: bool) -> Result<(), StoreError> {
        let order = shop.change(number)?;
        order.remaining -= quantity;
        order.filled += quantity;
        order.status = OrderStatus::PartiallyFilled;
        order.updated_at = self.now;
        if is_all {
            shop.end(number, OrderStatus::Filled, None, self.now)?;
        }
        Ok(())
    }

    /// Something of an order gave way to another of the same owner.
    fn cut(&mut self, shop: &mut Shop, number: u64, quantity: i64, is_all: bool) -> Result<(), StoreError> {
        if is_all {
            return self.ended(shop, number, OrderStatus::Cancelled, EndReason::SelfTrade);
        }
        let order = shop.change(number)?;
        order.remaining -= quantity;
        order.cancelled += quantity;
        order.updated_at = self.now;
        Ok(())
    }
}
