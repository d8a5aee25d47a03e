//! The JSON-RPC binding, of both versions.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    post,
    web::{self, Data},
};
use futures_util::StreamExt;
use rialto_a2a::{
    A2aError,
    wire::{
        Version,
        rpc::{self, Method, Request},
    },
};
use rialto_kernel::Caller;
use serde_json::Value;

use super::{
    cards::{addressed, base},
    operations::{self, Answer, Place},
    sse,
};
use crate::{
    compose::App,
    http::{Auth, Problem, body, input::body_limit, middleware, problem::ProblemBody},
};

/// The version that a request is in, or the refusal that says which there are.
pub fn version(request: &HttpRequest) -> Result<Version, A2aError> {
    let header = request.headers().get("A2A-Version").map(|value| value.to_str().unwrap_or("?"));
    // A client that cannot set headers, such as an EventSource, says it in the query.
    let query = request.query_string().split('&').find_map(|pair| pair.strip_prefix("A2A-Version="));
    Version::parse(header.or(query)).ok_or_else(|| {
        let given: String = header.or(query).unwrap_or_default().chars().filter(char::is_ascii_graphic).take(32).collect();
        A2aError::Version(format!("A2A-Version {given} is not supported; supported are 1.0 and 0.3"))
    })
}

/// Call the platform by A2A
///
/// JSON-RPC 2.0. With the header `A2A-Version: 1.0` the methods are `SendMessage`, `SendStreamingMessage`, `GetTask`, `ListTasks`,
/// `CancelTask`, `SubscribeToTask`, `CreateTaskPushNotificationConfig` and its kin, and `GetExtendedAgentCard`; without it, those of
/// 0.3. A message that names an agent as `agent_id` in its metadata calls it, at its price; any other finds agents. All your tasks can
/// be reached here. Errors are JSON-RPC errors, with status 200.
#[utoipa::path(
    tag = "A2A",
    params(("A2A-Version" = Option<String>, Header, description = "`1.0`; 0.3 when it is left out.", example = "1.0")),
    request_body(content = Value, example = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": {
        "messageId": "m-1", "role": "ROLE_USER", "parts": [{"text": "summarize a text"}]}}})),
    responses(
        (status = 200, description = "The JSON-RPC answer; for streaming methods server-sent events with one each.", body = Value,
            example = json!({"jsonrpc": "2.0", "id": 1, "result": {"task": {"id": "0198c0de-0000-7000-8000-000000000001",
                "contextId": "0198c0de-0000-7000-8000-000000000002", "status": {"state": "TASK_STATE_COMPLETED"}}}})),
    ),
    security(("token" = [])),
)]
#[post("/a2a")]
pub async fn call_platform(
    app: Data<App>,
    Auth(caller): Auth,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&app, caller, &request, payload, None).await
}

/// Call an agent by A2A
///
/// The same as `POST /a2a`, at the address that the agent's card names. Sending a message calls the agent through the broker: its price
/// is held, the agent called, and the price paid if it answers well. A task is your own, and of this agent. A message with the same
/// `messageId` and content again is answered with the first one's task, without a second call.
#[utoipa::path(
    tag = "A2A",
    params(
        ("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab"),
        ("A2A-Version" = Option<String>, Header, description = "`1.0`; 0.3 when it is left out.", example = "1.0"),
    ),
    request_body(content = Value, example = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": {
        "messageId": "m-1", "role": "ROLE_USER", "parts": [{"text": "Hello"}]}}})),
    responses(
        (status = 200, description = "The JSON-RPC answer; for streaming methods server-sent events with one each.", body = Value,
            example = json!({"jsonrpc": "2.0", "id": 1, "result": {"task": {"id": "0198c0de-0000-7000-8000-000000000001",
                "contextId": "0198c0de-0000-7000-8000-000000000002", "status": {"state": "TASK_STATE_COMPLETED"}}}})),
        (status = 404, description = "There is no such agent. The body is a JSON-RPC error too.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/a2a/agents/{agent_id}")]
pub async fn call_agent(
    app: Data<App>,
    Auth(caller): Auth,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let agent = request.match_info().get("agent_id").unwrap_or_default().to_owned();
    answer(&app, caller, &request, payload, Some(&agent)).await
}

async fn answer(
    app: &App,
    caller: Caller,
    request: &HttpRequest,
    payload: web::Payload,
    agent: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let body = body::read(request, &mut payload.into_inner(), body_limit(request)).await?;
    let asked = rpc::read(&body);
    let found = async {
        let version = version(request)?;
        Ok::<_, A2aError>((version, Method::find(&asked.as_ref().map_err(|(_, error)| error.clone())?.method, version)?))
    };
    let found = found.await;
    let agent = match agent {
        // An address where nobody is answers so, whatever is asked there.
        Some(agent) => Some(addressed(app, agent, found.as_ref().map_or(Method::SendMessage, |(_, method)| *method)).await?),
        None => None,
    };
    let Request { id, params, .. } = match asked {
        Ok(asked) => asked,
        Err((id, error)) => return Ok(refusal(&id, &error)),
    };
    let begun = async {
        let (version, method) = found?;
        let place = Place { caller, agent, version, base: base(app, request), address: address(app, request) };
        operations::run(app, place, method, params).await
    };
    Ok(match begun.await {
        Ok(Answer::Value(result)) => json_answer(&rpc::success(&id, &result)),
        Ok(Answer::Stream(items)) => sse::answer(items.map(move |item| {
            let told = match item {
                Ok(result) => rpc::success(&id, &result),
                Err(error) => rpc::failure(&id, &logged(error)),
            };
            sse::event(&told.to_string())
        })),
        Err(error) => refusal(&id, &error),
    })
}

/// From where a request comes.
pub(super) fn address(app: &App, request: &HttpRequest) -> IpAddr {
    middleware::client(app, request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

pub(super) fn json_answer(value: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(value.to_string())
}

pub(super) fn refusal(id: &Value, error: &A2aError) -> HttpResponse {
    json_answer(&rpc::failure(id, &logged(error.clone())))
}

/// The refusal, which is in the log if it is our fault: nobody else is told what happened.
pub fn logged(error: A2aError) -> A2aError {
    if error.told().http >= 500 {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "an A2A request failed");
    }
    error
}
