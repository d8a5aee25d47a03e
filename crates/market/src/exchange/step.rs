//! What an arrival wants of the ledger: commands that are done together or not at all.

use std::collections::HashMap;

use rialto_kernel::{AccountId, Amount, Asset, Id};
use rialto_ledger::{
    Command, GroupError, HoldId, House, LedgerError, NewHold, NewTransfer,
    wallet::kind::{MARKET_FEE, MARKET_TRADE},
};
use rialto_store::StoreError;

use super::{
    bid_and_ask,
    meet::Till,
    place::rests,
    shop::{Shop, broken, signed},
    value,
};
use crate::{
    book::{Event, Side},
    model::{Order, Trade, TradeStatus},
};

/// What is traded is paid in this.
const ASSET: Asset = Asset::CREDIT;

pub(crate) fn escrow() -> AccountId {
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

/// What an arrival comes to, if the ledger agrees.
#[derive(Default)]
pub(super) struct Step {
    pub(super) commands: Vec<Command>,
    /// For each command the bid and the ask for whose sake it is.
    parties: Vec<(u64, u64)>,
    pub(super) trades: Vec<Trade>,
    /// The new money of bids.
    pub(super) holds: HashMap<u64, HoldId>,
    pub(super) accounts: Vec<AccountId>,
    pub(super) voided: Vec<HoldId>,
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
    pub(super) fn of(shop: &Shop, taker: u64, events: &[Event], till: &Till, tick: i64) -> Result<Self, StoreError> {
        let mut step = Self::default();
        let arriving = shop.open(taker)?;
        let is_bid = arriving.side == Side::Bid;
        let mut left = arriving.remaining;
        let has_met = events.iter().any(|event| !matches!(event, Event::Rested { .. }));
        if is_bid && has_met {
            step.void(arriving, (taker, taker));
        }
        for event in events {
            match *event {
                Event::Traded { maker, quantity, maker_left, .. } => {
                    step.trade(shop, (taker, maker), (signed(quantity), signed(maker_left)), till, tick)?;
                    left -= signed(quantity);
                }
                Event::Decremented { maker, quantity, maker_left, .. } => {
                    let resting = shop.open(maker)?;
                    if resting.side == Side::Bid {
                        step.void(resting, (maker, taker));
                        if maker_left > 0 {
                            step.hold(maker, resting, signed(maker_left), (maker, taker))?;
                        }
                    }
                    left -= signed(quantity);
                }
                Event::Cancelled { id, .. } if id != taker => step.void(shop.open(id)?, (id, taker)),
                Event::Cancelled { .. } => left = 0,
                Event::Rested { .. } | Event::Amended { .. } | Event::Refused { .. } => {}
            }
        }
        let stays = left > 0 && rests(arriving);
        if is_bid && stays && (has_met || arriving.hold.is_none()) {
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
            hold: None,
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
    pub(super) fn culprit(&self, shop: &Shop, error: &GroupError) -> Result<u64, StoreError> {
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
