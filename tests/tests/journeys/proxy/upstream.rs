//! A provider's server, which answers with the very bytes that it is told to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A part of an answer.
#[derive(Debug, Clone)]
pub enum Part {
    Bytes(Vec<u8>),
    /// So many times these.
    Repeat(usize, Vec<u8>),
    Wait(Duration),
    /// Closes the connection.
    Close,
}

/// What it makes of a head and a body.
type Making = dyn Fn(&str, &[u8]) -> Vec<Part> + Send + Sync;

/// The heads and bodies that came.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server on a port of its own until it is dropped.
pub struct Upstream {
    pub url: String,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Upstream {
    pub async fn start(make: impl Fn(&str, &[u8]) -> Vec<Part> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let (seen, make): (_, Arc<Making>) = (Arc::default(), Arc::new(make));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&make), Arc::clone(&shared)));
            }
        });
        Self { url, seen, task }
    }

    /// One that answers everything with this.
    pub async fn answering(answer: Vec<Part>) -> Self {
        Self::start(move |_, _| answer.clone()).await
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The heads and the bodies of all calls.
    pub fn all(&self) -> Vec<(String, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }

    /// The head and the body of the last call.
    pub fn last(&self) -> (String, Vec<u8>) {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a body that says how long it is.
pub fn plain(status: u16, headers: &str, body: &[u8]) -> Vec<Part> {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    vec![Part::Bytes([head.as_bytes(), body].concat())]
}

/// Bytes as they are.
pub fn raw(bytes: &str) -> Vec<Part> {
    vec![Part::Bytes(bytes.as_bytes().to_vec())]
}

async fn serve(mut stream: TcpStream, make: Arc<Making>, seen: Seen) {
    let mut taken = Vec::new();
    while let Some((head, body)) = read_request(&mut stream, &mut taken).await {
        let answer = make(&head, &body);
        seen.lock().unwrap().push((head, body));
        for part in answer {
            let written = match part {
                Part::Bytes(bytes) => stream.write_all(&bytes).await,
                Part::Repeat(times, bytes) => {
                    let mut written = Ok(());
                    for _ in 0..times {
                        written = stream.write_all(&bytes).await;
                        if written.is_err() {
                            break;
                        }
                    }
                    written
                }
                Part::Wait(time) => {
                    tokio::time::sleep(time).await;
                    Ok(())
                }
                Part::Close => return,
            };
            if written.is_err() {
                return;
            }
        }
    }
}

/// One request, whether it says its length or comes in chunks.
async fn read_request(stream: &mut TcpStream, taken: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(request) = cut(taken) {
            return Some(request);
        }
        let mut piece = vec![0; 65_536];
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => taken.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}

/// Takes a whole request off the front.
fn cut(taken: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = taken.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&taken[..end]).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).map(|n| n.trim().parse::<usize>().unwrap());
    let (body, used) = if lower.contains("transfer-encoding: chunked") {
        dechunk(&taken[end..])?
    } else {
        let length = length.unwrap_or(0);
        (taken.get(end..end + length)?.to_vec(), length)
    };
    taken.drain(..end + used);
    Some((head, body))
}

fn dechunk(mut rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (whole, mut body) = (rest.len(), Vec::new());
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = rest.get(line + 2..)?;
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
        if size == 0 {
            return Some((body, whole - rest.len()));
        }
    }
}
