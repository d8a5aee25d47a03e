//! SQLite: one writer with group commit, a checkpointer behind it, a few readers, each on a thread of its own.

mod checkpoint;
mod link;
pub(crate) mod readers;
pub(crate) mod writer;

use std::path::Path;

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
pub use link::{SqliteLink, SqliteQueryDsl};

use crate::{StoreError, Tx};

/// How long a statement waits for another *process* that writes the same file.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Write,
    Read,
    Checkpoint,
}

/// Opens one connection. Blocking.
fn open(path: &Path, purpose: Purpose) -> Result<Tx, StoreError> {
    let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {error}", path.display()));
    let name = path.to_str().ok_or_else(|| unavailable(&"the path is not UTF-8"))?;
    let mut conn = SqliteConnection::establish(name).map_err(|error| unavailable(&error))?;
    // The busy timeout comes first: switching to WAL needs a lock itself.
    let common = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
    );
    let backstop = checkpoint::BACKSTOP_PAGES;
    let own = match purpose {
        Purpose::Write => {
            format!("PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = {backstop};")
        }
        Purpose::Read => "PRAGMA cache_size = -4096; PRAGMA query_only = ON;".to_owned(),
        Purpose::Checkpoint => "PRAGMA cache_size = -512;".to_owned(),
    };
    conn.batch_execute(&common).and_then(|()| conn.batch_execute(&own)).map_err(|error| unavailable(&error))?;
    Ok(Tx::Sqlite(SqliteLink::new(conn)))
}

/// Runs work on the thread that asks. Its futures are ready at once; the timer is there to end work that waits for
/// something it must not wait for. It cannot end a statement.
fn runtime() -> Result<tokio::runtime::Runtime, StoreError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use diesel::{QueryableByName, sql_types};

    use super::{Purpose, open};
    use crate::{StoreError, on};

    #[derive(QueryableByName, Debug, PartialEq)]
    struct Settings {
        #[diesel(sql_type = sql_types::Integer)]
        synchronous: i32,
        #[diesel(sql_type = sql_types::Text)]
        journal_mode: String,
        #[diesel(sql_type = sql_types::Integer)]
        foreign_keys: i32,
    }

    /// Whatever is acknowledged survives a loss of power only so: no other test would tell, but that of the groups, which say it
    /// each for itself.
    #[tokio::test]
    async fn the_writer_syncs_the_log_at_each_commit() {
        const SETTINGS: &str = "SELECT * FROM pragma_synchronous, pragma_journal_mode, pragma_foreign_keys";
        let folder = tempfile::tempdir().unwrap();
        let mut tx = open(&folder.path().join("test.db"), Purpose::Write).unwrap();
        let found: Result<Settings, StoreError> = on!(&mut tx, conn => diesel::sql_query(SETTINGS).get_result(conn).await);
        assert_eq!(found, Ok(Settings { synchronous: 2, journal_mode: "wal".into(), foreign_keys: 1 }));
    }
}
