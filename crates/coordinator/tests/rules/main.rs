//! The rules, without a database: order, conditions, templates, definitions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod definitions;
mod expressions;
mod order;
mod templates;
