//! The database handle.

#[cfg(any(test, feature = "testing"))]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::{error::Error, time::Duration};

use async_channel::Sender;

use crate::{
    DatabaseUrl, StoreError, Tx, migrations,
    migrations::MigrationReport,
    postgres, sqlite,
    work::{Mode, QUEUE_MAX, Request, submit},
};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// SQLite: how many threads read, each with a connection of its own.
    pub readers: usize,
    /// PostgreSQL: connections at most.
    pub connections_max: usize,
    /// PostgreSQL: how long to wait for a free connection. No less than a transaction may take, so that whoever waits outlasts those
    /// who have one.
    pub pool_wait: Duration,
    /// PostgreSQL: how long to wait for the answer to `COMMIT`, after which nobody knows what became of it.
    pub commit_wait: Duration,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self { readers: 3, connections_max: 16, pool_wait: Duration::from_secs(10), commit_wait: Duration::from_secs(30) }
    }
}

/// The database: cheap to clone, shared by everything in the process.
///
/// The threads that serve it end, with all they have accepted done, when the last clone is dropped.
#[derive(Clone)]
pub struct Db {
    writes: Sender<Request>,
    reads: Sender<Request>,
    url: DatabaseUrl,
    #[cfg(any(test, feature = "testing"))]
    asked: Arc<AtomicU64>,
}

impl Db {
    /// Opens the database that `url` names. It does not migrate: see [`Db::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened or does not answer.
    pub async fn open(url: &DatabaseUrl, options: &DbOptions) -> Result<Self, StoreError> {
        let (writes, written) = async_channel::bounded(QUEUE_MAX);
        match url {
            DatabaseUrl::Sqlite(path) => {
                let (reads, read) = async_channel::bounded(QUEUE_MAX);
                let (path, threads) = (path.clone(), options.readers);
                let start = move || {
                    // The writer goes first: it creates the file and switches it to WAL.
                    sqlite::writer::start(&path, written)?;
                    sqlite::readers::start(&path, threads, &read)
                };
                tokio::task::spawn_blocking(start).await.map_err(|error| StoreError::Unavailable(error.to_string()))??;
                Ok(Self {
                    writes,
                    reads,
                    url: url.clone(),
                    #[cfg(any(test, feature = "testing"))]
                    asked: Arc::default(),
                })
            }
            DatabaseUrl::Postgres(address) => {
                postgres::start(address, options, written).await?;
                Ok(Self {
                    reads: writes.clone(),
                    writes,
                    url: url.clone(),
                    #[cfg(any(test, feature = "testing"))]
                    asked: Arc::default(),
                })
            }
        }
    }

    /// The URL it was opened with; shown without its password.
    #[must_use]
    pub const fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The URL, password and all, when this is PostgreSQL.
    pub(crate) fn postgres_url(&self) -> Option<&str> {
        match &self.url {
            DatabaseUrl::Postgres(url) => Some(url),
            DatabaseUrl::Sqlite(_) => None,
        }
    }

    /// How many transactions that write this handle and its clones were asked for.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn writes_asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self.url, DatabaseUrl::Postgres(_))
    }

    /// Runs `work` as one transaction: committed, durably, when it returns `Ok`; undone when it returns `Err`.
    ///
    /// On PostgreSQL the work is run again, a bounded number of times, when the database asks for it; see the crate's
    /// rules for code inside a transaction. A caller that stops waiting does not stop the work.
    ///
    /// # Errors
    /// The work's own, or the store's. After [`StoreError::Unknown`] it may have been done; after any other it was not.
    pub fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        #[cfg(any(test, feature = "testing"))]
        self.asked.fetch_add(1, Ordering::Relaxed);
        submit(&self.writes, Mode::Write, work)
    }

    /// Like [`Db::write`], but this does not wait until it is durable. All later transactions see it at once, reads see it some
    /// milliseconds later; when the process or the disk fails before that, it has not been, and neither has any transaction that came
    /// after it. For what only announces something that a later transaction makes true, such as money that is set aside for a call.
    ///
    /// On PostgreSQL it is [`Db::write`]: to ask for less there costs a round trip.
    ///
    /// # Errors
    /// Those of [`Db::write`].
    pub fn write_soon<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        #[cfg(any(test, feature = "testing"))]
        self.asked.fetch_add(1, Ordering::Relaxed);
        submit(&self.writes, Mode::WriteSoon, work)
    }

    /// Runs `work`, which only reads. Each of its statements sees what is committed when it starts.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        submit(&self.reads, Mode::Live, work)
    }

    /// Runs `work`, which only reads, over one frozen moment: for sums that have to agree with each other.
    ///
    /// # Errors
    /// The work's own, or the store's.
    pub fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        submit(&self.reads, Mode::Frozen, work)
    }

    /// Runs a step of the schema as one transaction, however long it takes.
    pub(crate) fn step<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut Tx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        submit(&self.writes, Mode::Migrate, work)
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database is newer than this program, or a migration failed.
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        migrations::run(self, |_| true).await
    }

    /// Brings parts of the schema up to date, for a program that embeds one crate and does not want the tables of the
    /// others. The rest can follow later, by [`Db::migrate`].
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn migrate_parts(&self, parts: &[&str]) -> Result<MigrationReport, StoreError> {
        migrations::run(self, |migration| parts.contains(&migration.part())).await
    }

    /// Whether these parts of the schema are those that this program knows, for a program that must not change it.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when they are older, or a newer program has migrated the database.
    pub async fn check_parts(&self, parts: &[&str]) -> Result<(), StoreError> {
        migrations::check(self, |migration| parts.contains(&migration.part())).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(async |tx: &mut Tx| tx.batch("SELECT 1").await).await
    }
}
