//! The formula as a table, and counting on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

mod rules;
mod store;
