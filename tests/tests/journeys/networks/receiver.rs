//! Fifty callbacks in one server: each path is a participant, and remembers what came.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub struct Receiver {
    base: String,
    seen: Arc<Mutex<HashMap<String, Vec<String>>>>,
    gate: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Takes everything but `/hang`, which it never answers, and `/die`, whose connection it closes.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (seen, gate) = (Arc::<Mutex<HashMap<_, Vec<_>>>>::default(), Arc::new(AtomicUsize::new(usize::MAX)));
        let (shared, bound) = (Arc::clone(&seen), Arc::clone(&gate));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&bound)));
            }
        });
        Self { base, seen, gate, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// From now on each path answers so many, and takes what comes after these without a word.
    pub fn answer_only(&self, count: usize) {
        self.gate.store(count, Ordering::SeqCst);
    }

    /// The `webhook-id`s that came to a path, in order, repeats too.
    pub fn ids(&self, path: &str) -> Vec<String> {
        self.seen.lock().unwrap().get(path).cloned().unwrap_or_default()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().values().map(Vec::len).sum()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<HashMap<String, Vec<String>>>>, gate: Arc<AtomicUsize>) -> Option<()> {
    let mut taken = Vec::new();
    loop {
        let end = loop {
            if let Some(head) = taken.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&taken[..head]).to_ascii_lowercase();
                let length =
                    text.lines().find_map(|line| line.strip_prefix("content-length:")).map(|n| n.trim().parse::<usize>());
                let end = head + 4 + length.map_or(0, Result::unwrap);
                if taken.len() >= end {
                    break (text, end);
                }
            }
            let mut piece = [0; 16_384];
            match stream.read(&mut piece).await {
                Ok(read @ 1..) => taken.extend_from_slice(&piece[..read]),
                _ => return None,
            }
        };
        let (head, end) = end;
        taken.drain(..end);
        let path = head.split(' ').nth(1)?.to_owned();
        let id = head.lines().find_map(|line| line.strip_prefix("webhook-id:"))?.trim().to_owned();
        if path == "/die" {
            return None;
        }
        if path == "/hang" {
            std::future::pending::<()>().await;
        }
        let count = {
            let mut seen = seen.lock().unwrap();
            let ids = seen.entry(path).or_default();
            ids.push(id);
            ids.len()
        };
        if count > gate.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.ok()?;
    }
}
