//! `rialto ledger verify`: recomputes the books.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use rialto_ledger::{
    seal::Anchor,
    verify::{Progress, verify_with},
};

use crate::config::Settings;

/// What to compare with.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A seal's hash that was kept elsewhere, as verify or seal printed it; may be given several times. It catches whoever
    /// rewrote the whole chain
    #[arg(long, value_name = "NO:HASH")]
    anchor: Vec<Anchor>,
}

/// Recomputes the books, and says what is wrong with them.
///
/// # Errors
/// When the books are wrong, or cannot be read.
pub async fn run(args: &Args, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let db = super::open(settings).await?;
    let terminal = io::stderr().is_terminal();
    let report = verify_with(&db, &args.anchor, |progress| show(terminal, progress)).await?;
    if terminal {
        writeln!(io::stderr())?;
    }
    if let Some(wrong) = report.wrong {
        let also = report.also.map(|also| format!("\nalso: {also}")).unwrap_or_default();
        return Err(format!("the books are wrong: {wrong}{also}").into());
    }
    let (accounts, transfers, sealed) = (report.accounts, report.transfers, report.sealed);
    writeln!(io::stdout(), "The books are right: {transfers} transfers between {accounts} accounts, {sealed} of them sealed.")?;
    super::seal::show(report.head)
}

fn show(terminal: bool, progress: Progress) {
    if terminal {
        let _ = write!(io::stderr(), "\r{:3} %  {} transfers", progress.percent(), progress.transfers);
    }
}
