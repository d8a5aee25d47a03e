//! Changing an open order.

use rialto_kernel::{Caller, Timestamp};
use rialto_ledger::{AccountState, Command, HoldId};

use super::{
    Answer, check,
    desk::Desk,
    meet::Till,
    shop::{Shop, broken, signed, unsigned},
    step,
};
use crate::{
    book::Side,
    error::MarketError,
    model::{Amendment, OrderId, OrderStatus, Placed, TimeInForce},
    store::MarketStore,
};

impl Desk {
    pub(super) async fn amend(
        &mut self,
        tx: &mut impl MarketStore,
        caller: &Caller,
        id: OrderId,
        amendment: Amendment,
    ) -> Result<Answer, MarketError> {
        let before = self.till.trades.len();
        let (till, shop, number) = self.open(id)?;
        if !caller.may_write(shop.open(number)?.trader.owner) {
            return Err(MarketError::Forbidden("Only its owner may change an order."));
        }
        let is_continuous = shop.row.settings.continuous;
        if is_continuous && !till.meet(tx, shop, 0).await? {
            return Err(MarketError::Busy);
        }
        let order = match shop.number(id) {
            Some(number) => shop.open(number)?.clone(),
            // It was itself what had to be matched or had expired.
            None => return Err(MarketError::OrderNotOpen(shop.find(id).map_or(OrderStatus::Cancelled, |order| order.status))),
        };
        if order.is_due(till.now) {
            return Err(MarketError::OrderNotOpen(OrderStatus::Expired));
        }
        let old_price = order.price.ok_or_else(|| broken("a market order rests"))?;
        let price = amendment.price.unwrap_or(old_price);
        let remaining = match amendment.quantity {
            Some(quantity) => check::remaining(quantity, order.filled + order.cancelled)?,
            None => amendment.remaining.unwrap_or(order.remaining),
        };
        check::total(price, remaining)?;
        let keeps_place = price == old_price && remaining <= order.remaining;
        let is_post_only = order.time_in_force == TimeInForce::PostOnly;
        if is_continuous && !keeps_place && is_post_only && reaches(shop, order.side, price) {
            return Err(MarketError::WouldTrade);
        }
        if price != old_price || remaining != order.remaining {
            let hold = till.fund_again(tx, shop, number, price, remaining).await?;
            write(shop, number, price, remaining, hold, till.now)?;
            if !keeps_place {
                shop.send_back(number)?;
                if is_continuous {
                    till.arrive(tx, shop, number, 0).await?;
                }
            }
        }
        let is_done = !is_continuous || shop.first_waiting().is_none();
        let placed = Placed { order: self.order(id)?, trades: self.trades_since(before), existed: false };
        Ok(Answer::Placed { placed: Box::new(placed), is_done })
    }
}

/// Whether an order at this price would trade as it arrives.
fn reaches(shop: &Shop, side: Side, price: i64) -> bool {
    shop.book.best(side.opposite()).is_some_and(|best| side.accepts(unsigned(price), best.price))
}

/// Writes the new terms into an order, and into the book if it keeps its place there.
fn write(
    shop: &mut Shop,
    number: u64,
    price: i64,
    remaining: i64,
    hold: Option<HoldId>,
    now: Timestamp,
) -> Result<(), MarketError> {
    let resting = shop.book.get(number);
    if resting.is_some_and(|resting| signed(resting.price) == price && signed(resting.quantity) > remaining) {
        let amended = shop.book.amend(number, unsigned(price), unsigned(remaining), &mut Vec::new());
        amended.map_err(|refusal| broken(&refusal.to_string()))?;
    }
    let order = shop.change(number)?;
    order.quantity = remaining + order.filled + order.cancelled;
    order.remaining = remaining;
    order.price = Some(price);
    order.hold = hold;
    order.updated_at = now;
    Ok(())
}

impl Till {
    /// Holds what an amended bid needs instead of what it has; an ask needs no more than a wallet that is open.
    async fn fund_again(
        &mut self,
        tx: &mut impl MarketStore,
        shop: &Shop,
        number: u64,
        price: i64,
        remaining: i64,
    ) -> Result<Option<HoldId>, MarketError> {
        let order = shop.open(number)?;
        let Some(old) = order.hold else {
            self.plan.extend(tx, &[order.trader.account], &[]).await?;
            let state = self.plan.account(order.trader.account).map_or(AccountState::Closed, |account| account.state);
            return if state == AccountState::Open { Ok(None) } else { Err(MarketError::WalletNotOpen(state)) };
        };
        self.plan.extend(tx, &[], &[old]).await?;
        let amended = crate::model::Order { price: Some(price), ..order.clone() };
        let (id, command) = step::hold(&amended, remaining)?;
        self.plan.run_linked(&[Command::Void(old), command]).map_err(|error| MarketError::from(error.source))?;
        Ok(Some(id))
    }
}
