//! What was bought is delivered: by a call of the seller for the buyer, which somebody else makes between these two.
//!
//! A trade is paid when it happens. [`begin_delivery`] reserves it for one call and **holds the proceeds in the seller's
//! wallet**; [`finish_delivery`] says how the call went. After one that went well the proceeds are free, after one that failed
//! they are paid back out of the hold, with the fee: a seller cannot sweep its wallet while it is being called.
//!
//! A seller that has spent the proceeds before that cannot be held to anything. Then the delivery is refused
//! ([`MarketError::ProceedsSpent`]) and nothing has changed: the buyer may ask again later, or take the risk
//! ([`NewDelivery::at_own_risk`]). Only a delivery at the buyer's own risk can end as [`TradeStatus::Failed`], owed and not
//! paid back (and one whose seller's wallet was frozen meanwhile: its hold stays until the wallet is open again, and
//! [`pay_back_held`] pays it back then).

use std::time::Duration;

use rialto_kernel::{Amount, Caller, Event, Id, Timestamp};
use rialto_ledger::{Command, HoldId, LedgerError, NewHold, NewReversal, wallet::kind::MARKET_DELIVERY};
use serde_json::json;

use crate::{
    error::MarketError,
    exchange::{escrow, value},
    model::{Trade, TradeId, TradeStatus, nouns::Invocation},
    store::MarketStore,
};

/// A delivery that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDelivery {
    /// Of which trade.
    pub trade: TradeId,
    /// The call that is going to be made.
    pub invocation: Id<Invocation>,
    /// Whether the seller is to be called even if it has spent what it would have to pay back.
    pub at_own_risk: bool,
    /// A delivery that was begun and not finished within this time may be begun again: whoever made it is gone.
    pub patience: Duration,
}

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The call, as it was named at the beginning.
    pub invocation: Id<Invocation>,
    /// Whether the seller delivered.
    pub succeeded: bool,
    /// How long it took.
    pub latency_ms: i64,
    /// Why it failed, fit for everybody: it is told on the live stream.
    pub error: Option<String>,
}

/// The longest reason for a failure that is told, in characters.
const ERROR_CHARS_MAX: usize = 255;

/// Reserves a trade for one call of the seller, and holds its proceeds. Takes the buyer's owner or an administrator.
///
/// A delivery that failed may be begun again, as long as the seller could not pay back.
///
/// Returns the trade, and whether the buyer was owed its money back: [`abandon_delivery`] wants to know.
///
/// # Errors
/// [`MarketError::TradeUnknown`], [`MarketError::Forbidden`], [`MarketError::NotDeliverable`], [`MarketError::ProceedsSpent`].
pub async fn begin_delivery(
    tx: &mut impl MarketStore,
    caller: &Caller,
    new: &NewDelivery,
    now: Timestamp,
) -> Result<(Trade, bool), MarketError> {
    let mut trade = tx.lock_trade(new.trade).await?.ok_or(MarketError::TradeUnknown(new.trade))?;
    if !caller.may_write(trade.buyer_owner) {
        return Err(MarketError::Forbidden("Only the buyer may have a trade delivered."));
    }
    let given_up = trade.status == TradeStatus::Delivering && now.since(trade.updated_at) >= new.patience;
    if !matches!(trade.status, TradeStatus::Settled | TradeStatus::Failed) && !given_up {
        return Err(MarketError::NotDeliverable(trade.status));
    }
    if trade.hold.is_none() {
        trade.hold = match hold_proceeds(tx, &trade, now).await {
            Err(MarketError::ProceedsSpent) if new.at_own_risk => None,
            held => held?,
        };
    }
    let is_owed = trade.status == TradeStatus::Failed;
    trade.status = TradeStatus::Delivering;
    trade.invocation = Some(new.invocation);
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    Ok((trade, is_owed))
}

/// Makes a trade what it was before it was reserved for a call which was not made. Whether it was still reserved for it.
///
/// A trade whose buyer was owed its money back (`is_owed`) has failed as before, and is this call's: whoever began it pays back.
/// What could be held for that stays held.
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
    if is_owed {
        trade.status = TradeStatus::Failed;
    } else {
        free_proceeds(tx, &mut trade, now).await?;
        trade.status = TradeStatus::Settled;
        trade.invocation = None;
    }
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    Ok(true)
}

