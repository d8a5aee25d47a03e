//! The stream as a WebSocket.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    get,
    http::{StatusCode, header},
    web::{Bytes, Data, Payload},
};
use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, ProtocolError, Session};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{StreamMessage, query::StreamQuery};
use crate::{
    compose::{
        App,
        stream::{Delivery, Seat},
    },
    http::{Problem, Query, problem::ProblemBody},
};

/// How often a client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a client may say nothing, not even that.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a client may take nothing from a full connection. Then there is no way to tell it anything either.
const STALL_MAX: Duration = Duration::from_secs(60);
/// How long a client may take to take the last word.
const GOODBYE_MAX: Duration = Duration::from_secs(10);
/// The longest frame that a client may send, in bytes. What it says is ignored.
const FRAME_MAX: usize = 4_096;
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
    let (response, session, messages) = actix_ws::handle(request, payload).map_err(|error| {
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", format!("Connect with a WebSocket: {error}."))
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
    })?;
    let (seat, feed) = query.join(app, request).await?;
    actix_web::rt::spawn(talk(session, messages.max_frame_size(FRAME_MAX), feed.deliveries()));
    Ok(response.map_body(|_, body| Seated { body, _seat: seat }.boxed()))
}

/// The connection's side of the socket. It holds the client's place, because it lives exactly as long as the connection.
struct Seated {
    body: BoxBody,
    _seat: Seat,
}

impl MessageBody for Seated {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Why the talk ends.
enum End {
    /// With a last word.
    Say(CloseCode, String),
    /// The client said so, with a reason or without.
    Answer(Option<CloseReason>),
    /// The connection is gone, or there is no getting through.
    Gone,
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Gone
    }
}

/// Talks with one client, to the end.
async fn talk(mut session: Session, messages: MessageStream, deliveries: impl Stream<Item = Delivery>) {
    let end = exchange(&mut session, messages, deliveries).await;
    let reason = match end {
        End::Say(code, description) => Some(CloseReason { code, description: Some(description) }),
        End::Answer(reason) => reason,
        End::Gone => return,
    };
    // A client that takes nothing cannot be told.
    let _ = timeout(GOODBYE_MAX, session.close(reason)).await;
}

async fn exchange(session: &mut Session, mut messages: MessageStream, deliveries: impl Stream<Item = Delivery>) -> End {
    let mut deliveries = pin!(deliveries);
    let mut pings = interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            message = messages.recv() => {
                heard = Instant::now();
                match answer(session, message).await {
                    Ok(()) => continue,
                    Err(end) => return end,
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE_MAX {
                    return End::Say(CloseCode::Policy, "no pong within a minute".into());
                }
                timeout(STALL_MAX, session.ping(b"")).await
            }
            delivery = deliveries.next() => match delivery {
                Some(Delivery::Event(frame)) => timeout(STALL_MAX, session.text(frame.message())).await,
                Some(Delivery::Idle(_)) => continue,
                Some(Delivery::Gone { after }) => {
                    let reason = format!("events that you asked for are gone: connect again with after={after}");
                    return End::Say(CloseCode::Other(CLOSE_GONE), reason);
                }
                Some(Delivery::Slow) => {
                    let reason = "you have read too slowly: connect again with after= the last seq that you have".into();
                    return End::Say(CloseCode::Other(CLOSE_SLOW), reason);
                }
                Some(Delivery::Closing) | None => return End::Say(CloseCode::Away, "the server is going down".into()),
            },
        };
        if !matches!(sent, Ok(Ok(()))) {
            return End::Gone;
        }
    }
}

/// Does what a message from the client asks for: most ask for nothing.
async fn answer(session: &mut Session, message: Option<Result<Message, ProtocolError>>) -> Result<(), End> {
    match message {
        None => Err(End::Gone),
        Some(Ok(Message::Close(reason))) => Err(End::Answer(reason)),
        Some(Ok(Message::Ping(bytes))) => match timeout(STALL_MAX, session.pong(&bytes)).await {
            Ok(sent) => Ok(sent?),
            Err(_elapsed) => Err(End::Gone),
        },
        Some(Ok(_)) => Ok(()),
        Some(Err(ProtocolError::Overflow)) => Err(End::Say(CloseCode::Size, "a frame may have 4096 bytes".into())),
        Some(Err(error)) => Err(End::Say(CloseCode::Protocol, error.to_string())),
    }
}
