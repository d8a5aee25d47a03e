//! What was bought is delivered: by a call of the seller for the buyer, which somebody else makes between these two.
//!
//! A trade is paid when it happens. [`begin_delivery`] reserves it for one call, [`finish_delivery`] says how the call went; a
//! trade that was not delivered is reversed, with its fee.

use std::time::Duration;

use rialto_kernel::{Caller, Event, Id, Timestamp};
use rialto_ledger::{Command, GroupError, LedgerError, NewReversal};
use serde_json::json;

use crate::{
    error::MarketError,
    model::{Trade, TradeId, TradeStatus, nouns::Invocation},
    store::MarketStore,
};

/// How a delivery went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The call, as it was named at the beginning.
    pub invocation: Id<Invocation>,
    /// Whether the seller delivered.
    pub succeeded: bool,
    /// How long it took.
    pub latency_ms: i64,
}

/// Reserves a trade for one call of the seller. Takes the buyer's owner or an administrator.
///
/// A delivery that was begun and not finished within `patience` may be begun again: whoever made it is gone. So may one that
/// failed, as long as the seller could not pay back.
///
/// # Errors
/// [`MarketError::TradeUnknown`], [`MarketError::Forbidden`], [`MarketError::NotDeliverable`].
///
/// Returns the trade, and whether the buyer was owed its money back: [`abandon_delivery`] wants to know.
pub async fn begin_delivery(
    tx: &mut impl MarketStore,
    caller: &Caller,
    id: TradeId,
    invocation: Id<Invocation>,
    patience: Duration,
    now: Timestamp,
) -> Result<(Trade, bool), MarketError> {
    let mut trade = tx.lock_trade(id).await?.ok_or(MarketError::TradeUnknown(id))?;
    if !caller.may_write(trade.buyer_owner) {
        return Err(MarketError::Forbidden("Only the buyer may have a trade delivered."));
    }
    let given_up = trade.status == TradeStatus::Delivering && now.since(trade.updated_at) >= patience;
    if !matches!(trade.status, TradeStatus::Settled | TradeStatus::Failed) && !given_up {
        return Err(MarketError::NotDeliverable(trade.status));
    }
    let is_owed = trade.status == TradeStatus::Failed;
    trade.status = TradeStatus::Delivering;
    trade.invocation = Some(invocation);
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    Ok((trade, is_owed))
}

/// Makes a trade what it was before it was reserved for a call which was not made. Whether it was still reserved for it.
///
/// A trade whose buyer was owed its money back (`is_owed`) has failed as before, and is this call's: whoever began it pays back.
///
/// # Errors
/// [`MarketError::TradeUnknown`].
pub async fn abandon_delivery(
    tx: &mut impl MarketStore,
    id: TradeId,
    invocation: Id<Invocation>,
    is_owed: bool,
    now: Timestamp,
) -> Result<bool, MarketError> {
    let mut trade = tx.lock_trade(id).await?.ok_or(MarketError::TradeUnknown(id))?;
    if trade.status != TradeStatus::Delivering || trade.invocation != Some(invocation) {
        return Ok(false);
    }
    trade.status = if is_owed { TradeStatus::Failed } else { TradeStatus::Settled };
    trade.invocation = is_owed.then_some(invocation);
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    Ok(true)
}

/// Writes how the call went. After one that failed the buyer has its money back; if the seller has spent it, the trade stays
/// [`TradeStatus::Failed`], and this may be called again later.
///
/// Saying the same twice changes nothing.
///
/// # Errors
/// [`MarketError::TradeUnknown`], [`MarketError::NotDeliverable`] when the trade is not reserved for this call.
pub async fn finish_delivery(
    tx: &mut impl MarketStore,
    id: TradeId,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Trade, MarketError> {
    let mut trade = tx.lock_trade(id).await?.ok_or(MarketError::TradeUnknown(id))?;
    let is_its_own = trade.invocation == Some(delivery.invocation);
    match (trade.status, delivery.succeeded) {
        (TradeStatus::Delivered, true) | (TradeStatus::Reversed, false) if is_its_own => return Ok(trade),
        (TradeStatus::Delivering, _) | (TradeStatus::Failed, false) if is_its_own => {}
        (status, _) => return Err(MarketError::NotDeliverable(status)),
    }
    let status = match delivery.succeeded {
        true => TradeStatus::Delivered,
        false if pay_back(tx, &trade, now).await? => TradeStatus::Reversed,
        false => TradeStatus::Failed,
    };
    if status == trade.status {
        // It could not be paid back before either.
        return Ok(trade);
    }
    trade.status = status;
    trade.latency_ms = delivery.latency_ms.max(0);
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    tx.append_event(settled(&trade, now)).await?;
    tx.append_event(completed(&trade, now)).await?;
    Ok(trade)
}

/// Takes the payment and the fee back. Whether the seller could pay.
async fn pay_back(tx: &mut impl MarketStore, trade: &Trade, now: Timestamp) -> Result<bool, MarketError> {
    let reversal = |transfer| Command::Reverse(NewReversal { id: Id::new(), transfer, memo: None });
    // The fee first: the seller may need it.
    let mut commands: Vec<_> = trade.fee_transfer.into_iter().map(reversal).collect();
    commands.push(reversal(trade.id.cast()));
    match rialto_ledger::group(tx, &commands, now).await {
        Ok(_) => Ok(true),
        Err(GroupError { source: LedgerError::InsufficientFunds { .. } | LedgerError::AccountNotOpen { .. }, .. }) => Ok(false),
        Err(error) => Err(error.source.into()),
    }
}

/// The event of a trade that is paid, delivered, or paid back.
pub(crate) fn settled(trade: &Trade, now: Timestamp) -> Event {
    standing("trade.settled", trade, now)
}

/// The event of a trade whose delivery has ended, well or not.
fn completed(trade: &Trade, now: Timestamp) -> Event {
    standing("trade.completed", trade, now)
}

fn standing(kind: &'static str, trade: &Trade, now: Timestamp) -> Event {
    let mut data = matched(trade);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("status".into(), json!(trade.status.as_str()));
        fields.insert("latency_ms".into(), json!(trade.latency_ms));
    }
    Event { kind, subject: trade.id.uuid(), owner: None, data, at: now }
}

/// What is told of a trade.
pub(crate) fn matched(trade: &Trade) -> serde_json::Value {
    json!({
        "trade_id": trade.id,
        "buyer_agent_id": trade.buyer,
        "seller_agent_id": trade.seller,
        "capability": *trade.capability,
        "price": trade.price,
        "quantity": trade.quantity,
        "tick": trade.tick,
    })
}
