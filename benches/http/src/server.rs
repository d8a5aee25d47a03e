//! The server that is measured.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use crate::Result;

/// A running server; it is stopped when this is dropped.
pub struct Server {
    /// `127.0.0.1:PORT`.
    pub address: String,
    child: Child,
}

/// Starts the server on a database, and waits until it listens.
pub fn start(binary: &Path, database: &str) -> Result<Server> {
    let binary = fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let mut child = Command::new(binary)
        .args(["serve", "--listen=127.0.0.1:0", "--sandbox=true", "--rate-limit-per-minute=0", "--outbound-allow=127.0.0.1"])
        .args(["--jwt-secret=a secret for benchmarks that is long enough", "--log=json"])
        .args(["--log-level=warn,rialto::cli::serve=info"])
        .args(["--database-url", database])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut log = BufReader::new(child.stderr.take().ok_or("the server has no log")?);
    let mut said = String::new();
    loop {
        let start = said.len();
        if log.read_line(&mut said)? == 0 {
            return Err(format!("the server did not start:\n{said}").into());
        }
        let line = said.get(start..).unwrap_or_default();
        if let Some((_, rest)) = line.split_once("listening on http://") {
            let address: String = rest.chars().take_while(|c| !c.is_whitespace() && *c != '"').collect();
            // A full pipe would stop the server.
            thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
            return Ok(Server { address, child });
        }
    }
}

impl Server {
    /// Memory that it holds right now, in megabytes (10⁶ bytes).
    pub fn rss_mb(&self) -> Result<u64> {
        let status = BufReader::new(File::open(format!("/proc/{}/status", self.child.id()))?);
        for line in status.lines() {
            if let Some(rest) = line?.strip_prefix("VmRSS:") {
                let kib: u64 = rest.trim().trim_end_matches(" kB").parse()?;
                return Ok(kib.saturating_mul(1_024) / 1_000_000);
            }
        }
        Err("the server's memory is not known".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
