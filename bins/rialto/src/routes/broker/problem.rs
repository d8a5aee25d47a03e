//! How the broker's refusals look.

use actix_web::http::StatusCode;
use rialto_proxy_billing::BrokerError;
use serde_json::Value;

use super::dto::InvokeResponse;
use crate::http::{
    Problem,
    command::{key_reused, key_running},
};

impl From<BrokerError> for Problem {
    fn from(error: BrokerError) -> Self {
        let said = error.to_string();
        match error {
            BrokerError::AgentNotCallable
            | BrokerError::AgentUnknown
            | BrokerError::ConversationUnknown
            | BrokerError::MessageUnknown => Self::not_found(said),
            BrokerError::AgentWithoutEndpoint => Self::conflict("agent-without-endpoint", said),
            BrokerError::InsufficientCredits => Self::payment_required(said),
            BrokerError::PriceAboveCap => Self::new(StatusCode::PAYMENT_REQUIRED, "price-above-cap", said),
            BrokerError::WalletNotOpen => Self::conflict("wallet-not-open", said),
            BrokerError::CredentialsMissing => Self::new(StatusCode::SERVICE_UNAVAILABLE, "credentials-missing", said),
            BrokerError::ReadOnly => Self::forbidden(said),
            BrokerError::KeyRunning => key_running(),
            BrokerError::KeyReused => key_reused(),
            BrokerError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "broker-busy", said).retry_after(1),
            BrokerError::OwnerBusy => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-calls", said).retry_after(1),
            BrokerError::Interrupted => Self::new(StatusCode::SERVICE_UNAVAILABLE, "interrupted", said).retry_after(1),
            BrokerError::Registry(_) | BrokerError::Ledger(_) => Self::internal(error),
            BrokerError::Store(error) => error.into(),
        }
    }
}

/// What a caller of an agent is told when no call was made: 402 with the fields of an answer for a wallet that does not
/// cover the price, an answer with the status inside for what its clients read there, a problem for the rest.
pub fn refusal(error: BrokerError) -> Result<InvokeResponse<'static>, Problem> {
    match error {
        BrokerError::InsufficientCredits | BrokerError::PriceAboveCap => {
            let said = error.to_string();
            Err(with_answer(error.into(), &InvokeResponse::refused(402, &said)))
        }
        BrokerError::AgentNotCallable | BrokerError::AgentUnknown => {
            Ok(InvokeResponse::refused(404, "Agent not found or inactive"))
        }
        BrokerError::ConversationUnknown => Ok(InvokeResponse::refused(404, "Conversation not found or access denied")),
        BrokerError::MessageUnknown => Ok(InvokeResponse::refused(404, "Message not found or does not belong to conversation")),
        BrokerError::CredentialsMissing => {
            Ok(InvokeResponse::refused(503, "Agent requires credentials; set via POST /registry/agents/{uuid}/credentials"))
        }
        BrokerError::WalletNotOpen => Ok(InvokeResponse::refused(409, "The wallet cannot be used at the moment")),
        BrokerError::AgentWithoutEndpoint
        | BrokerError::ReadOnly
        | BrokerError::KeyRunning
        | BrokerError::KeyReused
        | BrokerError::Busy
        | BrokerError::OwnerBusy
        | BrokerError::Interrupted
        | BrokerError::Registry(_)
        | BrokerError::Ledger(_)
        | BrokerError::Store(_) => Err(error.into()),
    }
}

fn with_answer(problem: Problem, answer: &InvokeResponse<'_>) -> Problem {
    match serde_json::to_value(answer) {
        Ok(Value::Object(fields)) => fields.into_iter().fold(problem, |problem, (name, value)| problem.with(&name, value)),
        _ => problem,
    }
}
