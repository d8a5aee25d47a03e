//! What PayPal tells us.

use std::sync::Arc;

use rialto_kernel::Clock;
use rialto_ledger::purchase::GatewayError;
use rialto_outbound::{Method, StatusCode};
use rialto_store::{Db, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Call, PAYPAL, PayPal, order::Link};
use crate::payments::{
    deposit::{Deposit, DepositId, DepositRail, DepositStatus, DepositStore, Fate, News},
    hook::{Heard, HookError, followed},
    provider,
};

/// How an event is signed: its headers, under the names that verifying them has.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PayPalHeaders {
    /// `PayPal-Transmission-Id`.
    pub transmission_id: String,
    /// `PayPal-Transmission-Time`.
    pub transmission_time: String,
    /// `PayPal-Transmission-Sig`.
    pub transmission_sig: String,
    /// `PayPal-Cert-Url`.
    pub cert_url: String,
    /// `PayPal-Auth-Algo`.
    pub auth_algo: String,
}

/// The longest of those headers, in bytes.
const HEADER_BYTES_MAX: usize = 1_000;

impl PayPalHeaders {
    fn are_there(&self) -> bool {
        let all = [&self.transmission_id, &self.transmission_time, &self.transmission_sig, &self.cert_url, &self.auth_algo];
        all.iter().all(|header| (1..=HEADER_BYTES_MAX).contains(&header.len()))
    }
}

#[derive(Serialize)]
struct Verify<'v> {
    #[serde(flatten)]
    headers: &'v PayPalHeaders,
    webhook_id: &'v str,
}

#[derive(Deserialize)]
struct Verified {
    verification_status: String,
}

#[derive(Deserialize)]
struct Event {
    event_type: String,
    resource: Resource,
}

#[derive(Default, Deserialize)]
struct Resource {
    id: Option<String>,
    custom_id: Option<String>,
    supplementary_data: Option<Supplement>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Supplement {
    related_ids: Option<Related>,
}

#[derive(Deserialize)]
struct Related {
    order_id: Option<String>,
    capture_id: Option<String>,
}

/// What an event is about, as far as it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct About {
    order: Option<String>,
    capture: Option<String>,
    deposit: Option<DepositId>,
    /// Whether the payer has the money back.
    returned: bool,
}

/// Reads what an event is about; nothing, when it is about something else than orders and captures.
fn about(body: &[u8]) -> Result<Option<About>, HookError> {
    let event: Event = serde_json::from_slice(body).map_err(|_| HookError::Malformed)?;
    let (kind, resource) = (event.event_type.as_str(), event.resource);
    let id = resource.id.as_deref().and_then(provider::word);
    let deposit = resource.custom_id.and_then(|id| id.parse().ok());
    let related = resource.supplementary_data.and_then(|data| data.related_ids);
    let word = |text: Option<String>| text.as_deref().and_then(provider::word);
    let (order, capture) = related.map_or((None, None), |related| (word(related.order_id), word(related.capture_id)));
    if kind.starts_with("CHECKOUT.ORDER.") {
        return Ok(Some(About { order: id, deposit, ..About::default() }));
    }
    let Some(what) = kind.strip_prefix("PAYMENT.CAPTURE.") else { return Ok(None) };
    let returned = matches!(what, "REFUNDED" | "REVERSED");
    // A refund is a resource of its own, and names its capture by a link.
    let up = resource.links.iter().find(|link| link.rel == "up").and_then(|link| link.href.rsplit('/').next());
    let capture = capture.or_else(|| if returned { up.and_then(provider::word) } else { None }).or(id);
    Ok(Some(About { order, capture, deposit, returned }))
}

async fn find(tx: &mut Tx, about: &About) -> Result<Option<Deposit>, StoreError> {
    let of_paypal = |deposit: &Deposit| deposit.rail == PAYPAL;
    if let Some(order) = &about.order
        && let Some(deposit) = tx.find_deposit_by_reference(PAYPAL, order).await?
    {
        return Ok(Some(deposit));
    }
    if let Some(id) = about.deposit
        && let Some(deposit) = tx.find_deposit(id).await?.filter(of_paypal)
    {
        return Ok(Some(deposit));
    }
    match &about.capture {
        Some(capture) => tx.find_deposit_by_payment(PAYPAL, capture).await,
        None => Ok(None),
    }
}

