//! How the refusals of networks look.

use actix_web::http::StatusCode;
use rialto_networks::NetworkError;
use rialto_outbound::UrlRefusal;
use serde_json::json;

use crate::{
    compose::App,
    http::{
        Problem,
        command::{key_reused, key_running},
    },
};

impl From<NetworkError> for Problem {
    fn from(error: NetworkError) -> Self {
        let said = error.to_string();
        match error {
            NetworkError::NetworkUnknown
            | NetworkError::ParticipantUnknown
            | NetworkError::SenderUnknown
            | NetworkError::RecipientUnknown
            | NetworkError::MessageUnknown
            | NetworkError::AgentUnknown => Self::not_found(said),
            NetworkError::NetworkNotActive => Self::bad_request("network-not-active", said),
            NetworkError::ParticipantNotActive | NetworkError::SenderNotActive | NetworkError::RecipientNotActive => {
                Self::bad_request("participant-not-active", said)
            }
            NetworkError::Unreachable => Self::bad_request("participant-unreachable", said),
            NetworkError::AgentPriced => Self::bad_request("agent-priced", said),
            NetworkError::AgentWithoutEndpoint => Self::bad_request("agent-without-endpoint", said),
            NetworkError::AgentSpeaksA2a => Self::bad_request("agent-speaks-a2a", said),
            NetworkError::NoCallback => Self::bad_request("no-callback", said),
            NetworkError::AgentPresent => Self::bad_request("agent-already-in-network", said),
            NetworkError::Topology(_) => Self::bad_request("topology-violation", said),
            NetworkError::Full(_) => Self::conflict("network-full", said),
            NetworkError::AgentNotActive(_) => Self::new(StatusCode::FORBIDDEN, "agent-not-active", said),
            NetworkError::ReadOnly => Self::forbidden(said),
            NetworkError::BadCapability => Self::new(StatusCode::FORBIDDEN, "bad-callback-signature", said),
            NetworkError::Invalid { field, message } => Self::invalid(format!("body.{field}"), message),
            NetworkError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "networks-busy", said).retry_after(1),
            NetworkError::OwnerBusy => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-calls", said).retry_after(1),
            NetworkError::Interrupted => Self::new(StatusCode::SERVICE_UNAVAILABLE, "interrupted", said).retry_after(1),
            NetworkError::CallTimeout { message, .. } => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "call-timeout", said).with("message_id", json!(message))
            }
            NetworkError::CallFailed { message, .. } => {
                Self::new(StatusCode::BAD_GATEWAY, "call-failed", said).with("message_id", json!(message))
            }
            NetworkError::KeyRunning => key_running(),
            NetworkError::KeyReused => key_reused(),
            NetworkError::Cipher(error) => Self::internal(error),
            NetworkError::Registry(error) => Self::internal(error),
            NetworkError::Store(error) => error.into(),
        }
    }
}

/// Refuses a callback that may not be called. It looks names up, so it stands before the transaction.
pub async fn judge(app: &App, callback: Option<&str>) -> Result<(), Problem> {
    let Some(url) = callback else { return Ok(()) };
    app.outbound.policy().check_url(url).await.map(drop).map_err(|refusal| callback_refused(&refusal))
}

fn callback_refused(refusal: &UrlRefusal) -> Problem {
    Problem::bad_request("callback-refused", format!("Callback URL {refusal}"))
}
