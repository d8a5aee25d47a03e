//! The SQL of the broker.

mod conversation;
mod invocation;
mod schema;
mod usage;
