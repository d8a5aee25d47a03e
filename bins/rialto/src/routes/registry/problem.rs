//! How the registry's refusals look.

use actix_web::http::StatusCode;
use rialto_outbound::UrlRefusal;
use rialto_registry::{RegistryError, proof::ProofError};

use crate::http::Problem;

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let said = error.to_string();
        match error {
            RegistryError::NotFound | RegistryError::ServiceNotFound => Self::not_found(said),
            RegistryError::NotOwner { .. }
            | RegistryError::NotYourService { .. }
            | RegistryError::NotSeller
            | RegistryError::ReadOnly
            | RegistryError::AdminOnly
            | RegistryError::OwnAgent => Self::forbidden(said),
            RegistryError::HeldByAdmin => Self::new(StatusCode::FORBIDDEN, "agent-held", said),
            RegistryError::Proof(error) => error.into(),
            RegistryError::WrongSubject => Self::bad_request("wrong-subject", said),
            RegistryError::VerificationBarred => Self::new(StatusCode::FORBIDDEN, "verification-barred", said),
            RegistryError::WeakerProof => Self::conflict("weaker-proof", said),
            RegistryError::NotAsSeen => Self::conflict("agent-changed", said),
            RegistryError::DidTaken => Self::conflict("did-taken", said),
            RegistryError::ProofUsed => Self::conflict("proof-used", said),
            RegistryError::ChallengeUnknown => Self::conflict("challenge-unknown", said),
            RegistryError::ServiceRemoved => Self::new(StatusCode::GONE, "service-removed", said),
            RegistryError::Invalid { field, message } => Self::invalid(format!("body.{field}"), message),
            RegistryError::AgentIdTaken(_) => Self::conflict("agent-id-taken", said),
            RegistryError::Cipher(error) => Self::internal(error),
            RegistryError::Store(error) => error.into(),
        }
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let said = error.to_string();
        match error {
            ProofError::Unreadable { .. } => Self::bad_request("proof-unreadable", said),
            ProofError::Refused { .. } => Self::bad_request("proof-refused", said),
            ProofError::Untrusted(_) => Self::bad_request("issuer-not-trusted", said),
            ProofError::CredentialRequired => Self::bad_request("credential-required", said),
            ProofError::BadDid(_) => Self::bad_request("did-not-usable", said),
            ProofError::NoKeys { .. } => Self::new(StatusCode::BAD_GATEWAY, "keys-unavailable", said),
            ProofError::FetchedEnough { wait } => {
                let seconds = wait.as_secs().saturating_add(1);
                Self::new(StatusCode::TOO_MANY_REQUESTS, "fetched-enough", said).retry_after(seconds)
            }
        }
    }
}

/// The same, for an operation whose input is in the query string.
pub fn in_query(error: RegistryError) -> Problem {
    match error {
        RegistryError::Invalid { field, message } => Problem::invalid(format!("query.{field}"), message),
        other => other.into(),
    }
}

/// 400: the endpoint may not be called, in the words that clients know.
pub(super) fn endpoint_refused(refusal: &UrlRefusal) -> Problem {
    Problem::bad_request("endpoint-refused", format!("invoke_endpoint {refusal}"))
}
