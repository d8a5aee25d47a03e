//! What is shown to prove who an agent is: tokens of issuers, answers to challenges, credentials.
//!
//! All of it is a JWT in compact form. What can be said without a database is said here; that a token is about this agent, was not
//! used before, and that a challenge was made for it is for [`crate::identity`].
//!
//! - [`Verifier`] holds what the operator trusts, and the keys that were fetched.
//! - A token is signed with RS256, ES256 or EdDSA, by a key that is of that kind; nothing else is accepted, so that neither `none` nor
//!   a public key for a shared secret will do. A `crit` header, or a member that is there twice, is refused.
//! - Keys are fetched through `outbound`, each place once for all who wait for it, and are remembered; so is that a place has none.
//! - `did:key` (Ed25519, P-256) holds its key; `did:web` has it in a document on its host, which is fetched over https.

mod base58;
mod did;
mod documents;
mod jws;
mod key;
mod kya;
mod present;

use std::{collections::BTreeMap, sync::Arc};

use rialto_outbound::OutboundClient;

use documents::Documents;
pub use jws::TOKEN_BYTES_MAX;
pub use kya::Kya;
pub use present::Presented;

/// How far clocks may be apart, in seconds.
const LEEWAY_S: i64 = 60;

/// Why what was shown proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is no token, or none that is accepted.
    #[error("{what}: {why}")]
    Unreadable {
        /// The field that it was in.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It is one, and does not say what it should.
    #[error("{what}: {why}")]
    Refused {
        /// The field that it was in.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The operator has not named who signed it.
    #[error("{0} is not an issuer that is trusted here")]
    Untrusted(String),
    /// The operator wants somebody to attest something of the identifier.
    #[error("A credential of a trusted issuer is required")]
    CredentialRequired,
    /// The identifier is none that is understood.
    #[error("The identifier cannot be used: {0}")]
    BadDid(String),
    /// The keys of an issuer, or the document of an identifier, cannot be had.
    #[error("The keys of {whose} cannot be had: {why}")]
    NoKeys {
        /// Whose.
        whose: String,
        /// Why.
        why: String,
    },
}

/// Whom the operator trusts to say who an agent is.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Where the keys of each issuer of tokens are.
    pub kya_issuers: BTreeMap<String, String>,
    /// For whom those tokens have to be.
    pub kya_audience: String,
    /// The identifiers whose credentials count. With none of them, holding a key is enough.
    pub did_issuers: Vec<String>,
    /// Who asks for proofs: the `aud` of an answer to a challenge.
    pub domain: String,
}

/// Checks what is shown. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    trust: Arc<Trust>,
    documents: Documents,
}

impl Verifier {
    /// A verifier that fetches keys through `client`.
    #[must_use]
    pub fn new(trust: Trust, client: OutboundClient) -> Self {
        Self { trust: Arc::new(trust), documents: Documents::new(client) }
    }

    /// Who asks for proofs.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.trust.domain
    }
}

/// Enough of a stranger's text to tell what is meant.
fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(128).collect()
}
