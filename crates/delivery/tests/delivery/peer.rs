//! Other people's receivers: one small HTTP server that behaves, path by path, as it is told.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a path does with a request.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Answers with this status and body.
    Answer(u16, String),
    /// Takes the request and says nothing.
    Hang,
    /// The same with what has this in it, and answers the rest with 200.
    HangOn(&'static str),
    /// Answers with 200 after so long.
    Slow(Duration),
    /// Answers with 503 so many times, then with 200.
    FailFirst(usize),
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub struct Peer {
    at: SocketAddr,
    manners: Arc<Mutex<HashMap<String, Manner>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Self { at: listener.local_addr().unwrap(), manners: Arc::default(), seen: Arc::default() };
        let shared = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = shared.clone();
                tokio::spawn(async move { peer.serve(stream).await });
            }
        });
        peer
    }

    /// The URL of a path, which behaves like this from now on.
    pub fn url(&self, path: &str, manner: Manner) -> String {
        self.manners.lock().unwrap().insert(path.to_owned(), manner);
        format!("http://{}{path}", self.at)
    }

    /// All requests to this path, in the order in which they came.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    fn manner(&self, path: &str) -> Manner {
        let mut manners = self.manners.lock().unwrap();
        match manners.get_mut(path) {
            Some(Manner::FailFirst(left @ 1..)) => {
                *left -= 1;
                Manner::Answer(503, "{}".into())
            }
            Some(Manner::FailFirst(_)) => Manner::Answer(200, "{}".into()),
            Some(manner) => manner.clone(),
            None => Manner::Answer(404, "{}".into()),
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let (head, body) = read_request(&mut stream).await?;
            let path = head.split(' ').nth(1)?.to_owned();
            self.seen.lock().unwrap().push(Seen { path: path.clone(), head, body: body.clone() });
            let (status, body) = match self.manner(&path) {
                Manner::Answer(status, body) => (status, body),
                Manner::HangOn(text) if !body.contains(text) => (200, "{}".into()),
                Manner::Slow(time) => {
                    tokio::time::sleep(time).await;
                    (200, "{}".into())
                }
                Manner::Hang | Manner::HangOn(_) | Manner::FailFirst(_) => {
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    return None;
                }
            };
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.ok()?;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut taken = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&taken).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).map(|n| n.trim().parse().unwrap());
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
