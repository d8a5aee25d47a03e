//! Ends calls whose payment has an end, each in one transaction: it came, it will not come, or nobody can say.

use rialto_kernel::{Amount, Timestamp};
use rialto_outbound::{HeaderMap, HeaderName, HeaderValue};
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
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
        x402::{Outcome, PaymentState, PaymentStore, Receipt, Settling},
    },
    store::{UsageStore, UsageSumStore},
    usage::{UsageEnd, UsageReason},
};

/// The status of a call whose payment was not settled.
pub(super) const UNPAID_STATUS: u16 = 402;
/// The status that is kept for repeats when nobody can say whether it was.
const UNCLEAR_STATUS: u16 = 409;
/// The status that is kept for repeats of a call that is paid, and whose answer nobody can have.
const LOST_STATUS: u16 = 409;

/// Who says that a call is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ender {
    /// Whoever has its answer in hand, and hands it over then.
    Delivers,
    /// Somebody else. Whoever had the answer in hand has withheld it.
    Withheld,
}

/// Writes down that a call is paid, and ends it. Whether it was this that ended it. Its answer is kept for whoever repeats the request,
/// for a day from now: that it is handed over now does not say that it arrives. One that cannot be kept where repeats look for it
/// stays beside the payment.
pub(super) async fn end_paid(
    tx: &mut Tx,
    seen: &Settling,
    transaction: &str,
    who: Ender,
    now: Timestamp,
) -> Result<bool, ProxyError> {
    let (usage, outcome) = (seen.usage, &seen.outcome);
    let is_lost = who == Ender::Withheld && is_lost(outcome);
    let end = UsageEnd {
        delivered: true,
        status_code: outcome.status_code,
        latency_ms: outcome.latency_ms,
        amount: seen.amount,
        commission: outcome.commission,
        reason: if is_lost { Some(UsageReason::AnswerLost) } else { outcome.reason },
    };
    if !tx.finish_usage(usage, &end, now).await? {
        return Ok(false);
    }
    let (mut left, mut is_told) = (seen.clone(), true);
    if let Some((status, body)) = &outcome.answer {
        let mut kept = Kept::read(&Stored { status: *status, body: body.clone() })?;
        kept.headers.extend(receipt_headers(&receipt(seen, transaction)));
        let kept = if is_lost { Kept::failure(kept.bill, LOST_STATUS, UsageReason::AnswerLost) } else { kept };
        let stored = kept.write();
        is_told = keep(tx, seen, &stored, now).await?;
        left.outcome.answer = Some((stored.status, stored.body));
    }
    tx.set_payment_tx(usage, transaction).await?;
    outbox::append_all(tx, told(&parties(seen, Some(transaction)), &end, now)).await?;
    // Whoever else asks meanwhile: that the money is here is true.
    if !tx.end_payment(&left, PaymentState::Settled, Ok(transaction), is_told, now).await? {
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
    if seen.state == PaymentState::Unclear {
        // It was told that nobody can say.
        keep(tx, seen, &unpaid(seen, UNPAID_STATUS).write(), now).await?;
    } else if let Some(key) = key(seen)
        && ours_since(tx, seen, &key).await?.is_some()
    {
        idempotency::release(tx, &key).await?;
    }
    outbox::append_all(tx, told(&parties(seen, None), &end, now)).await?;
    if !tx.end_payment(seen, PaymentState::Failed, Err(failure), true, now).await? {
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
    keep(tx, seen, &unpaid(seen, UNCLEAR_STATUS).write(), now).await?;
    let is_left = tx.end_payment(seen, PaymentState::Unclear, Err(failure), false, now).await?;
    if is_left { Ok(()) } else { Err(ProxyError::PaymentRunning) }
}

/// Whether nobody but whoever has the answer of a call in hand can ever have it: it was too large, or too live, to be kept.
pub(super) fn is_lost(outcome: &Outcome) -> bool {
    outcome.answer.as_ref().is_none_or(|(status, body)| {
        Kept::read(&Stored { status: *status, body: body.clone() }).is_ok_and(|kept| kept.body == KeptBody::Lost)
    })
}

/// Whether this is kept of a call of which nobody can say whether it was paid.
pub(super) fn is_unclear(kept: &Kept) -> bool {
    kept.status.as_u16() == UNCLEAR_STATUS && kept.body == KeptBody::Failed(UsageReason::PaymentFailed)
}

fn unpaid(seen: &Settling, status: u16) -> Kept {
    let bill = Bill { usage: seen.usage, amount: Amount::ZERO, is_free: false, latency_ms: seen.outcome.latency_ms };
    Kept::failure(bill, status, UsageReason::PaymentFailed)
}

/// The key of a call, which may be another one's by now: keys are forgotten after a day.
fn key(seen: &Settling) -> Option<Key> {
    let claim = seen.claim.as_ref()?;
    Some(Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint: seen.outcome.fingerprint.clone() })
}

/// Since when a key is that of this call, if it is: it was claimed in the transaction that took the payment, or is answered in the
/// name of this very call.
async fn ours_since(tx: &mut Tx, seen: &Settling, key: &Key) -> Result<Option<Timestamp>, StoreError> {
    let is_ours = |since: Timestamp, answer: Option<Stored>| match answer {
        None => since == seen.created_at,
        Some(stored) => Kept::read(&stored).is_ok_and(|kept| kept.bill.usage == seen.usage),
    };
    let found = idempotency::find_since(tx, key).await?;
    Ok(found.and_then(|(since, answer)| is_ours(since, answer).then_some(since)))
}

/// Keeps an answer under the key of a call, for a day from now, unless the key is another call's by now. Whether it is kept.
async fn keep(tx: &mut Tx, seen: &Settling, answer: &Stored, now: Timestamp) -> Result<bool, StoreError> {
    let Some(key) = key(seen) else { return Ok(false) };
    if let Some(since) = ours_since(tx, seen, &key).await?
        && idempotency::answer_anew(tx, &key, since, answer, now).await?
    {
        return Ok(true);
    }
    // It was forgotten: it is known again, so that whoever has paid can have the answer. Old rows do not know what was asked.
    if key.fingerprint.is_empty() || idempotency::claim(tx, &key, now).await? != Claim::Fresh {
        return Ok(false);
    }
    idempotency::finish(tx, &key, answer).await?;
    Ok(true)
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
