//! What goes over the wire.

use rialto_delivery::{
    Attempt, Delivery, DeliveryId, DeliveryStatus, LogPage, LogQuery, NewWebhook, Rotated, Webhook, WebhookChanges, WebhookId,
};
use rialto_identity::Secret;
use rialto_kernel::Timestamp;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::http::{Problem, paging};

/// A webhook to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "https://my-agent.example.com/webhook", "events": ["service.called", "payment.completed"],
    "secret": "whsec_my_webhook_secret",
}))]
pub struct WebhookCreate {
    /// Where events are sent: `https://`, on the public internet.
    pub url: String,
    /// Of what it is told: `payment.completed`, `reputation.updated`, `service.called`, `service.failed`, `settlement.completed`,
    /// `settlement.created`, `settlement.failed`.
    pub events: Vec<String>,
    /// What signs what is sent. With `whsec_` and base64 behind it, libraries of Standard Webhooks take it, too.
    #[schema(value_type = String, format = Password)]
    pub secret: Secret,
}

impl From<&WebhookCreate> for NewWebhook {
    fn from(body: &WebhookCreate) -> Self {
        Self { url: body.url.clone(), events: body.events.clone(), secret: body.secret.expose().to_owned().into() }
    }
}

/// What is to change. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"events": ["service.called"], "active": true}))]
pub struct WebhookUpdate {
    /// Where events are sent.
    pub url: Option<String>,
    /// Of what it is told.
    pub events: Option<Vec<String>>,
    /// Whether it is told of anything. What is pending for one that is switched off is cancelled.
    pub active: Option<bool>,
    /// Refused: nobody is to believe that a secret was replaced that was not.
    #[schema(ignore)]
    pub secret: Option<IgnoredAny>,
}

impl From<WebhookUpdate> for WebhookChanges {
    fn from(body: WebhookUpdate) -> Self {
        Self { url: body.url, events: body.events, active: body.active }
    }
}

/// Who is told of what. The secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000051", "owner_id": "my-agent", "url": "https://my-agent.example.com/webhook",
    "events": ["payment.completed", "service.called"], "active": true, "created_at": "2026-03-19T10:00:00.000001Z",
}))]
pub struct WebhookResponse {
    /// Its id.
    pub id: WebhookId,
    /// The `owner_id` of its owner.
    pub owner_id: String,
    /// Where events are sent.
    pub url: String,
    /// Of what it is told, sorted.
    pub events: Vec<&'static str>,
    /// Whether it is told of anything.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<Webhook> for WebhookResponse {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            owner_id: webhook.owner_name,
            url: webhook.url,
            events: webhook.events.into_iter().map(|event| event.as_str()).collect(),
            active: webhook.is_active,
            created_at: webhook.created_at,
        }
    }
}

/// An owner's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// The newest first.
    pub webhooks: Vec<WebhookResponse>,
    /// How many.
    pub count: usize,
}

/// A webhook that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "deleted", "webhook_id": "0198c0de-0000-7000-8000-000000000051"}))]
pub struct WebhookDeleted {
    /// That it is `deleted`.
    pub status: &'static str,
    /// Which.
    pub webhook_id: WebhookId,
}

/// A secret to put in the place of the one in force.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({}))]
pub struct SecretRotate {
    /// Left out, or null: one is made.
    #[schema(value_type = Option<String>, format = Password)]
    pub secret: Option<Secret>,
}

/// A secret that was replaced.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "webhook_id": "0198c0de-0000-7000-8000-000000000051", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "previous_valid_until": "2026-03-20T10:00:00.000001Z",
}))]
pub struct SecretRotated {
    /// Of which webhook.
    pub webhook_id: WebhookId,
    /// The new secret, if it was made here. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before signs beside it, in `webhook-signature`.
    pub previous_valid_until: Timestamp,
}

impl From<Rotated> for SecretRotated {
    fn from(rotated: Rotated) -> Self {
        Self {
            webhook_id: rotated.webhook.id,
            secret: rotated.secret.map(|secret| secret.to_string()),
            previous_valid_until: rotated.retired_until,
        }
    }
}

/// An event on its way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000052", "webhook_id": "0198c0de-0000-7000-8000-000000000051",
    "event": "service.called", "status": "dead", "attempts": 4, "next_attempt_at": null, "last_status_code": 503,
    "last_error": "the receiver answered 503", "created_at": "2026-03-19T10:00:01.000001Z",
    "ended_at": "2026-03-19T10:00:08.000001Z",
}))]
pub struct DeliveryResponse {
    /// Its id, which is the `webhook-id` of all attempts.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// What happened.
    pub event: String,
    /// `pending`, `delivered`, `dead` or `cancelled`.
    pub status: &'static str,
    /// How often it was sent.
    pub attempts: i32,
    /// When a pending one is sent next.
    pub next_attempt_at: Option<Timestamp>,
    /// What the receiver answered last.
    pub last_status_code: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was delivered, given up or cancelled.
    pub ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryResponse {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook,
            event: delivery.event,
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.due_at,
            last_status_code: delivery.last_status,
            last_error: delivery.last_error,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
        }
    }
}

/// One time that a delivery was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptResponse {
    /// Which one, from 1.
    pub number: i32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: i64,
    /// What the receiver answered, if it did.
    pub status_code: Option<i32>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl From<Attempt> for AttemptResponse {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, duration_ms, status_code, error } = attempt;
        Self { number, at, duration_ms, status_code, error }
    }
}

/// A delivery in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryDetail {
    /// How it stands.
    #[serde(flatten)]
    pub delivery: DeliveryResponse,
    /// What is sent.
    #[schema(value_type = Object)]
    pub body: Option<Box<RawValue>>,
    /// The latest 50 attempts, in order.
    pub attempt_log: Vec<AttemptResponse>,
}

impl DeliveryDetail {
    /// All that is known of it.
    pub fn new(delivery: Delivery, body: String, attempts: Vec<Attempt>) -> Self {
        let attempt_log = attempts.into_iter().map(AttemptResponse::from).collect();
        Self { delivery: delivery.into(), body: RawValue::from_string(body).ok(), attempt_log }
    }
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryPage {
    /// `pending`, `delivered`, `dead` or `cancelled`.
    pub status: Option<String>,
    /// `next_cursor` of the page before.
    #[param(minimum = 1)]
    pub cursor: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<i64>,
}

impl DeliveryPage {
    /// What is asked for, or 400, or 422.
    pub fn query(&self) -> Result<LogQuery, Problem> {
        let status = self.status.as_deref().map(|word| {
            let known = DeliveryStatus::from_word(word);
            known.ok_or_else(|| Problem::rule("query.status", "must be pending, delivered, dead or cancelled"))
        });
        let limit = paging::number("limit", self.limit, 50, 1, 100)?;
        if self.cursor.is_some_and(|cursor| cursor < 1) {
            return Err(Problem::invalid("query.cursor", "must be a next_cursor"));
        }
        Ok(LogQuery { status: status.transpose()?, after: self.cursor, limit })
    }
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// The newest first.
    pub deliveries: Vec<DeliveryResponse>,
    /// How many are in this page.
    pub count: usize,
    /// The `cursor` of the next page; null when there is none.
    pub next_cursor: Option<i64>,
}

impl From<LogPage> for DeliveryList {
    fn from(page: LogPage) -> Self {
        let deliveries: Vec<_> = page.deliveries.into_iter().map(DeliveryResponse::from).collect();
        Self { count: deliveries.len(), deliveries, next_cursor: page.next }
    }
}
