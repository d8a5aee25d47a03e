//! The stream as a WebSocket.

use actix_web::{
    HttpRequest, HttpResponse, get,
    web::{Data, Payload},
};
use actix_ws::CloseCode;
use futures_util::StreamExt;

use super::{StreamMessage, query::StreamQuery};
use crate::{
    compose::{App, stream::Delivery},
    http::{
        Problem, Query,
        problem::ProblemBody,
        socket::{Socket, Word},
    },
};

/// Too slow; the reason says how to go on.
const CLOSE_SLOW: u16 = 4_008;
/// What was asked for is not kept any more; the reason says from where on it is.
const CLOSE_GONE: u16 = 4_410;

/// Live events
///
/// A WebSocket that carries what happens on the market and in the simulator: text messages, each a StreamMessage, in the order of
/// `seq`. Without `after` it begins now; with it, all events behind that number come first, and then what happens,
/// without a gap and without a repeat. What you send is ignored. The server pings every 20 s. It closes with 1001 when it
/// goes down, 4008 when you read too slowly (connect again with `after`), 4410 when events are not kept any more that
/// you asked for (the reason names the `after` from which on nothing is missing), 1009 when you send a frame above 4 KiB.
#[utoipa::path(
    tag = "Live",
    params(StreamQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now. This is one of its messages.", body = StreamMessage),
        (status = 426, description = "This path speaks WebSocket only.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams from your address.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many streams are open as this server serves, or it is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/ws/events")]
pub async fn ws_events(
    app: Data<App>,
    request: HttpRequest,
    query: Query<StreamQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    open(&app, &request, &query, payload).await
}

/// Live events, under their other name
///
/// The same as `/ws/events`.
#[utoipa::path(
    tag = "Live",
    params(StreamQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now. This is one of its messages.", body = StreamMessage),
        (status = 426, description = "This path speaks WebSocket only.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams from your address.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many streams are open as this server serves, or it is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/ws")]
pub async fn ws(
    app: Data<App>,
    request: HttpRequest,
    query: Query<StreamQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    open(&app, &request, &query, payload).await
}

async fn open(app: &App, request: &HttpRequest, query: &StreamQuery, payload: Payload) -> Result<HttpResponse, Problem> {
    let socket = Socket::open(request, payload)?;
    let (seat, feed) = query.join(app, request).await?;
    Ok(socket.talk(feed.deliveries().map(word), seat))
}

fn word(delivery: Delivery) -> Word {
    match delivery {
        Delivery::Event(frame) => Word::Text(frame.message()),
        Delivery::Idle(_) => Word::Nothing,
        Delivery::Gone { after } => {
            let reason = format!("events that you asked for are gone: connect again with after={after}");
            Word::Last(CloseCode::Other(CLOSE_GONE), reason)
        }
        Delivery::Slow => {
            let reason = "you have read too slowly: connect again with after= the last seq that you have";
            Word::Last(CloseCode::Other(CLOSE_SLOW), reason.into())
        }
        Delivery::Closing => Word::closing(),
    }
}
