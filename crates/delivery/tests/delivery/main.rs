//! Webhooks on both databases, against a real HTTP server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod deliveries;
mod peer;
mod places;
mod reading;
mod subscriptions;
mod world;
