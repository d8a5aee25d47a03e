//! The database handle.

use std::{error::Error, time::Duration};

use diesel_async::{AsyncPgConnection, pooled_connection::deadpool::Pool};

use crate::{
    DatabaseUrl, StoreError, Tx, migrations, migrations::MigrationReport, postgres,
    sqlite::{readers::Readers, writer::Writer},
};

/// How often a transaction that PostgreSQL asked to repeat is run in all.
const ATTEMPTS_MAX: u32 = 6;

/// What a read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Each statement sees what is committed when it starts.
    Live,
    /// All statements see the same moment.
    Frozen,
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// SQLite: how many threads read. PostgreSQL: how many connections the pool holds at most.
    pub readers: usize,
    /// PostgreSQL: connections at most.
    pub connections_max: usize,
    /// PostgreSQL: how long to wait for a free connection.
    pub pool_wait: Duration,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self { readers: 3, connections_max: 16, pool_wait: Duration::from_secs(5) }
    }
}

/// The database: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    url: DatabaseUrl,
}

#[derive(Clone)]
enum Backend {
    Sqlite { writer: Writer, readers: Readers },
    Postgres(Pool<AsyncPgConnection>),
}

impl Db {
    /// Opens the database that `url` names. It does not migrate: see [`Db::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened or does not answer.
    pub async fn open(url: &DatabaseUrl, options: &DbOptions) -> Result<Self, StoreError> {
        let backend = match url {
            DatabaseUrl::Sqlite(path) => {
                let (path, threads) = (path.clone(), options.readers);
                tokio::task::spawn_blocking(move || {
                    // The writer goes first: it creates the file and switches it to WAL.
                    let writer = Writer::start(&path)?;
                    Ok::<_, StoreError>(Backend::Sqlite { writer, readers: Readers::start(&path, threads)? })
                })
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))??
            }
            DatabaseUrl::Postgres(url) => Backend::Postgres(postgres::open(url, options).await?),
        };
        Ok(Self { backend, url: url.clone() })
    }

    /// The URL it was opened with; shown without its password.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// Runs `work` as one transaction: committed, durably, when it returns `Ok`; undone when it returns `Err`.
    ///
    /// On PostgreSQL the work is run again, a bounded number of times, when the database asks for it; see the crate's
    /// rules for code inside a transaction.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub async fn write<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite { writer, .. } => writer.run(work).await,
            Backend::Postgres(pool) => {
                let mut attempt = 1;
                loop {
                    let result = postgres::transaction(pool, postgres::READ_COMMITTED, &work).await;
                    match result {
                        Err(error) if attempt < ATTEMPTS_MAX && asks_again(&error) => {
                            // A little patience, different for each rival, so that they do not meet again.
                            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=8 << attempt))).await;
                            attempt += 1;
                        }
                        done => return done,
                    }
                }
            }
        }
    }

    /// Runs `work`, which only reads. Each of its statements sees what is committed when it starts.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub async fn read<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite { readers, .. } => readers.run(View::Live, work).await,
            Backend::Postgres(pool) => {
                let mut tx = Tx::Postgres(postgres::connection(pool).await?);
                work(&mut tx).await
            }
        }
    }

    /// Runs `work`, which only reads, over one frozen moment: for sums that have to agree with each other.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub async fn snapshot<R, E, F>(&self, work: F) -> Result<R, E>
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite { readers, .. } => readers.run(View::Frozen, work).await,
            Backend::Postgres(pool) => postgres::transaction(pool, postgres::SNAPSHOT, &work).await,
        }
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database is newer than this program, or a migration failed.
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        migrations::run(self).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(async |tx: &mut Tx| tx.batch("SELECT 1").await).await
    }
}

fn asks_again(error: &(dyn Error + 'static)) -> bool {
    matches!(StoreError::find(error), Some(StoreError::Again(_)))
}
