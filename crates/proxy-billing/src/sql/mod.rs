//! The SQL of the broker.

mod conversation;
mod deposit;
mod invocation;
mod schema;
mod usage;
