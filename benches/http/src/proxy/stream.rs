//! One GiB through the server: how fast, and how much memory it takes.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{nginx::LARGE, seed::Shop};
use crate::{Result, server::Server};

/// What came of it.
pub struct Streamed {
    /// How long it took.
    pub took: Duration,
    /// The server's memory before, in MB.
    pub before_mb: u64,
    /// The most it was meanwhile.
    pub peak_mb: u64,
}

/// Fetches the large file through the server.
pub fn through(server: &Server, shop: &Shop) -> Result<Streamed> {
    let before_mb = server.rss_mb()?;
    let mut stream = TcpStream::connect(&server.address)?;
    write!(
        stream,
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        shop.large, server.address, shop.key
    )?;
    let started = Instant::now();
    let (mut taken, mut peak_mb) = (0_u64, before_mb);
    let mut piece = vec![0; 1 << 20];
    let mut looked = Instant::now();
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        taken = taken.saturating_add(u64::try_from(read)?);
        if looked.elapsed() > Duration::from_millis(20) {
            peak_mb = peak_mb.max(server.rss_mb()?);
            looked = Instant::now();
        }
    }
    if taken < LARGE {
        return Err(format!("only {taken} bytes of the large file arrived").into());
    }
    Ok(Streamed { took: started.elapsed(), before_mb, peak_mb })
}