/// Writes how the call went. After one that failed the buyer has its money back; if it cannot have it, because the seller has
/// spent what nothing was held of, the trade stays [`TradeStatus::Failed`], and this may be called again later.
///
/// Saying the same twice changes nothing.
///
/// # Errors
/// [`MarketError::TradeUnknown`], [`MarketError::NotDeliverable`] when the trade is not reserved for this call.
pub async fn finish_delivery(
    tx: &mut impl MarketStore,
    id: TradeId,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Trade, MarketError> {
    let mut trade = tx.lock_trade(id).await?.ok_or(MarketError::TradeUnknown(id))?;
    let is_its_own = trade.invocation == Some(delivery.invocation);
    match (trade.status, delivery.succeeded) {
        (TradeStatus::Delivered, true) | (TradeStatus::Reversed, false) if is_its_own => return Ok(trade),
        (TradeStatus::Delivering, _) | (TradeStatus::Failed, false) if is_its_own => {}
        (status, _) => return Err(MarketError::NotDeliverable(status)),
    }
    let status = if delivery.succeeded {
        free_proceeds(tx, &mut trade, now).await?;
        TradeStatus::Delivered
    } else if pay_back(tx, &mut trade, now).await? {
        TradeStatus::Reversed
    } else {
        TradeStatus::Failed
    };
    if status == trade.status {
        // It could not be paid back before either.
        return Ok(trade);
    }
    trade.status = status;
    trade.latency_ms = delivery.latency_ms.max(0);
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    let error = delivery.error.as_deref().filter(|_| !delivery.succeeded);
    tx.append_event(standing("trade.settled", &trade, error, now)).await?;
    tx.append_event(standing("trade.completed", &trade, None, now)).await?;
    Ok(trade)
}

/// Tries once more to pay the buyer of a failed delivery back out of what is held for it, which cannot be done while the seller's
/// wallet is frozen. Whether it was; if not, the trade goes to the end of the line of [`MarketStore::owed_trades`].
///
/// # Errors
/// [`MarketError::TradeUnknown`], [`MarketError::Store`].
pub async fn pay_back_held(tx: &mut impl MarketStore, id: TradeId, now: Timestamp) -> Result<bool, MarketError> {
    let mut trade = tx.lock_trade(id).await?.ok_or(MarketError::TradeUnknown(id))?;
    let (TradeStatus::Failed, Some(_), Some(invocation)) = (trade.status, trade.hold, trade.invocation) else { return Ok(false) };
    let delivery = Delivery { invocation, succeeded: false, latency_ms: trade.latency_ms, error: None };
    if finish_delivery(tx, id, &delivery, now).await?.status == TradeStatus::Reversed {
        return Ok(true);
    }
    trade.updated_at = now;
    tx.update_trade(&trade).await?;
    Ok(false)
}

/// Holds what the seller has of a trade; nothing if the house took all of it.
async fn hold_proceeds(tx: &mut impl MarketStore, trade: &Trade, now: Timestamp) -> Result<Option<HoldId>, MarketError> {
    let proceeds = Amount::new(value(trade.price, trade.quantity).saturating_sub(trade.fee)).unwrap_or_default();
    if proceeds.is_zero() {
        return Ok(None);
    }
    let seller = tx.find_agent_account(trade.seller).await?.ok_or(MarketError::AgentUnknown(trade.seller))?;
    let hold = NewHold {
        kind: MARKET_DELIVERY,
        reference: Some(trade.id.cast()),
        memo: Some(trade.capability.to_string()),
        ..NewHold::new(Id::new(), seller.id, escrow(), proceeds)
    };
    let id = hold.id;
    match rialto_ledger::hold(tx, hold, now).await {
        Ok(_) => Ok(Some(id)),
        Err(LedgerError::InsufficientFunds { .. } | LedgerError::AccountNotOpen { .. }) => Err(MarketError::ProceedsSpent),
        Err(error) => Err(error.into()),
    }
}

/// The seller may do with its proceeds what it likes.
async fn free_proceeds(tx: &mut impl MarketStore, trade: &mut Trade, now: Timestamp) -> Result<(), MarketError> {
    if let Some(hold) = trade.hold.take() {
        rialto_ledger::void(tx, hold, now).await?;
    }
    Ok(())
}

/// Takes the payment and the fee back. Whether the seller could pay; what was held is held still if not. What an administrator has
/// reversed by hand meanwhile is back already.
async fn pay_back(tx: &mut impl MarketStore, trade: &mut Trade, now: Timestamp) -> Result<bool, MarketError> {
    let reversal = |transfer| Command::Reverse(NewReversal { id: Id::new(), transfer, memo: None });
    // The fee and the proceeds first: the payment is made of both.
    let mut commands: Vec<_> = trade.fee_transfer.into_iter().map(reversal).collect();
    commands.extend(trade.hold.map(Command::Void));
    commands.push(reversal(trade.id.cast()));
    while !commands.is_empty() {
        let Err(refused) = rialto_ledger::group(tx, &commands, now).await else { break };
        match refused.source {
            LedgerError::AlreadyReversed { .. } if refused.index < commands.len() => drop(commands.remove(refused.index)),
            LedgerError::InsufficientFunds { .. } | LedgerError::AccountNotOpen { .. } => return Ok(false),
            error => return Err(error.into()),
        }
    }
    trade.hold = None;
    Ok(true)
}

/// The event of a trade that is paid.
pub(crate) fn settled(trade: &Trade, now: Timestamp) -> Event {
    standing("trade.settled", trade, None, now)
}

fn standing(kind: &'static str, trade: &Trade, error: Option<&str>, now: Timestamp) -> Event {
    let mut data = matched(trade);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("status".into(), json!(trade.status.as_str()));
        fields.insert("latency_ms".into(), json!(trade.latency_ms));
        if let Some(error) = error {
            fields.insert("error".into(), json!(error.chars().take(ERROR_CHARS_MAX).collect::<String>()));
        }
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
