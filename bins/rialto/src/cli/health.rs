//! `rialto health`: asks a running server whether it is ready.

use std::{
    error::Error,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::config::Settings;

/// Which server to ask.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens [default: the configured address]
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
}

/// Asks, and fails when the answer is not 200.
///
/// # Errors
/// No answer in time, or another one.
pub fn run(args: &Args, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut address = args.address.unwrap_or(settings.listen);
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    let timeout = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    write!(stream, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    if answer.ends_with(b"200") { Ok(()) } else { Err(format!("{address} is not ready").into()) }
}
