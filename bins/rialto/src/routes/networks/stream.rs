//! Inboxes as they fill, as a WebSocket and as server-sent events.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header,
    web::{Bytes, Data, Payload},
};
use actix_ws::CloseCode;
use futures_util::{Stream, StreamExt, stream};
use rialto_kernel::Caller;
use rialto_networks::{Arrival, Letter, NetworkId, ParticipantId};

use super::{dto::NetworkMessageResponse, query::StreamParams};
use crate::{
    compose::{App, stream::Seat},
    http::{
        Auth, Path, Problem, Query,
        caller::Standing,
        middleware,
        problem::ProblemBody,
        socket::{Socket, Word},
    },
};

/// The inbox is not there any more; the reason says why.
const CLOSE_GONE: u16 = 4_410;
/// The credential is not good any more.
const CLOSE_UNAUTHENTICATED: u16 = 4_401;
/// How often it is asked whether the credential is still good.
const ASKED_EVERY: Duration = Duration::from_secs(60);

/// What is told.
enum Told {
    Arrival(Arrival),
    /// Nothing more: the credential was revoked, or its time is over.
    Revoked,
}

/// Stream an inbox
///
/// As server-sent events: first what the participant has not acknowledged, then each message as it comes, once, without an end. The
/// `id` of an event is the message's `seq`, its `data` the message. Acknowledge what you have: in the next stream it comes again
/// otherwise. A reader that takes nothing for a minute is cut off. The last event may be `gone`, when the network is, or, within
/// about a minute, the credential.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
        StreamParams,
    ),
    responses(
        (status = 200, description = "The messages, without an end.", body = NetworkMessageResponse, content_type = "text/event-stream",
            example = "id: 42\nevent: message\ndata: {\"id\":\"0198c0de-0000-7000-8000-000000000014\",\"content\":\"What do we know about the subject?\",\"seq\":42}\n\n"),
        (status = 404, description = "There is no such participant in a network of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many streams are open as this server serves, or it is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/inbox/{participant_id}/stream")]
pub async fn stream_inbox(
    app: Data<App>,
    request: HttpRequest,
    Auth(caller): Auth,
    path: Path<(NetworkId, ParticipantId)>,
    params: Query<StreamParams>,
) -> Result<HttpResponse, Problem> {
    let (seat, arrivals) = follow(&app, &request, caller, *path, &params).await?;
    let events = arrivals.map(move |arrival| {
        // The place is held as long as the stream is.
        let _held = &seat;
        Ok::<_, Problem>(event(arrival))
    });
    // A first word, so that whatever is between us and the reader sees that the answer has begun.
    let begin = stream::once(async { Ok(Bytes::from_static(b"retry: 2000\n\n")) });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(begin.chain(events)))
}

/// Listen to an inbox
///
/// The same stream as a WebSocket: text messages, each a NetworkMessageResponse. What you send is ignored. The server pings every
/// 20 s. It closes with 1001 when it goes down, 4410 when the network or the participant is gone, and 4401 within about a minute
/// after the credential was revoked or its time is over.
#[utoipa::path(
    tag = "Networks",
    params(
        ("network_id" = NetworkId, Path, description = "The network's id.", example = "0198c0de-0000-7000-8000-000000000011"),
        ("participant_id" = ParticipantId, Path, description = "The participant's id.", example = "0198c0de-0000-7000-8000-000000000012"),
        StreamParams,
    ),
    responses(
        (status = 101, description = "The connection is a WebSocket now. This is one of its messages.", body = NetworkMessageResponse),
        (status = 404, description = "There is no such participant in a network of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 426, description = "This path speaks WebSocket only.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many streams are open as this server serves, or it is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/networks/{network_id}/inbox/{participant_id}/ws")]
pub async fn listen_to_inbox(
    app: Data<App>,
    request: HttpRequest,
    Auth(caller): Auth,
    path: Path<(NetworkId, ParticipantId)>,
    params: Query<StreamParams>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let socket = Socket::open(&request, payload)?;
    let (seat, arrivals) = follow(&app, &request, caller, *path, &params).await?;
    Ok(socket.talk(arrivals.map(word), seat))
}

async fn follow(
    app: &Data<App>,
    request: &HttpRequest,
    caller: Caller,
    (network, id): (NetworkId, ParticipantId),
    params: &StreamParams,
) -> Result<(Seat, impl Stream<Item = Told> + use<>), Problem> {
    let address = middleware::client(app, request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let seat = app.streams.seat(address)?;
    let after = params.after.unwrap_or(0);
    let arrivals = app.networks.follow_inbox(caller, network, id, params.channel(), after).await?;
    Ok((seat, while_good(app.clone(), Standing::of(request, caller), arrivals)))
}

/// What arrives, for as long as the credential is good. A silent stream says so every few seconds, so that it is asked in time.
fn while_good(app: Data<App>, standing: Standing, arrivals: impl Stream<Item = Arrival>) -> impl Stream<Item = Told> {
    let start = (app, standing, Box::pin(arrivals), Instant::now());
    stream::unfold(Some(start), async |going| {
        let (app, standing, mut arrivals, asked) = going?;
        let arrival = arrivals.next().await?;
        if asked.elapsed() < ASKED_EVERY {
            return Some((Told::Arrival(arrival), Some((app, standing, arrivals, asked))));
        }
        if !standing.is_good(&app).await {
            return Some((Told::Revoked, None));
        }
        Some((Told::Arrival(arrival), Some((app, standing, arrivals, Instant::now()))))
    })
}

/// A message as JSON, and its place.
fn json(letter: Letter) -> (String, i64) {
    let message = NetworkMessageResponse::from(letter);
    // It holds nothing that could fail to be written.
    (serde_json::to_string(&message).unwrap_or_default(), message.seq)
}

fn event(told: Told) -> Bytes {
    let Told::Arrival(arrival) = told else {
        return Bytes::from_static(b"event: gone\ndata: {\"reason\":\"The credential is not good any more\"}\n\n");
    };
    match arrival {
        Arrival::Letter(letter) => {
            let (json, seq) = json(*letter);
            format!("id: {seq}\nevent: message\ndata: {json}\n\n").into()
        }
        Arrival::Idle => Bytes::from_static(b": alive\n\n"),
        Arrival::Ended(None) => Bytes::from_static(b": the server is going down\n\n"),
        Arrival::Ended(Some(error)) => {
            let reason = serde_json::Value::String(Problem::from(error).to_string());
            format!("event: gone\ndata: {{\"reason\":{reason}}}\n\n").into()
        }
    }
}

fn word(told: Told) -> Word {
    let Told::Arrival(arrival) = told else {
        return Word::Last(CloseCode::Other(CLOSE_UNAUTHENTICATED), "The credential is not good any more".to_owned());
    };
    match arrival {
        Arrival::Letter(letter) => Word::Text(json(*letter).0.into()),
        Arrival::Idle => Word::Nothing,
        Arrival::Ended(None) => Word::closing(),
        Arrival::Ended(Some(error)) => Word::Last(CloseCode::Other(CLOSE_GONE), Problem::from(error).to_string()),
    }
}
