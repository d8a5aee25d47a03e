//! Calls that are answered in a stream.

use std::time::Instant;

use rialto_outbound::{OutboundResponse, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Answer, Inner, Outcome, a2a,
    call::{Called, failure, judge},
    open::Fresh,
    sse::{Cutter, Framing, Piece},
};
use crate::error::BrokerError;

/// What a streamed call says.
#[derive(Debug)]
pub enum StreamEvent {
    /// A piece of the answer, as it came.
    Chunk(Value),
    /// The end: the call is settled. Nothing follows.
    Finished(Result<Outcome, BrokerError>),
}

/// Makes the call and settles it at the agent's pace, whether or not anybody listens, and however slowly: what a reader has
/// not taken yet waits for it, and is never more than the largest answer.
pub(super) async fn run(inner: &Inner, opened: Fresh, reader: &UnboundedSender<StreamEvent>) {
    let started = Instant::now();
    let called = if a2a::version(opened.call.protocol).is_some() {
        // Its answer comes whole: the broker asks until the agent's task is done.
        inner.call(&opened.call).await
    } else {
        match inner.begin_call(&opened.call, started).await {
            Ok(response) => read(response, reader, started).await,
            Err(called) => called,
        }
    };
    let settled = inner.settle(opened.ticket, called).await;
    say(reader, StreamEvent::Finished(settled));
}

/// Tells the reader, if it is still there.
fn say(reader: &UnboundedSender<StreamEvent>, event: StreamEvent) {
    drop(reader.send(event));
}

/// Hands on the pieces of an answer and keeps them; they are the answer when the stream ends well.
async fn read(mut response: OutboundResponse, reader: &UnboundedSender<StreamEvent>, started: Instant) -> Called {
    let framing = Framing::of(&response.headers);
    if framing == Framing::Whole {
        return match response.body.collect().await {
            Ok(body) => judge(response.status, &body, started),
            Err(error) => failure(&error, started.elapsed()),
        };
    }
    let (mut cutter, mut kept) = (Cutter::new(framing), Vec::new());
    loop {
        let (pieces, ended) = match response.body.next().await {
            Some(Ok(bytes)) => (cutter.push(&bytes), false),
            Some(Err(error)) => return failure(&error, started.elapsed()),
            None => (cutter.finish().into_iter().collect(), true),
        };
        for piece in pieces {
            let Piece::Chunk(chunk) = piece else {
                return Called::failed(502, "Agent reported an error in its stream", started.elapsed());
            };
            kept.push(chunk.clone());
            say(reader, StreamEvent::Chunk(chunk));
        }
        if ended {
            return whole(framing, response.status, kept, started);
        }
    }
}

/// The answer that the pieces make: a text, or the list of them.
fn whole(framing: Framing, status: StatusCode, chunks: Vec<Value>, started: Instant) -> Called {
    let said = |chunk: &Value| match chunk {
        Value::String(text) => Some(text.clone()),
        other => other.get("text").and_then(Value::as_str).map(str::to_owned),
    };
    let text: String = chunks.iter().filter_map(said).collect();
    let mut data = Map::new();
    if !text.is_empty() {
        data.insert("text".to_owned(), json!(text));
    }
    if framing != Framing::Text {
        data.insert("chunks".to_owned(), Value::Array(chunks));
    }
    match Answer::new(Value::Object(data)) {
        Ok(answer) => Called::answered(status, answer, started.elapsed()),
        Err(_) => Called::failed(status.as_u16(), "Invalid JSON response from agent", started.elapsed()),
    }
}
