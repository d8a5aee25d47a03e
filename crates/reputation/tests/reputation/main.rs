//! The formula as a table, and counting on both databases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod rules;
mod store;
