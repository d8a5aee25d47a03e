//! Balances that are filled with money of the outer world.

// The servers that the rails' own tests play the providers with.
mod debts;
#[path = "../../../../crates/proxy-billing/tests/deposits/fake.rs"]
mod fake;
mod nowpayments;
mod paypal;
mod thief;
