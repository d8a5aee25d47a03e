//! Networks on both databases, against a real HTTP server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod agents;
mod calls;
mod deliveries;
mod members;
mod peer;
mod settled;
mod waiting;
mod words;
mod world;
