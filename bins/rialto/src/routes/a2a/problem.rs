//! How refusals of imports look.

use rialto_a2a::{A2aError, card::FetchError};
use serde_json::{Value, json};

use crate::{compose::a2a::ImportError, http::Problem};

impl From<A2aError> for Problem {
    fn from(error: A2aError) -> Self {
        let said = error.message();
        match error {
            A2aError::TaskNotFound => Self::not_found(said),
            A2aError::AgentNotFound(_) => {
                // As the first reference tells it.
                let told = json!({"code": error.told().code, "message": said});
                Self::not_found(said).with("jsonrpc", json!("2.0")).with("id", Value::Null).with("error", told)
            }
            A2aError::NotCancelable(_) => Self::conflict("task-not-cancelable", said),
            A2aError::CardTaken(_) => Self::conflict("card-taken", said),
            A2aError::ReadOnly => Self::forbidden(said),
            A2aError::Fetch(FetchError::Refused(_)) => failed(Self::bad_request("url-refused", said.clone()), &said),
            A2aError::Fetch(FetchError::NotFound { .. }) => failed(Self::bad_request("card-not-found", said.clone()), &said),
            A2aError::Card(_) => failed(Self::bad_request("card-refused", said.clone()), &said),
            A2aError::NotImported => failed(Self::bad_request("not-imported", said.clone()), &said),
            A2aError::InvalidParams { field, message } => Self::invalid(format!("body.{field}"), message),
            A2aError::Unsupported(_)
            | A2aError::ContentType(_)
            | A2aError::Version(_)
            | A2aError::Parse(_)
            | A2aError::InvalidRequest(_)
            | A2aError::MethodNotFound(_) => Self::bad_request("invalid-request", said),
            A2aError::Busy(_) | A2aError::Raced => {
                Self::new(actix_web::http::StatusCode::SERVICE_UNAVAILABLE, "busy", said).retry_after(1)
            }
            A2aError::Crowded(_) => {
                Self::new(actix_web::http::StatusCode::TOO_MANY_REQUESTS, "too-many-waiting", said).retry_after(1)
            }
            A2aError::Registry(error) => error.into(),
            A2aError::Store(error) => error.into(),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Refused(error) => error.into(),
            ImportError::Wallet(error) => error.into(),
            ImportError::Store(error) => error.into(),
        }
    }
}

/// With what the first reference's clients read.
fn failed(problem: Problem, why: &str) -> Problem {
    problem.with("success", json!(false)).with("error", json!(why))
}

/// The same, where there is nothing to be found.
pub fn no_card(error: A2aError) -> Problem {
    match error {
        A2aError::Fetch(FetchError::NotFound { .. }) => {
            let said = error.message();
            failed(Problem::not_found(said.clone()), &said)
        }
        other => other.into(),
    }
}
