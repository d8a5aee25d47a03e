//! The rules, without a database: order, conditions, templates, definitions.

mod definitions;
mod expressions;
mod order;
mod templates;
