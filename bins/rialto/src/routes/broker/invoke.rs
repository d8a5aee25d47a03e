//! One call, one answer.

use actix_web::{HttpRequest, HttpResponse, http::header, post, web::Data};
use rialto_proxy_billing::{Idempotent, Invoked, Outcome};
use rialto_store::idempotency::Stored;

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
    let idempotent = key.map(|key| Idempotent { key, render });
    match app.broker.invoke(caller, body.into_call(&request)?, idempotent).await {
        Ok(Invoked::Made(outcome)) => {
            count(&app, &outcome);
            Ok(answer(&InvokeResponse::from(&outcome)))
        }
        Ok(Invoked::Replayed(stored)) => Ok(replay(stored)),
        Err(error) => refusal(error).map(|response| answer(&response)),
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

fn answer(response: &InvokeResponse<'_>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(text(response))
}
