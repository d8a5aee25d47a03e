//! Payment rails: where money of another world is taken for credits.
//!
//! - [`StripeGateway`] opens a checkout at Stripe, or at anything that speaks like it.
//! - [`webhook`] hears from it what became of the checkout. Nothing is believed that is not signed.
//!
//! The simulated gateway, which takes no money, is `rialto_ledger::purchase::SimulatedGateway`.

mod stripe;
pub mod webhook;

pub use stripe::{STRIPE, StripeConfig, StripeGateway};
