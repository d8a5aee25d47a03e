//! `rialto ledger …`: what an operator does with the books.

mod export;
mod output;
mod reconcile;
mod seal;
mod state;
mod statement;
mod verify;

use std::error::Error;

use rialto_ledger::AccountState;
use rialto_store::{Db, DbOptions};

use crate::config::Settings;

/// What to do with the ledger.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute every balance, every hold and every seal, and name the first entry that is wrong; safe while the server runs
    Verify(verify::Args),
    /// Seal what is there now, and print the end of the chain, to be kept elsewhere
    Seal,
    /// Compare an account with a CSV file of its movements that somebody else keeps
    Reconcile(Box<reconcile::Args>),
    /// Write the journal as JSON Lines or CSV; safe while the server runs
    Export(export::Args),
    /// Show an account over a period: opening balance, every line, closing balance
    Statement(statement::Args),
    /// Let nothing leave an account; what comes in still does, and what is held may still be paid
    Freeze(state::Args),
    /// Open an account that was frozen or closed
    Unfreeze(state::Args),
    /// Close an account that is empty: nothing leaves it and nothing comes in
    Close(state::Args),
}

/// Does what is asked.
///
/// # Errors
/// Whatever keeps it from being done, readable.
pub async fn run(command: &Command, settings: &Settings) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Verify(args) => verify::run(args, settings).await,
        Command::Seal => seal::run(settings).await,
        Command::Reconcile(args) => reconcile::run(args, settings).await,
        Command::Export(args) => export::run(args, settings).await,
        Command::Statement(args) => statement::run(args, settings).await,
        Command::Freeze(args) => state::run(args, AccountState::Frozen, settings).await,
        Command::Unfreeze(args) => state::run(args, AccountState::Open, settings).await,
        Command::Close(args) => state::run(args, AccountState::Closed, settings).await,
    }
}

/// Opens the database that the settings name, for a command that needs few connections. The tables have to be those that this program
/// knows: it would not understand others, and some commands write.
async fn open(settings: &Settings) -> Result<Db, Box<dyn Error>> {
    let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
    let url = &settings.database_url;
    let db = Db::open(url, &options).await.map_err(|error| format!("{url}: {error}"))?;
    db.check_parts(&["foundation", "ledger"]).await.map_err(|error| format!("{url}: {error}"))?;
    Ok(db)
}
