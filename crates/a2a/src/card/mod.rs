//! Cards: what an agent says about itself.

mod fetch;
mod jcs;
mod publish;
mod read;
mod shape;
mod signature;

pub use fetch::{CARD_BYTES_MAX, FetchError, Fetched, fetch};
pub use jcs::canonical;
pub(crate) use publish::MODES;
pub use publish::{Platform, agent_card, legacy_agent_card, legacy_platform_card, platform_card};
pub use read::{CardError, CardView, read};
pub use signature::{Signature, SignatureStatus, verify, verify_with};
