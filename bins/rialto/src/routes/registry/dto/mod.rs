//! What goes over the wire.

mod answer;
mod credential;
mod rating;
mod registration;
mod schema;
mod update;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::{
    answer::{AgentListResponse, AgentResponse, agents, all_agents},
    credential::CredentialRequest,
    rating::{RatingRequest, RatingResponse},
    registration::AgentRegistrationBody,
    update::AgentUpdate,
};
use crate::http::Problem;

/// Whether a body is a full manifest: it has `endpoints` where the short form has `endpoint`.
fn is_manifest(body: &Value) -> bool {
    body.get("endpoints").is_some_and(Value::is_object) && body.get("endpoint").is_none()
}

/// Reads a part of a body that has been taken for JSON already.
fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        Problem::misread("body", &path, &error.inner().to_string())
    })
}
