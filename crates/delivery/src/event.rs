//! What an event of the outbox says to those who are party to it.

use std::collections::HashMap;

use rialto_kernel::{Amount, Asset, OwnerId, Timestamp};
use rialto_store::outbox::Recorded;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::model::{DeliveryId, EventKind, NewDelivery, Webhook, WebhookId};

/// What a test of a webhook is called.
pub(crate) const TEST: &str = "webhook.test";

/// What is sent, as the reference has it, field for field.
#[derive(Serialize)]
struct Body<'b> {
    event: &'static str,
    payload: &'b RawValue,
    timestamp: Timestamp,
    webhook_id: WebhookId,
}

/// What is told of a call, as the reference has it. Who called and who was called are told by their names.
#[derive(Serialize)]
struct CallPayload<'d> {
    usage_id: &'d Value,
    service_id: &'d Value,
    buyer_id: &'d str,
    provider_id: &'d str,
    /// A number, digit for digit as the decimal is: no float has it in between.
    amount_usd: Box<RawValue>,
    payment_method: &'d Value,
    status_code: &'d Value,
    latency_ms: &'d Value,
    /// Why nothing was delivered.
    #[serde(skip_serializing_if = "Value::is_null")]
    reason: &'d Value,
}

/// An event, and who is party to it.
#[derive(Debug)]
pub(crate) struct Fact<'r> {
    pub kind: EventKind,
    /// Each once.
    pub parties: Vec<OwnerId>,
    recorded: &'r Recorded,
}

impl<'r> Fact<'r> {
    /// What was recorded, if somebody may be told of it. Both the buyer and the provider of a call are party to it.
    pub(crate) fn of(recorded: &'r Recorded) -> Option<Self> {
        let kind = EventKind::from_word(&recorded.kind)?;
        let call = ["buyer_owner_id", "provider_owner_id"].map(|field| owner_in(&recorded.data, field));
        let mut parties: Vec<OwnerId> = [recorded.owner].into_iter().chain(call).flatten().collect();
        parties.sort_unstable();
        parties.dedup();
        Some(Self { kind, parties, recorded })
    }

    /// Whether a webhook is to be told of it.
    pub(crate) fn concerns(&self, webhook: &Webhook) -> bool {
        webhook.is_active
            && self.recorded.seq > webhook.since_seq
            && self.parties.contains(&webhook.owner)
            && webhook.events.contains(&self.kind)
    }

    /// What it says, the same to everybody; `None` when it makes no sense.
    pub(crate) fn payload(&self, names: &HashMap<OwnerId, String>) -> Option<Box<RawValue>> {
        let data = &self.recorded.data;
        match self.kind {
            EventKind::PaymentCompleted | EventKind::ServiceCalled | EventKind::ServiceFailed => {
                let failed = self.kind == EventKind::ServiceFailed;
                let name = |field| owner_in(data, field).and_then(|owner| names.get(&owner));
                let amount = Amount::from_decimal(data.get("amount_usd")?.as_str()?, Asset::USDC).ok()?;
                let call = CallPayload {
                    usage_id: data.get("usage_id")?,
                    service_id: data.get("service_id")?,
                    buyer_id: name("buyer_owner_id")?,
                    provider_id: name("provider_owner_id")?,
                    amount_usd: RawValue::from_string(amount.to_decimal(Asset::USDC)).ok()?,
                    payment_method: data.get("payment_method")?,
                    status_code: data.get("status_code")?,
                    latency_ms: data.get("latency_ms")?,
                    reason: data.get("reason").filter(|_| failed).unwrap_or(&Value::Null),
                };
                serde_json::value::to_raw_value(&call).ok()
            }
            EventKind::ReputationUpdated
            | EventKind::SettlementCompleted
            | EventKind::SettlementCreated
            | EventKind::SettlementFailed => serde_json::value::to_raw_value(data).ok(),
        }
    }

    /// It, on its way to a webhook.
    pub(crate) fn delivery(&self, webhook: &Webhook, payload: &RawValue) -> Option<NewDelivery> {
        let Recorded { seq, subject, at, .. } = self.recorded;
        delivery(webhook.id, Some(*seq), self.kind.as_str(), *subject, payload, *at)
    }

    pub(crate) const fn seq(&self) -> i64 {
        self.recorded.seq
    }
}

fn owner_in(data: &Value, field: &str) -> Option<OwnerId> {
    data.get(field)?.as_str()?.parse().ok()
}

