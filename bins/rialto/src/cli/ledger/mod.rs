//! `rialto ledger …`: what an operator does with the books.

mod export;
mod output;
mod statement;
mod verify;

use std::error::Error;

use rialto_store::{Db, DbOptions};

use crate::config::Settings;

/// What to do with the ledger.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute every balance and every hold, and name the first entry that is wrong; safe while the server runs
    Verify,
    /// Write the journal as JSON Lines or CSV; safe while the server runs
    Export(export::Args),
    /// Show an account over a period: opening balance, every line, closing balance
    Statement(statement::Args),
}

/// Does what is asked.
///
/// # Errors
/// Whatever keeps it from being done, readable.
pub async fn run(command: &Command, settings: &Settings) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Verify => verify::run(settings).await,
        Command::Export(args) => export::run(args, settings).await,
        Command::Statement(args) => statement::run(args, settings).await,
    }
}

/// Opens the database that the settings name, for a command that needs few connections.
async fn open(settings: &Settings) -> Result<Db, Box<dyn Error>> {
    let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
    let url = &settings.database_url;
    Ok(Db::open(url, &options).await.map_err(|error| format!("{url}: {error}"))?)
}
