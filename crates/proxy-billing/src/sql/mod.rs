//! The SQL of the broker.

mod commission;
mod conversation;
mod deposit;
mod deposit_payment;
mod invocation;
mod kept;
mod schema;
mod settlement;
mod usage;
mod usage_sum;
mod x402;
mod x402_review;
