//! One call, one answer.

use actix_web::{HttpRequest, HttpResponse, http::header, post, web::Data};
use rialto_kernel::Caller;
use rialto_proxy_billing::{Idempotent, Invoked, Outcome};
use rialto_store::idempotency::{Key, Stored};

use super::{
    dto::{InvokeRequest, InvokeResponse},
    problem::refusal,
};
use crate::{
    compose::App,
    http::{Command, Problem, command::replay, problem::ProblemBody},
};

/// Invoke an agent
///
/// Holds the agent's price from your wallet, calls the agent, and pays if it answers well; otherwise the credits are back at
/// once. Whatever the agent answers, the HTTP status is 200 and the real one is in `status_code`, except for 402.
#[utoipa::path(
    tag = "Broker",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second call.")),
    request_body = InvokeRequest,
    responses(
        (status = 200, description = "How the call ended: see `success` and `status_code`.", body = InvokeResponse),
        (status = 402, description = "Your wallet does not cover the price, or the agent costs more than `max_credits`. The body has the fields of an InvokeResponse too.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running; `Retry-After` says when to come back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls are running, or the server is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/broker/invoke")]
pub async fn invoke(app: Data<App>, request: HttpRequest, command: Command<InvokeRequest>) -> Result<HttpResponse, Problem> {
    let Command { caller, body, key } = command;
    Ok(match make(&app, caller, body.into_call(&request)?, key).await? {
        Made::Now(text) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(text),
        Made::Replayed(stored) => replay(stored),
    })
}

/// What a call comes to, as JSON.
pub enum Made {
    /// An `InvokeResponse`.
    Now(String),
    /// What the first call with the key came to.
    Replayed(Stored),
}

/// Makes a call, once per key.
///
/// # Errors
/// Those of `POST /broker/invoke`.
pub async fn make(
    app: &App,
    caller: Caller,
    call: rialto_proxy_billing::InvokeRequest,
    key: Option<Key>,
) -> Result<Made, Problem> {
    let idempotent = key.map(|key| Idempotent { key, render });
    match app.broker.invoke(caller, call, idempotent).await {
        Ok(Invoked::Made(outcome)) => {
            count(app, &outcome);
            Ok(Made::Now(text(&InvokeResponse::from(&outcome))))
        }
        Ok(Invoked::Replayed(stored)) => Ok(Made::Replayed(stored)),
        Err(error) => refusal(error).map(|response| Made::Now(text(&response))),
    }
}

/// How an answer is kept for a repeat with the same `Idempotency-Key`.
pub fn render(outcome: &Outcome) -> Stored {
    Stored { status: 200, body: text(&InvokeResponse::from(outcome)) }
}

/// Counts what was charged, for `/metrics`.
pub fn count(app: &App, outcome: &Outcome) {
    let charged = outcome.credits_charged.map_or(0, |amount| amount.get().unsigned_abs());
    app.metrics.credits_charged.inc_by(charged);
}

/// The answer as JSON. It holds nothing that could fail to be written.
pub fn text(response: &InvokeResponse<'_>) -> String {
    serde_json::to_string(response).unwrap_or_default()
}