impl PayPal {
    /// Whether events are believed here at all.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.0.config.webhook_id.is_some()
    }

    /// Asks PayPal whether it has signed an event. The event goes there as it came, byte for byte.
    async fn verify(&self, headers: &PayPalHeaders, body: &[u8]) -> Result<(), HookError> {
        let Some(webhook_id) = self.0.config.webhook_id.as_deref() else { return Err(HookError::NotSigned) };
        let event: &RawValue = serde_json::from_slice(body).map_err(|_| HookError::Malformed)?;
        let _place = self.0.verifying.try_acquire().map_err(|_| HookError::Busy)?;
        let verify = serde_json::to_string(&Verify { headers, webhook_id }).map_err(|_| HookError::Malformed)?;
        let fields = verify.strip_suffix('}').unwrap_or(&verify);
        let request = format!("{fields},\"webhook_event\":{}}}", event.get());
        let path = "/v1/notifications/verify-webhook-signature";
        let response = self.call(Call { method: Method::POST, path, request_id: None, body: Some(request) }).await?;
        // Headers that it cannot make sense of are not its own.
        if matches!(response.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
            return Err(HookError::NotSigned);
        }
        let said: Verified = provider::read(&response)?;
        if said.verification_status == "SUCCESS" { Ok(()) } else { Err(HookError::NotSigned) }
    }
}

/// Hears an event: it has to be signed, and its deposit follows what the API says of the order. It may come twice, late, or in
/// another order.
///
/// # Errors
/// [`HookError`]; PayPal sends it again.
pub async fn hear(db: &Db, paypal: &PayPal, headers: &PayPalHeaders, body: &[u8], clock: &Clock) -> Result<Heard, HookError> {
    if !headers.are_there() {
        return Err(HookError::NotSigned);
    }
    let about = about(body)?;
    paypal.verify(headers, body).await?;
    let Some(about) = about.map(Arc::new) else { return Ok(Heard::Ignored("it is about something else than orders")) };
    let sought = Arc::clone(&about);
    let Some(deposit) = db.read(async move |tx: &mut Tx| find(tx, &sought).await).await? else {
        return Ok(Heard::Ignored("it belongs to no deposit of ours"));
    };
    let news = if about.returned {
        // What a reversal leaves of the capture is not told by it. Nothing is credited for it, so that the event may be believed.
        News::of(Fate::Returned).saying("The payment went back to the payer, or a part of it.")
    } else if deposit.status == DepositStatus::Completed {
        return Ok(Heard::Followed(Box::new(deposit)));
    } else {
        let known: Result<News, GatewayError> = paypal.ask(&deposit).await;
        known?
    };
    followed(db, deposit.id, news, clock).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_says_what_it_is_about() {
        let id = DepositId::new();
        let read = |kind: &str, resource: serde_json::Value| {
            about(json!({"id": "WH-1", "event_type": kind, "resource": resource}).to_string().as_bytes()).unwrap()
        };
        let approved = read("CHECKOUT.ORDER.APPROVED", json!({"id": "ORDER1", "status": "APPROVED"})).unwrap();
        assert_eq!(approved, About { order: Some("ORDER1".into()), ..About::default() });
        let captured = json!({"id": "CAP1", "custom_id": id, "supplementary_data": {"related_ids": {"order_id": "ORDER1"}}});
        let captured = read("PAYMENT.CAPTURE.COMPLETED", captured).unwrap();
        let all = About { order: Some("ORDER1".into()), capture: Some("CAP1".into()), deposit: Some(id), returned: false };
        assert_eq!(captured, all);
        let up = json!([{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/CAP1"}]);
        let refunded = read("PAYMENT.CAPTURE.REFUNDED", json!({"id": "REF1", "links": up})).unwrap();
        assert_eq!((refunded.capture.as_deref(), refunded.returned), (Some("CAP1"), true));
        assert_eq!(read("BILLING.SUBSCRIPTION.CREATED", json!({"id": "I-1"})), None);
        for body in ["", "[]", "{}", r#"{"event_type":1,"resource":{}}"#, r#"{"event_type":"CHECKOUT.ORDER.APPROVED"}"#] {
            assert_eq!(about(body.as_bytes()), Err(HookError::Malformed), "{body}");
        }
    }
}
