//! Proofs on the wire: what is shown, and what it came to.

use rialto_kernel::{AgentId, Timestamp};
use rialto_registry::identity::{IdentityType, Method, Profile, Verification};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Sight;

/// Which state of an agent somebody looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AsSeen {
    /// The agent's `updated_at`, as it was read.
    #[param(value_type = Option<String>, example = "2026-11-22T04:54:03.000001Z")]
    pub updated_at: Option<Timestamp>,
}

/// A token of an issuer that knows the agent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2t5YS5leGFtcGxlIn0.c2lnbmF0dXJl"}))]
pub struct KyaProof {
    /// A JWT, signed with RS256, ES256 or EdDSA: `iss`, `aud`, `exp`, and in `sub` the agent's id or its wallet's address.
    #[schema(max_length = 16384)]
    pub token: String,
}

/// Something to sign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "challenge": "Yk3Rr8mQ0q7n2vJm3l1b4S5t6u7v8w9x0y1z2A3B4C5", "domain": "rialto.example.com", "expires_at": "2026-11-22T04:59:03.000001Z",
}))]
pub struct ChallengeResponse {
    /// The `nonce` of the answer.
    pub challenge: String,
    /// Its `aud`.
    pub domain: String,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

/// An answer to a challenge.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "did": "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
    "proof": "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJkaWQ6a2V5Ono2TWsifQ.c2lnbmF0dXJl",
}))]
pub struct DidProof {
    /// `did:key` (Ed25519, P-256) or `did:web`.
    #[schema(max_length = 512)]
    pub did: String,
    /// A JWT signed with its key: `iss` the identifier, `aud` the domain and `nonce` the challenge.
    #[schema(max_length = 16384)]
    pub proof: String,
    /// A verifiable credential as a JWT, of an issuer that is trusted here, about the identifier.
    #[schema(max_length = 16384)]
    pub credential: Option<String>,
}

/// Who vouches for an agent, and how.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentVerification, example = json!({
    "agent_id": "0198c0de-0000-7000-8000-0123456789ab", "verified": true, "identity_type": "kya_jwt", "method": "kya_jwt",
    "issuer": "https://kya.example", "subject": "0198c0de-0000-7000-8000-0123456789ab",
    "verified_at": "2026-11-22T04:54:03.000001Z", "expires_at": "2027-11-22T04:54:03.000001Z",
}))]
pub struct VerificationResponse {
    /// The agent.
    pub agent_id: AgentId,
    /// Whether somebody vouches for it now.
    pub verified: bool,
    /// What it is known by.
    #[schema(value_type = String)]
    pub identity_type: IdentityType,
    /// How: `admin`, `kya_jwt`, `did_control` (it holds a key, which alone verifies nobody unless the operator says so) or `did_vc` (and somebody attests something of it). Null when nobody did.
    #[schema(value_type = Option<String>, required)]
    pub method: Option<Method>,
    /// Who says so.
    #[schema(required)]
    pub issuer: Option<String>,
    /// Of whom they say it.
    #[schema(required)]
    pub subject: Option<String>,
    /// Since when.
    #[schema(required)]
    pub verified_at: Option<Timestamp>,
    /// Until when; null for as long as nobody takes it back.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
}

impl VerificationResponse {
    /// What is known at this moment.
    pub fn new(profile: Profile, sight: &Sight) -> Self {
        let identity = profile.identity;
        let (agent_id, verified, identity_type) = (identity.agent, identity.is_verified(&sight.trust, sight.now), identity.kind);
        let bare = Self {
            agent_id,
            verified,
            identity_type,
            method: None,
            issuer: None,
            subject: None,
            verified_at: None,
            expires_at: None,
        };
        let Some(Verification { method, issuer, subject, at, expires_at, .. }) = identity.verification else { return bare };
        Self { method: Some(method), issuer, subject, verified_at: Some(at), expires_at, ..bare }
    }
}
