//! An empty place for an engine's books: its size, what is in it, and its end.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::BigInt};
use rialto_store::DatabaseUrl;

use crate::{
    Result,
    engine::{Books, Database},
    sessions::connect,
    workload::Workload,
};

/// What the tables of the schema and their indexes take.
const POSTGRES_SIZE: &str = "SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0)::bigint FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'm')";
/// Plans are made from figures, and the disk is quiet: for every engine alike.
const POSTGRES_SETTLE: &str = "DO $$ DECLARE name text; BEGIN \
     FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() \
     LOOP EXECUTE format('ANALYZE %I', name); END LOOP; END $$";

/// A fresh folder or schema.
pub enum Place {
    /// A folder with one file.
    Folder(PathBuf),
    /// A schema on a server.
    Schema {
        /// The server.
        admin: String,
        /// The schema.
        name: String,
    },
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

impl Place {
    /// Makes one.
    pub async fn new(database: Database, postgres: &str) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("rialto_bench_{}_{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        match database {
            Database::Sqlite => {
                let folder = env::temp_dir().join(name);
                fs::create_dir_all(&folder)?;
                Ok(Self::Folder(fs::canonicalize(folder)?))
            }
            Database::Postgres => {
                connect(postgres).await?.batch_execute(&format!("CREATE SCHEMA {name}")).await?;
                Ok(Self::Schema { admin: postgres.to_owned(), name })
            }
        }
    }

    /// How engines reach it.
    pub fn url(&self) -> Result<DatabaseUrl> {
        Ok(match self {
            Self::Folder(folder) => DatabaseUrl::Sqlite(folder.join("bench.db")),
            Self::Schema { admin, name } => {
                let join = if admin.contains('?') { '&' } else { '?' };
                format!("{admin}{join}options=-c%20search_path%3D{name}").parse()?
            }
        })
    }

    /// Makes the place quiet after the accounts were opened. Its size.
    pub async fn settle(&self) -> Result<u64> {
        if let Self::Schema { .. } = self {
            let client = connect(&self.url()?.reveal()).await?;
            client.batch_execute(POSTGRES_SETTLE).await?;
            // Not everybody may; then the first checkpoint falls where it falls.
            let _ = client.batch_execute("CHECKPOINT").await;
        }
        self.size().await
    }

    /// Bytes on disk: tables and indexes. An SQLite file is counted after a checkpoint, with what is left of its log.
    pub async fn size(&self) -> Result<u64> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join("bench.db");
                open(&file)?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
                let log = fs::metadata(folder.join("bench.db-wal")).map_or(0, |log| log.len());
                Ok(fs::metadata(file)?.len() + log)
            }
            Self::Schema { .. } => Ok(u64::try_from(self.number(POSTGRES_SIZE).await?)?),
        }
    }

    /// Checks the books: nothing made, nothing lost, nothing forgotten of what was acknowledged, and nothing else done.
    ///
    /// # Errors
    /// What is wrong with them.
    pub async fn check(&self, books: &Books, workload: &Workload, acknowledged: u64) -> Result<()> {
        let funded = i64::from(workload.accounts);
        let expected = [
            ("the sum of the balances", books.balances, workload.total()),
            ("the sum of the entries", books.entries, 0),
            ("the number of transfers", books.transfers, i64::try_from(acknowledged)? + funded),
            ("the number of accounts whose balance is not the sum of their entries", books.broken, 0),
        ];
        let mut wrong = Vec::new();
        for (what, sql, right) in expected {
            let found = self.number(sql).await?;
            if found != right {
                wrong.push(format!("{what} is {found}, not {right}"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ").into()) }
    }

    async fn number(&self, sql: &str) -> Result<i64> {
        let sql = format!("SELECT CAST(({sql}) AS BIGINT) AS value");
        match self {
            Self::Folder(folder) => {
                let mut conn = open(&folder.join("bench.db"))?;
                Ok(diesel::sql_query(sql).get_result::<Number>(&mut conn)?.value)
            }
            Self::Schema { .. } => {
                let client = connect(&self.url()?.reveal()).await?;
                Ok(client.query_one(&sql, &[]).await?.try_get(0)?)
            }
        }
    }

    /// Removes it.
    pub async fn remove(self) -> Result<()> {
        match self {
            Self::Folder(folder) => fs::remove_dir_all(folder)?,
            Self::Schema { admin, name } => {
                connect(&admin).await?.batch_execute(&format!("DROP SCHEMA {name} CASCADE")).await?;
            }
        }
        Ok(())
    }
}

fn open(file: &Path) -> Result<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    Ok(conn)
}