/// A test, on its way to a webhook.
pub(crate) fn test(webhook: &Webhook, now: Timestamp) -> Option<NewDelivery> {
    let payload = RawValue::from_string(r#"{"message":"This is a test."}"#.to_owned()).ok()?;
    // Each is about itself: tests do not wait for each other.
    delivery(webhook.id, None, TEST, DeliveryId::new().uuid(), &payload, now)
}

fn delivery(
    webhook: WebhookId,
    event_seq: Option<i64>,
    event: &'static str,
    subject: Uuid,
    payload: &RawValue,
    timestamp: Timestamp,
) -> Option<NewDelivery> {
    let body = serde_json::to_string(&Body { event, payload, timestamp, webhook_id: webhook }).ok()?;
    Some(NewDelivery { id: DeliveryId::new(), webhook, event_seq, event, subject, body })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(kind: &str, owner: OwnerId, data: Value) -> Recorded {
        Recorded { seq: 7, kind: kind.to_owned(), subject: Uuid::nil(), owner: Some(owner), data, at: Timestamp::default() }
    }

    fn webhook(owner: OwnerId, events: &[EventKind]) -> Webhook {
        Webhook {
            id: WebhookId::new(),
            owner,
            owner_name: "a".into(),
            url: "https://a.example/".into(),
            events: events.to_vec(),
            is_active: true,
            since_seq: 6,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    fn call(buyer: OwnerId, provider: OwnerId, amount: &str) -> Value {
        json!({
            "usage_id": "u", "service_id": "s", "buyer_owner_id": buyer, "provider_owner_id": provider, "amount_usd": amount,
            "commission_usd": "0.01", "payment_method": "balance", "free_tier": false, "status_code": 200, "latency_ms": 150,
            "reason": null,
        })
    }

    #[test]
    fn a_call_is_told_to_its_two_parties_in_the_words_of_the_reference() {
        let (buyer, provider) = (OwnerId::new(), OwnerId::new());
        let recorded = recorded("service.called", provider, call(buyer, provider, "0.1"));
        let fact = Fact::of(&recorded).unwrap();
        let subscribed = [EventKind::ServiceCalled];
        assert!(fact.concerns(&webhook(buyer, &subscribed)) && fact.concerns(&webhook(provider, &subscribed)));
        assert!(!fact.concerns(&webhook(OwnerId::new(), &subscribed)));
        assert!(!fact.concerns(&webhook(buyer, &[EventKind::PaymentCompleted])));
        assert!(!fact.concerns(&Webhook { since_seq: 7, ..webhook(buyer, &subscribed) }));
        assert!(!fact.concerns(&Webhook { is_active: false, ..webhook(buyer, &subscribed) }));

        let names = HashMap::from([(buyer, "my-agent".to_owned()), (provider, "shop \"1\"".to_owned())]);
        let hook = webhook(buyer, &subscribed);
        let sent = fact.delivery(&hook, &fact.payload(&names).unwrap()).unwrap();
        let payload = r#"{"usage_id":"u","service_id":"s","buyer_id":"my-agent","provider_id":"shop \"1\"","amount_usd":0.10,"payment_method":"balance","status_code":200,"latency_ms":150}"#;
        let body = format!(
            r#"{{"event":"service.called","payload":{payload},"timestamp":"1970-01-01T00:00:00.000000Z","webhook_id":"{}"}}"#,
            hook.id
        );
        assert_eq!((sent.body, sent.event_seq), (body, Some(7)));
    }

    #[test]
    fn an_amount_is_a_number_without_a_float_in_between() {
        let owner = OwnerId::new();
        let names = HashMap::from([(owner, "a".to_owned())]);
        for (amount, number) in
            [("0.000001", "0.000001"), ("9007199254.740991", "9007199254.740991"), ("0", "0.00"), ("2.1", "2.10")]
        {
            let recorded = recorded("payment.completed", owner, call(owner, owner, amount));
            let fact = Fact::of(&recorded).unwrap();
            assert_eq!(fact.parties, [owner]);
            assert!(fact.payload(&names).unwrap().get().contains(&format!(r#""amount_usd":{number},"#)), "{amount}");
        }
        for nonsense in ["1e5", "NaN", "", "1}"] {
            let recorded = recorded("payment.completed", owner, call(owner, owner, nonsense));
            assert!(Fact::of(&recorded).unwrap().payload(&names).is_none(), "{nonsense}");
        }
    }

    #[test]
    fn other_events_are_their_owners_and_say_what_was_recorded() {
        let owner = OwnerId::new();
        let recorded = recorded("settlement.completed", owner, json!({"net_amount": "9.45"}));
        let fact = Fact::of(&recorded).unwrap();
        assert_eq!(fact.parties, [owner]);
        assert_eq!(fact.payload(&HashMap::new()).unwrap().get(), r#"{"net_amount":"9.45"}"#);
        let other = Recorded { kind: "wallet.opened".into(), ..recorded.clone() };
        assert!(Fact::of(&other).is_none());
    }
}
