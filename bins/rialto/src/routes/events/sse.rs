//! The stream as server-sent events.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header,
    web::{Bytes, Data},
};
use futures_util::StreamExt;

use super::{StreamMessage, query::StreamQuery};
use crate::{
    compose::{App, stream::Delivery},
    http::{Problem, Query, problem::ProblemBody},
};

/// Live events, as server-sent events
///
/// The same stream as `WS /ws/events`, for whoever has no WebSocket, such as a browser's `EventSource`. Each event has its
/// sequence number for an `id`, its type for an `event`, and a StreamMessage for its `data`. A browser that was cut off
/// connects again and goes on where it was, by `Last-Event-ID`. Two more events speak about the stream itself: `gone`
/// (`{"after": 99}`) comes first when events are not kept any more that you asked for; those behind that number follow.
/// `slow` (`{"reason": "…"}`) is the last one when you have read too slowly; connect again to go on.
#[utoipa::path(
    tag = "Live",
    params(
        StreamQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "As `after`, and before it."),
    ),
    responses(
        (status = 200, description = "The events, without an end.", body = StreamMessage, content_type = "text/event-stream",
            example = "id: 4711\nevent: OrderPlaced\ndata: {\"event\":\"OrderPlaced\",\"data\":{\"capability\":\"translation\",\"price\":80,\"side\":\"bid\"},\"timestamp\":\"2026-11-22T04:54:03.000001Z\",\"seq\":4711}\n\n"),
        (status = 429, description = "Too many streams from your address.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "As many streams are open as this server serves, or it is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/events/stream")]
pub async fn events_stream(app: Data<App>, request: HttpRequest, query: Query<StreamQuery>) -> Result<HttpResponse, Problem> {
    let (seat, feed) = query.join(&app, &request).await?;
    let events = feed.deliveries().map(move |delivery| {
        // The place is held as long as the stream is.
        let _held = &seat;
        Ok::<_, Problem>(text(delivery))
    });
    // A first word, so that whatever is between us and the reader sees that the answer has begun.
    let begin = futures_util::stream::once(async { Ok(Bytes::from_static(b"retry: 2000\n\n")) });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(begin.chain(events)))
}

fn text(delivery: Delivery) -> Bytes {
    match delivery {
        Delivery::Event(frame) => frame.sse().into_bytes(),
        // An id without data is no event, but it is where a browser goes on.
        Delivery::Idle(at) => format!("id: {at}\n: alive\n\n").into(),
        Delivery::Gone { after } => format!("id: {after}\nevent: gone\ndata: {{\"after\":{after}}}\n\n").into(),
        Delivery::Slow => Bytes::from_static(
            b"event: slow\ndata: {\"reason\":\"you have read too slowly; connect again to go on where you were\"}\n\n",
        ),
        Delivery::Closing => Bytes::from_static(b": the server is going down\n\n"),
    }
}
