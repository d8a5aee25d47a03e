//! Why a request of the protocol is refused, in the three languages in which it is told: JSON-RPC codes, HTTP statuses, and the
//! reasons of `google.rpc.ErrorInfo`.

use rialto_registry::RegistryError;
use rialto_store::StoreError;
use serde_json::{Value, json};

use crate::card::{CardError, FetchError};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum A2aError {
    /// No such task, or somebody else's, or another agent's.
    #[error("Task not found")]
    TaskNotFound,
    /// The task has come to its end.
    #[error("Task cannot be canceled: it is {0}")]
    NotCancelable(&'static str),
    /// What was asked is known, and not possible here.
    #[error("{0}")]
    Unsupported(String),
    /// A part of the message is of a kind that the agent does not take.
    #[error("The media type {0} is not supported; supported are application/json and text/plain")]
    ContentType(String),
    /// The client speaks a version that we do not.
    #[error("{0}")]
    Version(String),
    /// What was sent is not JSON.
    #[error("Invalid JSON: {0}")]
    Parse(String),
    /// What was sent is JSON, and not a request.
    #[error("{0}")]
    InvalidRequest(String),
    /// There is no such method.
    #[error("Method not found: {0}")]
    MethodNotFound(String),
    /// A parameter is not what it must be.
    #[error("{field}: {message}")]
    InvalidParams {
        /// Where: `message.parts[0]`.
        field: String,
        /// What it must be.
        message: String,
    },
    /// No such agent.
    #[error("Agent '{0}' not found")]
    AgentNotFound(String),
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// As much is going on as may at once.
    #[error("{0}")]
    Busy(String),
    /// As much of the caller is going on as may at once.
    #[error("{0}")]
    Crowded(String),
    /// There is no card to fetch.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The card cannot be imported.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The agent was not imported by a card.
    #[error("Agent is not an A2A import")]
    NotImported,
    /// A card is one that another agent of the caller has.
    #[error("Another agent of yours, {0}, has a card of this endpoint and name")]
    CardTaken(String),
    /// Two transactions wanted the same; done again, it goes well.
    #[error("somebody else did the same at the same time")]
    Raced,
    /// The registry refused.
    #[error(transparent)]
    Registry(RegistryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<RegistryError> for A2aError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => Self::Store(error),
            RegistryError::ReadOnly => Self::ReadOnly,
            other => Self::Registry(other),
        }
    }
}

/// How a refusal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The code of JSON-RPC.
    pub code: i64,
    /// The status of HTTP.
    pub http: u16,
    /// The status of gRPC, which the HTTP binding repeats.
    pub status: &'static str,
    /// The reason of the error's `ErrorInfo`.
    pub reason: &'static str,
}

const fn told(code: i64, http: u16, status: &'static str, reason: &'static str) -> Told {
    Told { code, http, status, reason }
}

impl A2aError {
    /// A parameter that is not what it must be.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidParams { field: field.into(), message: message.into() }
    }

    /// How it is told.
    #[must_use]
    pub const fn told(&self) -> Told {
        match self {
            Self::TaskNotFound => told(-32001, 404, "NOT_FOUND", "TASK_NOT_FOUND"),
            Self::NotCancelable(_) => told(-32002, 409, "FAILED_PRECONDITION", "TASK_NOT_CANCELABLE"),
            Self::Unsupported(_) => told(-32004, 400, "UNIMPLEMENTED", "UNSUPPORTED_OPERATION"),
            Self::ContentType(_) => told(-32005, 415, "INVALID_ARGUMENT", "CONTENT_TYPE_NOT_SUPPORTED"),
            Self::Version(_) => told(-32009, 400, "UNIMPLEMENTED", "VERSION_NOT_SUPPORTED"),
            Self::Parse(_) => told(-32700, 400, "INVALID_ARGUMENT", "PARSE_ERROR"),
            Self::InvalidRequest(_) => told(-32600, 400, "INVALID_ARGUMENT", "INVALID_REQUEST"),
            Self::MethodNotFound(_) => told(-32601, 404, "NOT_FOUND", "METHOD_NOT_FOUND"),
            Self::InvalidParams { .. } | Self::Card(_) | Self::NotImported | Self::Fetch(_) => {
                told(-32602, 400, "INVALID_ARGUMENT", "INVALID_PARAMS")
            }
            Self::AgentNotFound(_) | Self::Registry(RegistryError::NotFound) => told(-32602, 404, "NOT_FOUND", "AGENT_NOT_FOUND"),
            Self::ReadOnly | Self::Registry(RegistryError::NotOwner { .. }) => {
                told(-32600, 403, "PERMISSION_DENIED", "PERMISSION_DENIED")
            }
            Self::CardTaken(_) => told(-32600, 409, "ALREADY_EXISTS", "CARD_TAKEN"),
            Self::Registry(RegistryError::Invalid { .. }) => told(-32602, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
            Self::Busy(_) | Self::Raced => told(-32603, 503, "UNAVAILABLE", "UNAVAILABLE"),
            Self::Crowded(_) => told(-32603, 429, "RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"),
            Self::Store(error) if error.is_passing() => told(-32603, 503, "UNAVAILABLE", "UNAVAILABLE"),
            Self::Registry(_) | Self::Store(_) => told(-32603, 500, "INTERNAL", "INTERNAL_ERROR"),
        }
    }

    /// What a stranger may be told in words.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Store(error) if error.is_passing() => "The database is busy or away; try again.".to_owned(),
            Self::Raced => "Somebody else did the same at the same time; try again.".to_owned(),
            Self::Registry(RegistryError::Invalid { .. }) => self.to_string(),
            _ if self.told().http == 500 => "Something went wrong on our side.".to_owned(),
            _ => self.to_string(),
        }
    }

    /// What a program may be told beyond that.
    #[must_use]
    pub fn details(&self) -> Value {
        let info = json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.told().reason,
            "domain": "a2a-protocol.org",
            "metadata": {},
        });
        let violation = match self {
            Self::InvalidParams { field, message } | Self::Registry(RegistryError::Invalid { field, message }) => {
                (field, message)
            }
            _ => return json!([info]),
        };
        let bad_request = json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": violation.0, "description": violation.1}],
        });
        json!([info, bad_request])
    }

    /// The error member of a JSON-RPC answer.
    #[must_use]
    pub fn rpc(&self) -> Value {
        json!({"code": self.told().code, "message": self.message(), "data": self.details()})
    }

    /// The body of an answer of the HTTP binding.
    #[must_use]
    pub fn rest(&self) -> Value {
        let told = self.told();
        let error = json!({"code": told.http, "status": told.status, "message": self.message(), "details": self.details()});
        json!({"error": error})
    }
}
