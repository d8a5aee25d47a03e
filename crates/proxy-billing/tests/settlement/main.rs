//! What calls come to, what providers are owed and paid, and what the house takes of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod rules;
mod store;
mod usage;
mod world;
