//! `rialto migrate`: brings the schema up to date, and says what it did. `serve` does the same at its start.

use std::{
    error::Error,
    io::{self, Write},
};

use rialto_store::{Db, DbOptions};

use crate::config::Settings;

/// Migrates.
///
/// # Errors
/// When the database cannot be opened, or is newer than this program.
pub async fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
    let url = &settings.database_url;
    let db = Db::open(url, &options).await.map_err(|error| format!("{url}: {error}"))?;
    let report = db.migrate().await?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {} migrations were applied before, {} now", db.url(), report.present, report.applied.len())?;
    for name in report.applied {
        writeln!(out, "  {name}")?;
    }
    Ok(())
}
