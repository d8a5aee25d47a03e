//! The agent that is invoked: answers every request with a small JSON object, as fast as it can.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::Result;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n{\"echo\":\"a short answer\"}\n";

/// Starts it, and says where it is. It ends with the process.
pub fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/invoke", listener.local_addr()?);
    thread::spawn(move || {
        // The broker keeps its connections, so there are about as many threads as calls at once.
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(url)
}

/// Answers until the connection ends, however it ends.
fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return Some(());
        }
        let header = line.trim_end();
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if header.is_empty() {
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
            writer.write_all(ANSWER).ok()?;
            length = 0;
        }
    }
}
