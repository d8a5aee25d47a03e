//! Other people's agents: small local HTTP servers that do as they are told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What an agent answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Its input, as `{"echo": …}`.
    Echo,
    /// This, with this status.
    Json(u16, Value),
    /// These bytes, as they are, for a body.
    Raw(u16, Vec<u8>),
    /// Its input, but only after this long.
    Slow(Duration),
    /// Whatever this makes of the request.
    Made(Make),
    /// Nothing: it closes the connection.
    HangUp,
}

/// Makes a status and a body of a head and a body.
#[derive(Clone)]
pub struct Make(Arc<dyn Fn(&str, &str) -> (u16, Vec<u8>) + Send + Sync>);

impl Make {
    pub fn of(make: impl Fn(&str, &str) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl std::fmt::Debug for Make {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Make")
    }
}

/// An agent that listens on a port of its own until it is dropped.
pub struct Agent {
    pub url: String,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    calls: AtomicUsize,
    last: Mutex<String>,
}

impl Agent {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/invoke", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, seen, task }
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    /// The head and body of the last call.
    pub fn last_request(&self) -> String {
        self.seen.last.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, seen: Arc<Seen>) {
    while let Some((head, body)) = read_request(&mut stream).await {
        seen.calls.fetch_add(1, Ordering::SeqCst);
        *seen.last.lock().unwrap() = format!("{head}\r\n\r\n{body}");
        let echo = || json!({"echo": serde_json::from_str::<Value>(&body).unwrap_or(Value::Null)});
        let (status, body) = match &answer {
            Answer::Echo => (200, echo().to_string().into_bytes()),
            Answer::Json(status, value) => (*status, value.to_string().into_bytes()),
            Answer::Raw(status, bytes) => (*status, bytes.clone()),
            Answer::Slow(time) => {
                tokio::time::sleep(*time).await;
                (200, echo().to_string().into_bytes())
            }
            Answer::Made(Make(make)) => make(&head, &body),
            Answer::HangUp => return,
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

/// Reads one request whose body has a content-length, or is chunked.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut taken = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&taken).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).map(|n| n.trim().parse().unwrap());
            assert!(!lower.contains("transfer-encoding"), "the broker knows how long its request is");
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let mut piece = [0; 16_384];
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => taken.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}
