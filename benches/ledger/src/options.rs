//! The command line.

use std::{env, path::PathBuf, time::Duration};

use crate::Result;

/// What to measure, and how.
pub struct Options {
    /// The folder for the results.
    pub out: PathBuf,
    /// The counted length of each run.
    pub measured: Duration,
    /// What goes before it.
    pub warm_up: Duration,
    /// Callers of single transfers.
    pub callers: u32,
    /// Callers of batches.
    pub batch_callers: u32,
    /// Connections to PostgreSQL, for every engine.
    pub connections: usize,
    /// The server.
    pub postgres: String,
    /// pgledger's SQL files, in the order in which they are to be run.
    pub pgledger: Vec<PathBuf>,
    only: Option<String>,
}

impl Options {
    /// Reads the command line.
    pub fn read() -> Result<Self> {
        let mut options = Self {
            out: "benches/results".into(),
            measured: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            callers: 32,
            batch_callers: 2,
            connections: 16,
            postgres: "postgres://postgres@127.0.0.1:5432/postgres".into(),
            pgledger: Vec::new(),
            only: None,
        };
        let mut words = env::args().skip(1);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--out" => options.out = value.into(),
                "--seconds" => options.measured = Duration::from_secs(value.parse()?),
                "--warm-up" => options.warm_up = Duration::from_secs(value.parse()?),
                "--callers" => options.callers = value.parse()?,
                "--batch-callers" => options.batch_callers = value.parse()?,
                "--connections" => options.connections = value.parse()?,
                "--only" => options.only = Some(value),
                "--postgres" => options.postgres = value,
                "--pgledger" => options.pgledger.push(value.into()),
                _ => return Err(format!("unknown flag {flag}; see benches/ledger/README.md").into()),
            }
        }
        if options.measured.is_zero() || options.connections == 0 {
            return Err("--seconds and --connections must not be zero".into());
        }
        Ok(options)
    }

    /// Whether the run with this name is to be measured.
    pub fn wants(&self, run: &str) -> bool {
        self.only.as_deref().is_none_or(|only| run.contains(only))
    }
}
