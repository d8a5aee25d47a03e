//! Ends calls whose payment has an end, each in one transaction: it came, it will not come, or nobody can say.

use std::{slice, time::Duration};

use rialto_kernel::{Amount, Timestamp};
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Record, Stored},
    outbox,
};
use serde_json::Value;

use super::{
    Bill, Kept, KeptBody, ProxyError,
    open::Ticket,
    settle::{Parties, told},
};
use crate::{
    payments::{
        Charge, collect, release,
        x402::{PaymentState, PaymentStore, Receipt, Settling},
    },
    store::{UsageStore, UsageSumStore},
    usage::{UsageEnd, UsageReason},
};

/// The status of a call whose payment was not settled.
pub(super) const UNPAID_STATUS: u16 = 402;
/// The status that is kept for repeats when nobody can say whether it was.
const UNCLEAR_STATUS: u16 = 409;
/// How old a call may be whose key is still its own: keys are forgotten after a day, and may be another call's then.
const KEY_KEPT: Duration = Duration::from_secs(23 * 60 * 60);

/// Writes down that a call is paid, and ends it. Whether it was this that ended it. Its answer is kept for whoever repeats the request:
/// that it is handed over now does not say that it arrives.
pub(super) async fn end_paid(tx: &mut Tx, seen: &Settling, transaction: &str, now: Timestamp) -> Result<bool, ProxyError> {
    let (usage, outcome) = (seen.usage, &seen.outcome);
    let end = UsageEnd {
        delivered: true,
        status_code: outcome.status_code,
        latency_ms: outcome.latency_ms,
        amount: seen.amount,
        commission: outcome.commission,
        reason: outcome.reason,
    };
    if !tx.finish_usage(usage, &end, now).await? {
        return Ok(false);
    }
    if let (Some(key), Some((status, body))) = (key(tx, seen, now).await?, &outcome.answer) {
        let mut kept = Kept::read(&Stored { status: *status, body: body.clone() })?;
        kept.headers.extend(receipt_headers(&receipt(seen, transaction)));
        idempotency::finish(tx, &key, &kept.write()).await?;
    }
    tx.set_payment_tx(usage, transaction).await?;
    outbox::append_all(tx, told(&parties(seen, Some(transaction)), &end, now)).await?;
    // Whoever else asks meanwhile: that the money is here is true.
    if !tx.end_payment(seen, PaymentState::Settled, Ok(transaction), now).await? {
        return Err(StoreError::Corrupt(format!("the payment of the call {usage} has ended before its call")).into());
    }
    collect(tx, &charge(seen), now).await?;
    tx.sum_up(&[usage]).await?;
    Ok(true)
}

/// Writes down that a call will not be paid, and ends it. Whether it was this that ended it. Its key is free: another payment may be
/// tried.
///
/// # Errors
/// [`ProxyError::PaymentRunning`] when the payment does not stand as it was seen: nothing has changed then.
pub(super) async fn end_unpaid(tx: &mut Tx, seen: &Settling, failure: &str, now: Timestamp) -> Result<bool, ProxyError> {
    let end = Ticket::failed(UNPAID_STATUS, seen.outcome.latency_ms, UsageReason::PaymentFailed);
    if !tx.finish_usage(seen.usage, &end, now).await? {
        return Ok(false);
    }
    match key(tx, seen, now).await? {
        // It was told that nobody can say.
        Some(key) if seen.state == PaymentState::Unclear => {
            idempotency::finish(tx, &key, &unpaid(seen, UNPAID_STATUS).write()).await?;
        }
        Some(key) => idempotency::release(tx, &key).await?,
        None => {}
    }
    outbox::append_all(tx, told(&parties(seen, None), &end, now)).await?;
    if !tx.end_payment(seen, PaymentState::Failed, Err(failure), now).await? {
        return Err(ProxyError::PaymentRunning);
    }
    release(tx, seen.usage, now).await?;
    tx.sum_up(&[seen.usage]).await?;
    Ok(true)
}

/// Writes down that nobody can say whether a call is paid. It stays open, and its price set aside, until an administrator decides:
/// see [`super::resolve`]. Whoever asks again is told so.
///
/// # Errors
/// [`ProxyError::PaymentRunning`] when the payment does not stand as it was seen: nothing has changed then.
pub(super) async fn leave_unclear(tx: &mut Tx, seen: &Settling, failure: &str, now: Timestamp) -> Result<(), ProxyError> {
    if let Some(key) = key(tx, seen, now).await? {
        idempotency::finish(tx, &key, &unpaid(seen, UNCLEAR_STATUS).write()).await?;
    }
    if tx.end_payment(seen, PaymentState::Unclear, Err(failure), now).await? { Ok(()) } else { Err(ProxyError::PaymentRunning) }
}

/// Whether this is kept of a call of which nobody can say whether it was paid.
pub(super) fn is_unclear(kept: &Kept) -> bool {
    kept.status.as_u16() == UNCLEAR_STATUS && kept.body == KeptBody::Failed(UsageReason::PaymentFailed)
}

fn unpaid(seen: &Settling, status: u16) -> Kept {
    let bill = Bill { usage: seen.usage, amount: Amount::ZERO, is_free: false, latency_ms: seen.outcome.latency_ms };
    Kept::failure(bill, status, UsageReason::PaymentFailed)
}

/// The key of a call, unless it may be another one's by now.
async fn key(tx: &mut Tx, seen: &Settling, now: Timestamp) -> Result<Option<Key>, StoreError> {
    let Some(claim) = &seen.claim else { return Ok(None) };
    let fingerprint = seen.outcome.fingerprint.clone();
    let key = Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint };
    let is_ours = if seen.state == PaymentState::Unclear {
        match idempotency::find_all(tx, slice::from_ref(&key)).await?.pop().flatten() {
            // It was answered, in the name of this very call.
            Some(Record { answer: Some(stored), .. }) => Kept::read(&stored)?.bill.usage == seen.usage,
            Some(Record { answer: None, .. }) => false,
            // It was forgotten: it is known again, so that whoever has paid can have the answer.
            None => idempotency::claim(tx, &key, now).await? == Claim::Fresh,
        }
    } else {
        now.since(seen.created_at) < KEY_KEPT
    };
    Ok(is_ours.then_some(key))
}

fn charge(seen: &Settling) -> Charge {
    Charge {
        usage: seen.usage,
        buyer: seen.buyer,
        provider: seen.provider,
        memo: seen.outcome.memo.clone(),
        price: seen.amount,
        commission: seen.outcome.commission,
        expires_at: seen.give_up_at,
    }
}

fn parties(seen: &Settling, transaction: Option<&str>) -> Parties {
    Parties {
        usage: seen.usage,
        service: seen.service,
        buyer: seen.buyer,
        provider: seen.provider,
        is_free: false,
        payment_method: seen.payment_method,
        payment_tx: transaction.map(str::to_owned),
    }
}

fn receipt(seen: &Settling, transaction: &str) -> Receipt {
    let network = seen.request.pointer("/paymentRequirements/network").and_then(Value::as_str).unwrap_or_default();
    Receipt {
        version: seen.version,
        outcome: Ok(transaction.to_owned()),
        network: network.to_owned(),
        payer: seen.payer.to_string(),
    }
}

/// The headers that tell a buyer what became of its payment.
pub(super) fn receipt_headers(receipt: &Receipt) -> HeaderMap {
    let header =
        |(name, value): (&'static str, String)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?));
    receipt.headers().into_iter().filter_map(header).collect()
}
