//! `rialto ledger seal`: seals what is there now.

use std::{
    error::Error,
    io::{self, Write},
};

use rialto_kernel::Clock;
use rialto_ledger::seal::{Anchor, seal_all};

use crate::config::Settings;

/// Seals what is there now, and prints the end of the chain.
///
/// # Errors
/// When the database does not answer, or a transaction stays open for half a minute.
pub async fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let db = super::open(settings).await?;
    let sealed = seal_all(&db, &Clock::system()).await?;
    writeln!(io::stdout(), "Sealed {} transfers in {} seals.", sealed.transfers, sealed.seals)?;
    show(sealed.head)
}

/// Prints the end of the chain, to be kept elsewhere.
pub(super) fn show(head: Option<Anchor>) -> Result<(), Box<dyn Error>> {
    match head {
        Some(Anchor { no, hash }) => writeln!(io::stdout(), "seal {no} {hash}")?,
        None => writeln!(io::stdout(), "No seal yet.")?,
    }
    Ok(())
}
