//! What a Stripe-compatible provider tells us, signed.
//!
//! 1. [`verify`] checks the `Stripe-Signature` of the raw body.
//! 2. [`StripeEvent::parse`] reads what happened to which checkout.
//! 3. [`settle`] lets the purchase follow. An event may come twice, late, or in another order: it is harmless.

use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::Timestamp;
use rialto_ledger::purchase::{Purchase, PurchaseError, PurchaseId, PurchaseStore, complete, fail};
use serde::Deserialize;
use sha2::Sha256;

use super::STRIPE;

/// How far the signature's time may be from ours, either way, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not of the form `t=…,v1=…`.
    #[error("the signature header is malformed")]
    Malformed,
    /// It was signed too long ago, or by a clock that is too far ahead.
    #[error("the signature's time is more than {TOLERANCE_SECONDS} seconds from now")]
    Stale,
    /// None of its signatures is right.
    #[error("the signature does not match")]
    Mismatch,
}

/// Checks the `Stripe-Signature` header: one of its `v1` values must be the HMAC-SHA256 of `t`, a point, and the raw body,
/// under the endpoint's secret. There are several while a secret is being changed. Compared in constant time.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(secret: &str, header: &str, body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
    let mut signed_at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => signed_at = Some(value),
            // A signature of another length, or that is no hex, cannot be right; another may be.
            Some(("v1", value)) => signatures.extend(hex::decode(value).ok()),
            // Other schemes (`v0`) are for other readers.
            _ => {}
        }
    }
    let text = signed_at.ok_or(SignatureError::Malformed)?;
    let seconds: i64 = text.parse().map_err(|_| SignatureError::Malformed)?;
    if now.seconds().abs_diff(seconds) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    // HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| SignatureError::Mismatch)?;
    mac.update(text.as_bytes());
    mac.update(b".");
    mac.update(body);
    let right = signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok());
    if right { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// What became of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutFate {
    /// The money has arrived.
    Paid,
    /// It will not: the checkout has expired, or the payment failed after all.
    Lost,
    /// Not decided yet, or an event about something else.
    Open,
}

/// An event, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// What became of the checkout.
    pub fate: CheckoutFate,
    /// The checkout session.
    pub session: String,
    /// The purchase that the session names.
    pub purchase: Option<PurchaseId>,
    /// What was paid, in minor units of `currency`.
    pub amount_total: Option<i64>,
    /// In which currency, in lower case.
    pub currency: Option<String>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(rename = "type")]
    kind: String,
    data: RawData,
}

#[derive(Deserialize)]
struct RawData {
    object: serde_json::Value,
}

#[derive(Deserialize)]
struct RawSession {
    id: String,
    client_reference_id: Option<String>,
    metadata: Option<std::collections::HashMap<String, String>>,
    payment_status: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
}

/// The body is no event.
#[derive(Debug, thiserror::Error)]
#[error("the body is no event: {0}")]
pub struct EventError(#[from] serde_json::Error);

impl StripeEvent {
    /// Reads an event whose signature was verified. `None` for events about other things than checkouts: an account sends
    /// many.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn parse(body: &[u8]) -> Result<Option<Self>, EventError> {
        let event: RawEvent = serde_json::from_slice(body)?;
        let Some(what) = event.kind.strip_prefix("checkout.session.") else { return Ok(None) };
        let session: RawSession = serde_json::from_value(event.data.object)?;
        let paid = matches!(session.payment_status.as_deref(), Some("paid" | "no_payment_required"));
        let fate = match what {
            // Some ways of paying take days: the session is complete before the money is there.
            "completed" | "async_payment_succeeded" if paid => CheckoutFate::Paid,
            "expired" | "async_payment_failed" => CheckoutFate::Lost,
            _ => CheckoutFate::Open,
        };
        let named = session.metadata.and_then(|mut metadata| metadata.remove("purchase_id")).or(session.client_reference_id);
        Ok(Some(Self {
            fate,
            session: session.id,
            purchase: named.and_then(|id| id.parse().ok()),
            amount_total: session.amount_total,
            currency: session.currency,
        }))
    }
}

/// What an event led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The purchase is as the event says; it may have been before.
    Followed(Purchase),
    /// Nothing: and why, for the log. Sending it again would not help.
    Ignored(&'static str),
}

