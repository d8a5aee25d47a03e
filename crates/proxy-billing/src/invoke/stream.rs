//! Calls that are answered in a stream.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rialto_outbound::{OutboundResponse, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Answer, Inner, Outcome,
    call::{Called, failure, judge},
    open::Fresh,
    sse::{Cutter, Framing, Piece},
};
use crate::error::BrokerError;

/// How many pieces wait for a slow reader before the agent is made to wait too.
const PIECES_WAITING_MAX: usize = 64;
/// How long a reader may make an agent wait. After that it gets no more pieces, but the call goes on and is settled.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// What a streamed call says.
#[derive(Debug)]
pub enum StreamEvent {
    /// A piece of the answer, as it came.
    Chunk(Value),
    /// The end: the call is settled. Nothing follows.
    Finished(Result<Outcome, BrokerError>),
}

/// Makes the call in a task of its own. It is settled whether or not anybody listens to the end.
pub(super) fn start(inner: Arc<Inner>, opened: Fresh, permit: OwnedSemaphorePermit) -> mpsc::Receiver<StreamEvent> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(async move {
        let mut reader = Reader(Some(sender));
        let started = Instant::now();
        let called = match inner.begin_call(&opened.call, started).await {
            Ok(response) => read(response, &mut reader, started).await,
            Err(called) => called,
        };
        let settled = inner.settle(opened.ticket, called).await;
        drop(permit);
        reader.say(StreamEvent::Finished(settled)).await;
    });
    receiver
}

/// Whoever listens, until they do not.
struct Reader(Option<mpsc::Sender<StreamEvent>>);

impl Reader {
    async fn say(&mut self, event: StreamEvent) {
        let Some(sender) = &self.0 else { return };
        if !matches!(tokio::time::timeout(READER_PATIENCE, sender.send(event)).await, Ok(Ok(()))) {
            self.0 = None;
        }
    }
}

/// Hands on the pieces of an answer and keeps them; they are the answer when the stream ends well.
async fn read(mut response: OutboundResponse, reader: &mut Reader, started: Instant) -> Called {
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
            reader.say(StreamEvent::Chunk(chunk)).await;
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
