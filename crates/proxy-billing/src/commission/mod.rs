//! What the house takes of a call: the growth programme.
//!
//! A provider's rate rises with its time on the platform ([`standing`]), has a cap for the first providers and for those who have
//! sold a lot, and is lower for calls that are cheap and for providers that do well ([`commission`]). It is decided when a call
//! is made, and stays what it was.

mod rule;
mod store;
mod terms;

pub use rule::{FOUNDING_MAX, MILESTONE_MICRO, Quality, Standing, Terms, Tier, charge, commission, month_number, standing};
pub use store::CommissionStore;
pub use terms::{find_terms, terms_of};
