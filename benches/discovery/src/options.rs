//! The command line.

use std::{env, path::PathBuf};

use crate::Result;

/// What to measure, and how.
pub struct Options {
    /// The server's binary; nothing is measured over HTTP without one.
    pub server: Option<PathBuf>,
    /// How many agents are in the server.
    pub agents: usize,
    /// The length of each run over HTTP, in seconds.
    pub seconds: u32,
    only: Option<String>,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Result<Self> {
        let mut options = Self { server: None, agents: 10_000, seconds: 10, only: None };
        let mut words = env::args().skip(1);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--server" => options.server = Some(value.into()),
                "--agents" => options.agents = value.parse()?,
                "--seconds" => options.seconds = value.parse()?,
                "--only" => options.only = Some(value),
                _ => return Err(format!("unknown flag {flag}; see benches/discovery/README.md").into()),
            }
        }
        Ok(options)
    }

    /// Whether this part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
