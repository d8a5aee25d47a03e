//! Deposits by PayPal and NOWPayments: small servers play the providers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod asking;
mod debts;
mod fake;
mod nowpayments;
mod paypal;
mod store;
mod world;
