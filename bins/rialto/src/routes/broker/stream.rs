//! One call, an answer in pieces: server-sent events.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    post,
    web::{Bytes, Data},
};
use futures_util::{Stream, StreamExt, stream};
use rialto_proxy_billing::{BrokerError, Idempotent, Outcome, StreamEvent, Streamed};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    dto::{InvokeRequest, InvokeResponse},
    invoke::{count, render, text},
    problem::refusal,
};
use crate::{
    compose::App,
    http::{Command, Problem, problem::ProblemBody},
};

/// How often a silent stream says that it is alive, so that nobody between us and the reader cuts it.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Invoke an agent, streamed
///
/// Like `POST /broker/invoke`, answered as server-sent events: `chunk` for each piece of an agent that streams
/// (`text/event-stream`, `application/x-ndjson` or other text), then `result` or `error` with an InvokeResponse, then
/// `done`. An agent that answers at once gives one `result`. You are charged when the answer has ended well, even if you
/// have stopped listening.
#[utoipa::path(
    tag = "Broker",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the end of the first stream, without a second call.")),
    request_body = InvokeRequest,
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream",
            example = "event: chunk\ndata: {\"text\":\"Hel\"}\n\nevent: result\ndata: {\"success\":true,\"data\":{\"text\":\"Hello\"},\"status_code\":200}\n\nevent: done\ndata: {}\n\n"),
        (status = 402, description = "Your wallet does not cover the price, or the agent costs more than `max_credits`. The body has the fields of an InvokeResponse too.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running; `Retry-After` says when to come back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls are running, or the server is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/broker/invoke/stream")]
pub async fn invoke_stream(
    app: Data<App>,
    request: HttpRequest,
    command: Command<InvokeRequest>,
) -> Result<HttpResponse, Problem> {
    let call = command.body.into_call(&request)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"));
    let idempotent = command.key.map(|key| Idempotent { key, render });
    match app.broker.invoke_stream(command.caller, call, idempotent).await {
        Ok(Streamed::Live(events)) => Ok(response.streaming(pieces(app, events).map(Ok::<_, Problem>))),
        Ok(Streamed::Replayed(stored)) => {
            response.insert_header(("Idempotent-Replayed", "true"));
            Ok(response.body(event(last(is_success(&stored.body)), &stored.body) + &done()))
        }
        Err(error) => refusal(error).map(|refused| response.body(format!("{}{}", event("error", &text(&refused)), done()))),
    }
}

/// The events as they come; a comment where nothing comes for long.
fn pieces(app: Data<App>, events: UnboundedReceiver<StreamEvent>) -> impl Stream<Item = Bytes> {
    stream::unfold(Some(events), move |events| {
        let app = app.clone();
        async move {
            let mut events = events?;
            match tokio::time::timeout(ALIVE_EVERY, events.recv()).await {
                Err(_) => Some((Bytes::from_static(b": alive\n\n"), Some(events))),
                Ok(None) => None,
                Ok(Some(StreamEvent::Chunk(chunk))) => Some((event("chunk", &chunk.to_string()).into(), Some(events))),
                Ok(Some(StreamEvent::Finished(ended))) => Some((end(&app, ended).into(), None)),
            }
        }
    })
}

fn end(app: &App, ended: Result<Outcome, BrokerError>) -> String {
    let end = match &ended {
        Ok(outcome) => {
            count(app, outcome);
            event(last(outcome.success), &text(&InvokeResponse::from(outcome)))
        }
        Err(error) => {
            tracing::error!(%error, "a streamed call could not be settled");
            event("error", &text(&InvokeResponse::refused(500, "Something went wrong on our side.")))
        }
    };
    end + &done()
}

/// Whether an answer that was kept is one of a call that went well.
fn is_success(kept: &str) -> bool {
    serde_json::from_str::<Value>(kept).is_ok_and(|answer| answer.get("success") == Some(&Value::Bool(true)))
}

/// What the event is called that says how the call ended.
const fn last(success: bool) -> &'static str {
    if success { "result" } else { "error" }
}

fn done() -> String {
    event("done", "{}")
}

/// One event. An agent's own JSON may hold line breaks, which would end the event.
fn event(name: &str, data: &str) -> String {
    let data: String = data.lines().fold(String::new(), |lines, line| lines + "data: " + line + "\n");
    format!("event: {name}\n{data}\n")
}
