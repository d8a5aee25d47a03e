//! The few requests that fill the server.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::Result;

/// Sends one request on a connection of its own, and gives the JSON of a 2xx answer.
pub fn call(address: &str, method: &str, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let credential = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{credential}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("a broken answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        return Err(format!("{method} {path} answered {status}: {body}").into());
    }
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}
