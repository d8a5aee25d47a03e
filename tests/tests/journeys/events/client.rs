//! Clients of the stream, and a writer of events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rialto_kernel::{Clock, Event, Timestamp};
use rialto_store::{Db, DbOptions, StoreError, Tx, outbox};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::harness::{Server, World};

const PATIENCE: Duration = Duration::from_secs(30);

/// Writes events straight into the database of the server, as another process would.
#[derive(Clone)]
pub struct Writer(pub Db);

impl Writer {
    pub async fn open(world: &World) -> Self {
        let options = DbOptions { readers: 1, connections_max: 8, ..DbOptions::default() };
        Self(Db::open(&world.place.url, &options).await.unwrap())
    }

    /// One transaction with these events.
    pub async fn write(&self, events: Vec<(&'static str, Value)>) {
        let write = async move |tx: &mut Tx| {
            for (kind, data) in &events {
                append(tx, kind, data.clone()).await?;
            }
            Ok::<_, StoreError>(())
        };
        self.0.write(write).await.unwrap();
    }

    /// An event about capability `c`, numbered.
    pub async fn order(&self, n: usize) {
        self.write(vec![("order.placed", json!({"n": n, "capability": "c"}))]).await;
    }

    /// The same, written at this moment.
    pub async fn order_at(&self, n: usize, at: Timestamp) {
        let write = async move |tx: &mut Tx| append_at(tx, "order.placed", json!({"n": n}), at).await;
        self.0.write(write).await.unwrap();
    }
}

/// Not long ago: the server forgets events that are old.
pub async fn append(tx: &mut Tx, kind: &'static str, data: Value) -> Result<(), StoreError> {
    append_at(tx, kind, data, Clock::system().now()).await
}

async fn append_at(tx: &mut Tx, kind: &'static str, data: Value, at: Timestamp) -> Result<(), StoreError> {
    outbox::append(tx, Event { kind, subject: uuid::Uuid::nil(), owner: None, data, at }).await
}

/// A client with a WebSocket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn open(server: &Server, path: &str) -> Self {
        Self::try_open(server, path, None).await.unwrap_or_else(|(status, body)| panic!("{path}: {status} {body}"))
    }

    /// Connects, perhaps with little room for what it has not read; gives the status and the body where it is refused.
    pub async fn try_open(server: &Server, path: &str, room: Option<u32>) -> Result<Self, (u16, Value)> {
        let address = server.base().strip_prefix("http://").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(room) = room {
            socket.set_recv_buffer_size(room).unwrap();
        }
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        match tokio_tungstenite::client_async(format!("ws://{address}{path}"), stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().and_then(|body| serde_json::from_slice(body).ok());
                Err((answer.status().as_u16(), body.unwrap_or(Value::Null)))
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// Connects with a header, such as a credential.
    pub async fn with(server: &Server, path: &str, (name, value): (&str, &str)) -> Self {
        let address = server.base().strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        Self(tokio_tungstenite::client_async(request, stream).await.unwrap().0)
    }

    /// The next message, or how the server closed. Pings are answered on the way.
    pub async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        // Pings come for ever, and are nothing.
        let late = Instant::now() + PATIENCE;
        loop {
            match timeout_at(late, self.0.next()).await.expect("nothing came in half a minute") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub async fn event(&mut self) -> Value {
        self.next().await.unwrap_or_else(|close| panic!("closed with {close:?}"))
    }

    /// The `n` of the next events.
    pub async fn ns(&mut self, count: usize) -> Vec<usize> {
        let mut ns = Vec::new();
        for _ in 0..count {
            ns.push(n(&self.event().await));
        }
        ns
    }

    /// Reads on until the server closes; gives its code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(frame) = self.next().await {
                let frame = frame.expect("a close without a reason");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// Nothing comes for a while.
    pub async fn expect_silence(&mut self) {
        let heard = tokio::time::timeout(Duration::from_millis(400), self.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }
}

pub fn n(event: &Value) -> usize {
    event["data"]["n"].as_u64().unwrap_or_else(|| panic!("{event}")).try_into().unwrap()
}

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub id: Option<i64>,
    pub event: String,
    pub data: Value,
}

/// A client of the server-sent events.
pub struct EventSource {
    body: hyper::body::Incoming,
    text: String,
}

impl EventSource {
    pub async fn open(server: &Server, path: &str, last_event_id: Option<i64>) -> Self {
        let id = last_event_id.map(|id| id.to_string());
        Self::with(server, path, id.as_deref().map(|id| ("last-event-id", id))).await
    }

    pub async fn with(server: &Server, path: &str, header: Option<(&str, &str)>) -> Self {
        let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = http::Request::get(format!("{}{path}", server.base()));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-type"]), (200, &"text/event-stream".parse().unwrap()));
        Self { body: answer.into_body(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Sent> {
        let late = Instant::now() + PATIENCE;
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                if let Some(data) = field("data") {
                    let id = field("id").map(|id| id.parse().unwrap());
                    let (event, data) = (field("event").unwrap().to_owned(), serde_json::from_str(data).unwrap());
                    return Some(Sent { id, event, data });
                }
            }
            let frame = timeout_at(late, self.body.frame()).await.expect("nothing came in half a minute")?;
            self.text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    pub async fn event(&mut self) -> Sent {
        self.next().await.expect("the stream ended")
    }
}
