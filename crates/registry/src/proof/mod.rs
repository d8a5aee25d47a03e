//! What is shown to prove who an agent is: tokens of issuers, answers to challenges, credentials.
//!
//! All of it is a JWT in compact form. What can be said without a database is said here; that a token is about this agent, was not
//! used before, and that a challenge was made for it is for [`crate::identity`].
//!
//! - [`Verifier`] holds what the operator trusts, and the keys that were fetched.
//! - A token is signed with RS256, ES256 or EdDSA, by a key that is of that kind; nothing else is accepted, so that neither `none` nor
//!   a public key for a shared secret will do. A `crit` header, or a member that is there twice, is refused.
//! - Keys are fetched through `outbound`, each place once for all who wait for it, and are remembered; so is that a place has none.
//!   Those of issuers that the operator trusts serve on for a while when they cannot be fetched again. What strangers name is
//!   fetched when their challenge is found good, and so many times a minute for one owner.
//! - `did:key` (Ed25519, P-256) holds its key; `did:web` has it in a document on its host, which is fetched over https.

mod base58;
mod budget;
mod did;
mod documents;
mod jws;
mod key;
mod kya;
mod present;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rialto_outbound::OutboundClient;

use crate::identity::Method;

use budget::Budget;
pub use budget::FETCHES_MAX;
use documents::Documents;
pub use jws::TOKEN_BYTES_MAX;
pub use kya::Kya;
pub use present::{Answer, Attested, Presented};

/// How far clocks may be apart, in seconds.
const LEEWAY_S: i64 = 60;
/// How long the last keys of somebody whom the operator trusts serve while they cannot be fetched: an outage of theirs is none of
/// ours, and a key that they gave up is to end some time.
pub const LAST_GOOD_LASTS: Duration = Duration::from_secs(6 * 60 * 60);

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
    /// Why is not said: whoever names a host is not to learn by that what is there.
    #[error("The keys of {0} cannot be had; try again later")]
    NoKeys(String),
    /// As many documents were fetched for the caller as may be in a minute.
    #[error("Too many documents were fetched for you; try again later")]
    FetchedEnough {
        /// How long until there may be another.
        wait: Duration,
    },
}

/// Whom the operator trusts to say who an agent is.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Where the keys of each issuer of tokens are.
    pub kya_issuers: BTreeMap<String, String>,
    /// For whom those tokens have to be.
    pub kya_audience: String,
    /// The identifiers whose credentials count. With none of them no credential is asked for.
    pub did_issuers: Vec<String>,
    /// The types of which a credential has to have one; with none of them any will do.
    pub did_types: Vec<String>,
    /// Whether holding the key of an identifier verifies an agent. Anybody makes such a key.
    pub did_control: bool,
    /// Who asks for proofs: the `aud` of an answer to a challenge.
    pub domain: String,
}

impl Trust {
    /// Whether somebody who vouched in this way counts now.
    #[must_use]
    pub fn accepts(&self, method: Method, issuer: Option<&str>) -> bool {
        match method {
            Method::Admin => true,
            Method::KyaJwt => issuer.is_some_and(|issuer| self.kya_issuers.contains_key(issuer)),
            Method::DidVc => issuer.is_some_and(|issuer| self.did_issuers.iter().any(|did| did == issuer)),
            Method::DidControl => self.did_control,
        }
    }
}

/// Checks what is shown. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    trust: Arc<Trust>,
    /// Of those that the operator trusts. What strangers name does not push them out.
    trusted: Documents,
    documents: Documents,
    /// What those are fetched for strangers.
    budget: Budget,
}

impl Verifier {
    /// A verifier that fetches keys through `client`.
    #[must_use]
    pub fn new(trust: Trust, client: OutboundClient) -> Self {
        let (trusted, documents) = (Documents::new(client.clone(), LAST_GOOD_LASTS), Documents::new(client, Duration::ZERO));
        Self { trust: Arc::new(trust), trusted, documents, budget: Budget::default() }
    }

    /// What the operator trusts.
    #[must_use]
    pub fn trust(&self) -> &Arc<Trust> {
        &self.trust
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
