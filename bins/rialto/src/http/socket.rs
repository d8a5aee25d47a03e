//! One side of a WebSocket that says something, and hears only whether the other side is there.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{StatusCode, header},
    web::{Bytes, Payload},
};
use actix_ws::{CloseCode, CloseReason, Closed, Message, MessageStream, ProtocolError, Session};
use bytestring::ByteString;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Problem;
use crate::compose::stream::Seat;

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

/// What is said next.
#[derive(Debug)]
pub enum Word {
    /// This.
    Text(ByteString),
    /// Nothing for now.
    Nothing,
    /// Goodbye, and why.
    Last(CloseCode, String),
}

impl Word {
    /// Goodbye, because the server is going down.
    pub fn closing() -> Self {
        Self::Last(CloseCode::Away, "the server is going down".into())
    }
}

/// A WebSocket that nobody talks on yet.
pub struct Socket {
    response: HttpResponse,
    session: Session,
    messages: MessageStream,
}

impl Socket {
    /// Makes the connection of `request` a WebSocket.
    ///
    /// # Errors
    /// 426 when that is not what the request asks for.
    pub fn open(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let (response, session, messages) = actix_ws::handle(request, payload).map_err(|error| {
            Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", format!("Connect with a WebSocket: {error}."))
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_VERSION, "13")
        })?;
        Ok(Self { response, session, messages })
    }

    /// Says `words` on it, to the last one. The seat is held as long as the connection is.
    pub fn talk(self, words: impl Stream<Item = Word> + 'static, seat: Seat) -> HttpResponse {
        actix_web::rt::spawn(talk(self.session, self.messages.max_frame_size(FRAME_MAX), words));
        self.response.map_body(|_, body| Seated { body, _seat: seat }.boxed())
    }
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
async fn talk(mut session: Session, messages: MessageStream, words: impl Stream<Item = Word>) {
    let end = exchange(&mut session, messages, words).await;
    let reason = match end {
        End::Say(code, description) => Some(CloseReason { code, description: Some(description) }),
        End::Answer(reason) => reason,
        End::Gone => return,
    };
    // A client that takes nothing cannot be told.
    let _ = timeout(GOODBYE_MAX, session.close(reason)).await;
}

async fn exchange(session: &mut Session, mut messages: MessageStream, words: impl Stream<Item = Word>) -> End {
    let mut words = pin!(words);
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
            word = words.next() => match word {
                Some(Word::Text(text)) => timeout(STALL_MAX, session.text(text)).await,
                Some(Word::Nothing) => continue,
                Some(Word::Last(code, reason)) => return End::Say(code, reason),
                None => return End::Say(CloseCode::Normal, String::new()),
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
