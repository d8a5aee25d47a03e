//! Webhooks: owners are told of what happens to them.
//!
//! - A [`Webhook`] belongs to an owner, and names a URL and the events ([`EventKind`]) that are to be told there.
//! - A [`Delivery`] is one event on its way to one webhook: pending, then delivered, dead or cancelled. An [`Attempt`] is one
//!   time that it was sent.
//! - [`Webhooks::start`] sets two tasks to work: a reader, which follows the outbox and queues deliveries, and a courier, which
//!   sends them. A lane is the queue of one webhook; one courier at a time serves it ([`rialto_jobs::lanes`]).
//!
//! # Invariants
//! 1. An event is told to those who are party to it, and to nobody else.
//! 2. An event and a webhook make one delivery, whatever dies in between and however many processes read the outbox: it is queued in
//!    the transaction that moves the reader's place, and the pair is unique.
//! 3. A webhook is told of events that were written after it was made.
//! 4. A delivery has one id and one body at all attempts.
//! 5. Of one subject, deliveries to one webhook are sent one after another in the order of their events, as far as first attempts
//!    go: what fails is sent again while others go on.
//! 6. No transaction is open while somebody's server is being called, and no owner's servers, however slow, take all places.
//! 7. Secrets are encrypted, and bound to their webhook. A secret that was given is never shown.
//! 8. An owner has [`WEBHOOKS_MAX`] webhooks at most, also when many are made at once.

pub mod check;
mod courier;
mod error;
mod event;
mod log;
mod model;
mod reader;
mod service;
mod sql;
pub mod store;
mod subscribe;
mod upkeep;

pub use error::WebhookError;
pub use log::{LogPage, LogQuery, find_delivery, list_deliveries, replay, send_test};
pub use model::{Attempt, Delivery, DeliveryId, DeliveryStatus, EventKind, Webhook, WebhookId};
pub use service::{Running, Webhooks, WebhooksConfig};
pub use subscribe::{
    NewWebhook, Rotated, WEBHOOKS_MAX, WebhookChanges, create_webhook, delete_webhook, find_webhook, list_webhooks, may_change,
    may_create, rotate_secret, update_webhook,
};
pub use upkeep::{Forgotten, KEPT, forget, forget_events};
