//! Calls: a message whose sender waits for the answer.

use actix_web::{HttpResponse, post, web::Data};
use rialto_networks::{Answered, CallEnd, CallKey, Called, NetworkId};
use rialto_store::idempotency::Stored;

use super::dto::{CallResponse, MessageRequest};
use crate::{
    compose::App,
    http::{Command, Path, Problem, command::replay, problem::ProblemBody},
};

/// Call a participant
///
/// Sends a message to the recipient's callback and waits for its answer, which becomes a message of its own. When there is none, the
/// message has failed; `message_id` in the problem names it.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second call."),
    ),
    request_body = MessageRequest,
    responses(
        (status = 200, description = "The answer.", body = CallResponse),
        (status = 400, description = "The topology has no such way, the recipient has no callback, or something is not active.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read, or the sender's or the recipient's agent is not active (`agent-not-active`).", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such network of yours, or no such participant in it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The recipient could not be reached, or answered with a failure.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls are running, or the server is going down.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "The recipient did not answer in time.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/networks/{network_id}/call")]
pub async fn call_participant(
    app: Data<App>,
    path: Path<NetworkId>,
    command: Command<MessageRequest>,
) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    let idempotent = key.map(|key| CallKey { key, render: render_call });
    match app.networks.call(caller, body.to(*path), idempotent).await? {
        Called::Answered(answered) => Ok(HttpResponse::Ok().json(CallResponse::from(answered))),
        Called::Replayed(stored) => Ok(replay(stored)),
    }
}

impl From<Answered> for CallResponse {
    fn from(answered: Answered) -> Self {
        Self { success: true, message_id: answered.message, response: answered.response }
    }
}

/// How the end of a call is kept for a repeat with the same `Idempotency-Key`.
pub fn render_call(end: &CallEnd) -> Stored {
    match end {
        Ok(answered) => {
            let body = serde_json::to_string(&CallResponse::from(answered.clone())).unwrap_or_default();
            Stored { status: 200, body }
        }
        Err(error) => {
            let problem = Problem::from(error.clone());
            let body = serde_json::to_string(&problem.body(None)).unwrap_or_default();
            Stored { status: problem.status().as_u16(), body }
        }
    }
}
