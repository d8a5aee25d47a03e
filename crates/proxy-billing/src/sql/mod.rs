//! The SQL of the broker.

mod commission;
mod conversation;
mod deposit;
mod invocation;
mod schema;
mod settlement;
mod usage;
mod x402;
