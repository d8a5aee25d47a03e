//! Streams of the protocol, as server-sent events.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web::Bytes};
use futures_util::{Stream, StreamExt, stream};

use crate::http::Problem;

/// How often a silent stream says that it is alive, so that nobody between us and the reader cuts it.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Answers with these events; a comment where nothing comes for long.
pub fn answer(events: impl Stream<Item = String> + 'static) -> HttpResponse {
    let bytes =
        stream::unfold(Box::pin(events), async |mut events| match tokio::time::timeout(ALIVE_EVERY, events.next()).await {
            Err(_elapsed) => Some((Bytes::from_static(b": alive\n\n"), events)),
            Ok(next) => next.map(|event| (Bytes::from(event), events)),
        });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(bytes.map(Ok::<_, Problem>))
}

/// One event. The data is JSON in one line.
pub fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// One event with a name.
pub fn named(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
