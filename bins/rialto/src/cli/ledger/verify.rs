//! `rialto ledger verify`: recomputes the books.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use rialto_ledger::verify::{Progress, verify};

use crate::config::Settings;

/// Recomputes the books, and says what is wrong with them.
///
/// # Errors
/// When the books are wrong, or cannot be read.
pub async fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let db = super::open(settings).await?;
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
