//! Payment rails: where money of another world is taken for credits and for balances, and how calls are paid for.
//!
//! - [`StripeGateway`] opens a checkout at Stripe, or at anything that speaks like it.
//! - [`webhook`] hears from it what became of the checkout. Nothing is believed that is not signed.
//!
//! The simulated gateway, which takes no money, is `rialto_ledger::purchase::SimulatedGateway`.
//!
//! - [`deposit`] fills the balance that an owner buys calls with; [`paypal`] and [`nowpayments`] bring the money for it.
//! - [`Rail`] is where the price of a call comes from: that balance, or the world outside, where [`x402`] fetches it.

pub mod deposit;
mod hook;
pub mod nowpayments;
pub mod paypal;
mod provider;
mod rail;
mod stripe;
pub mod webhook;
pub mod x402;

pub use hook::{Heard, HookError};
pub use rail::{Charge, Rail, RailError};
pub(crate) use rail::{collect, release};
use rialto_kernel::Id;
use sha2::{Digest, Sha256};
pub use stripe::{STRIPE, StripeConfig, StripeGateway};
use uuid::Uuid;

/// The same id as one of version 8, which cannot be chosen from outside: so a transfer can be known by what it is for, and nobody
/// can take its id in advance.
pub(crate) fn version_8<T, U>(id: Id<T>) -> Id<U> {
    let bytes = u128::from_be_bytes(*id.as_bytes());
    // The version is the upper half of the seventh byte (RFC 9562, section 4.2).
    Id::from_uuid(Uuid::from_u128((bytes & !(0xf_u128 << 76)) | (8_u128 << 76)))
}

/// An id that follows from these parts, for one purpose: the same whenever it is asked for, and of version 8, which cannot be chosen
/// from outside.
pub(crate) fn derived_id<T>(purpose: &str, parts: &[&[u8]]) -> Id<T> {
    let digest = parts.iter().fold(Sha256::new_with_prefix(purpose), |all, part| all.chain_update(Sha256::digest(part)));
    let bytes: [u8; 16] = digest.finalize().first_chunk().copied().unwrap_or_default();
    Id::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// A URL that payers go to, with the deposit in its query.
pub(crate) fn with_deposit(url: &str, id: &str) -> String {
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}deposit={id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_version_8_follows_from_another() {
        let id = Id::<()>::new();
        let derived: Id<()> = version_8(id);
        assert_eq!((derived.uuid().get_version_num(), id.uuid().get_version_num()), (8, 7));
        assert_eq!(derived, version_8(id));
        assert_ne!(derived, version_8(Id::<()>::new()));
    }

    #[test]
    fn an_id_follows_from_its_purpose_and_its_parts() {
        let of = |purpose: &str, parts: &[&[u8]]| derived_id::<()>(purpose, parts);
        let first = of("a", &[b"b", b"c"]);
        // They are in databases, and providers know them: they must never come out otherwise.
        assert_eq!(first.to_string(), "3f1f5f75-8d7d-8fee-914d-d25487ced8e3");
        assert_eq!(first.uuid().get_version_num(), 8);
        for other in [of("ab", &[b"c"]), of("a", &[b"bc", b""]), of("a", &[b"b"]), of("a", &[b"c", b"b"])] {
            assert_ne!(other, first);
        }
    }
}
