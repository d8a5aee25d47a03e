//! Webhooks on both databases.

mod deliveries;
mod peer;
mod reading;
mod subscriptions;
mod world;
