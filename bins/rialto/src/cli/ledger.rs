//! `rialto ledger verify`: recomputes the books.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use rialto_ledger::verify::{Progress, verify};
use rialto_store::{Db, DbOptions};

use crate::config::Settings;

/// What to do with the ledger.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute every balance and every hold, and name the first entry that is wrong; safe while the server runs
    Verify,
}

/// Does what is asked.
///
/// # Errors
/// When the books are wrong, or cannot be read.
pub async fn run(command: &Command, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Command::Verify = command;
    let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
    let url = &settings.database_url;
    let db = Db::open(url, &options).await.map_err(|error| format!("{url}: {error}"))?;
    let terminal = io::stderr().is_terminal();
    let report = verify(&db, |progress| show(terminal, progress)).await?;
    if terminal {
        writeln!(io::stderr())?;
    }
    match report.wrong {
        Some(wrong) => Err(format!("the books are wrong: {wrong}").into()),
        None => {
            let (accounts, transfers) = (report.accounts, report.transfers);
            writeln!(io::stdout(), "The books are right: {transfers} transfers between {accounts} accounts.")?;
            Ok(())
        }
    }
}

fn show(terminal: bool, progress: Progress) {
    if terminal {
        let percent = progress.at.saturating_mul(100) / progress.last.max(1);
        let _ = write!(io::stderr(), "\r{percent:3} %  {} transfers", progress.transfers);
    }
}
