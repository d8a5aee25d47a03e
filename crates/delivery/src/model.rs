//! Webhooks, deliveries and attempts.

use rialto_kernel::{Id, OwnerId, Timestamp, nouns, words};
use uuid::Uuid;

/// The id of a webhook.
pub type WebhookId = Id<nouns::Webhook>;
/// The id of a delivery. Its receiver sees it as the `webhook-id`, at every attempt.
pub type DeliveryId = Id<nouns::Delivery>;

words! {
    /// What may be told. The words are those of the outbox.
    EventKind {
        /// A call was paid.
        PaymentCompleted = "payment.completed",
        /// The score of a provider has changed.
        ReputationUpdated = "reputation.updated",
        /// A service was called, and has answered.
        ServiceCalled = "service.called",
        /// A service was called, and nothing was delivered.
        ServiceFailed = "service.failed",
        /// A settlement was paid.
        SettlementCompleted = "settlement.completed",
        /// A settlement was made.
        SettlementCreated = "settlement.created",
        /// A settlement will not be paid.
        SettlementFailed = "settlement.failed",
    }
}

impl EventKind {
    /// All of them, in the order of their words.
    pub const ALL: [Self; 7] = [
        Self::PaymentCompleted,
        Self::ReputationUpdated,
        Self::ServiceCalled,
        Self::ServiceFailed,
        Self::SettlementCompleted,
        Self::SettlementCreated,
        Self::SettlementFailed,
    ];
}

words! {
    /// How a delivery stands.
    DeliveryStatus {
        /// It is sent, or will be sent again.
        Pending = "pending",
        /// The receiver has taken it.
        Delivered = "delivered",
        /// It was sent as often as it may be, in vain. It can be replayed.
        Dead = "dead",
        /// Its webhook was switched off or deleted meanwhile.
        Cancelled = "cancelled",
    }
}

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: OwnerId,
    /// What the owner is called.
    pub owner_name: String,
    /// Where its events are sent.
    pub url: String,
    /// Of what it is told, in the order of the words.
    pub events: Vec<EventKind>,
    /// Whether it is told of anything.
    pub is_active: bool,
    /// It is told of events behind this number.
    pub since_seq: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An event on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its place among all.
    pub seq: i64,
    /// Its id.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook: WebhookId,
    /// What happened: the word of an [`EventKind`], or `webhook.test`.
    pub event: String,
    /// How it stands.
    pub status: DeliveryStatus,
    /// How often it was sent.
    pub attempts: i32,
    /// When a pending one is sent next.
    pub due_at: Option<Timestamp>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was delivered, given up or cancelled.
    pub ended_at: Option<Timestamp>,
    /// What the receiver answered last.
    pub last_status: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// One time that a delivery was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
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

/// A delivery to be queued.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook: WebhookId,
    /// The event's number in the outbox; none for a test.
    pub event_seq: Option<i64>,
    /// What happened.
    pub event: &'static str,
    /// To what.
    pub subject: Uuid,
    /// What is sent.
    pub body: String,
}
