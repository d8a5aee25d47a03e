//! The event envelope.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{OwnerId, Timestamp};

/// A fact, to be written in the transaction that made it true (`rialto_store::outbox::append`).
///
/// Readers receive the events of one `subject` in the order they were committed, each at least once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// What happened, as `noun.verb`: `agent.registered`, `invocation.completed`.
    pub kind: &'static str,
    /// The thing it happened to; events of one subject are kept in order.
    pub subject: Uuid,
    /// Whose event it is, for those who may only see their own.
    pub owner: Option<OwnerId>,
    /// What is worth knowing about it. Never a secret.
    pub data: Value,
    /// When it happened.
    pub at: Timestamp,
}