/// Lets a purchase follow what became of its checkout.
///
/// The session must be the very one that was opened for the purchase, and what was paid must be its price: an account may
/// serve more than this server, and sessions can be made by hand.
///
/// # Errors
/// [`PurchaseError`], when it should be tried again.
pub async fn settle(tx: &mut impl PurchaseStore, event: &StripeEvent, now: Timestamp) -> Result<Settled, PurchaseError> {
    if event.fate == CheckoutFate::Open {
        return Ok(Settled::Ignored("the checkout is not decided yet"));
    }
    let Some(purchase) = tx.find_purchase_by_reference(&event.session).await? else {
        return Ok(Settled::Ignored("the checkout belongs to no purchase of ours"));
    };
    if purchase.provider != STRIPE || event.purchase.is_some_and(|named| named != purchase.id) {
        return Ok(Settled::Ignored("the checkout names another purchase"));
    }
    if event.fate == CheckoutFate::Lost {
        return Ok(Settled::Followed(fail(tx, purchase.id, now).await?));
    }
    let in_full = event.amount_total.is_none_or(|cents| cents == purchase.price_cents)
        && event.currency.as_deref().is_none_or(|currency| currency == "usd");
    if !in_full {
        return Ok(Settled::Ignored("what was paid is not the price"));
    }
    Ok(Settled::Followed(complete(tx, purchase.id, now).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test";
    const BODY: &[u8] = br#"{"id":"evt_1","type":"checkout.session.completed"}"#;
    const NOW: i64 = 1_764_000_000;

    fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn believes_only_what_is_signed_now_with_the_secret() {
        let good = sign(SECRET, NOW, BODY);
        let other = sign("another", NOW, BODY);
        let check = |header: &str, body: &[u8], seconds| verify(SECRET, header, body, at(seconds));
        assert_eq!(check(&format!("t={NOW},v1={good}"), BODY, NOW), Ok(()));
        // While a secret is being changed there are two signatures, in any order; `v0` is not for us.
        assert_eq!(check(&format!("t={NOW},v1={other},v1={good},v0=00"), BODY, NOW), Ok(()));
        assert_eq!(check(&format!("t={NOW}, v1={good}"), BODY, NOW + 300), Ok(()));
        assert_eq!(check(&format!("t={NOW},v1={good}"), BODY, NOW - 300), Ok(()));
        for (header, body, seconds, expected) in [
            (format!("t={NOW},v1={good}"), BODY, NOW + 301, SignatureError::Stale),
            (format!("t={NOW},v1={good}"), BODY, NOW - 301, SignatureError::Stale),
            (format!("t={},v1={good}", NOW + 1), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW},v1={good}"), b"{}".as_slice(), NOW, SignatureError::Mismatch),
            (format!("t={NOW},v1={other}"), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW},v0={good}"), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW},v1={}", &good[..62]), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW},v1=zz"), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW},v1="), BODY, NOW, SignatureError::Mismatch),
            (format!("t={NOW}"), BODY, NOW, SignatureError::Mismatch),
            (format!("v1={good}"), BODY, NOW, SignatureError::Malformed),
            (format!("t=soon,v1={good}"), BODY, NOW, SignatureError::Malformed),
            (format!("t={},v1={good}", i64::MIN), BODY, NOW, SignatureError::Stale),
            (String::new(), BODY, NOW, SignatureError::Malformed),
        ] {
            assert_eq!(check(&header, body, seconds), Err(expected), "{header}");
        }
    }

    #[test]
    fn reads_what_became_of_a_checkout() {
        let id = PurchaseId::new();
        let event = |kind: &str, status: &str| {
            let body = serde_json::json!({
                "id": "evt_1", "object": "event", "type": kind,
                "data": { "object": {
                    "id": "cs_1", "object": "checkout.session", "client_reference_id": null, "payment_status": status,
                    "metadata": { "purchase_id": id, "other": "x" }, "amount_total": 500, "currency": "usd",
                } },
            });
            StripeEvent::parse(body.to_string().as_bytes()).unwrap()
        };
        for (kind, status, fate) in [
            ("checkout.session.completed", "paid", CheckoutFate::Paid),
            ("checkout.session.completed", "no_payment_required", CheckoutFate::Paid),
            ("checkout.session.completed", "unpaid", CheckoutFate::Open),
            ("checkout.session.async_payment_succeeded", "paid", CheckoutFate::Paid),
            ("checkout.session.async_payment_failed", "unpaid", CheckoutFate::Lost),
            ("checkout.session.expired", "unpaid", CheckoutFate::Lost),
            ("checkout.session.something_new", "paid", CheckoutFate::Open),
        ] {
            let read = event(kind, status).unwrap();
            assert_eq!((read.fate, read.purchase, read.session.as_str()), (fate, Some(id), "cs_1"), "{kind} {status}");
        }
        assert_eq!(event("charge.succeeded", "paid"), None);
        for body in ["", "[]", "{}", r#"{"type":"checkout.session.completed","data":{"object":{}}}"#] {
            assert!(StripeEvent::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
