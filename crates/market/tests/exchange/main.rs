//! The exchange on both databases.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

mod candles;
mod deliveries;
mod keys;
mod money;
mod naive;
mod processes;
mod races;
mod reads;
mod replicas;
mod rules;
mod standings;
mod support;
