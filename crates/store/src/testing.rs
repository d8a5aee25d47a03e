//! Databases for tests: a temporary SQLite file, or a schema of its own in PostgreSQL.
//!
//! [`suite!`](crate::suite) makes `mod sqlite` and `mod postgres` from one list of test functions, so no store test can
//! exist for one database only. PostgreSQL is found at `RIALTO_TEST_POSTGRES_URL`, or on 127.0.0.1:5432. Without one,
//! its half says so and passes; under `CI` it fails.

use std::{env, fmt::Write as _, net::TcpStream, time::Duration};

use diesel::QueryableByName;
use rialto_kernel::Id;

use crate::{DatabaseUrl, Db, DbOptions, Tx, on};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A temporary file.
    Sqlite,
    /// A schema of its own.
    Postgres,
}

/// An empty place for a database that nobody else uses, gone when it is dropped.
pub struct TestPlace {
    /// Where it is.
    pub url: DatabaseUrl,
    place: Place,
}

enum Place {
    #[expect(dead_code, reason = "it is held so that the folder lives as long as the database")]
    Folder(tempfile::TempDir),
    Schema {
        admin: String,
        name: String,
    },
}

/// A migrated database that nobody else uses, gone when it is dropped.
pub struct TestDb {
    /// The database.
    pub db: Db,
    #[expect(dead_code, reason = "it is held so that the place lives as long as the database")]
    place: TestPlace,
}

/// The URL of the PostgreSQL for tests, if one answers.
///
/// # Panics
/// Under `CI` when there is none: the second database must not rot silently.
#[must_use]
#[expect(clippy::panic, clippy::print_stderr, reason = "the point is to fail, or to say so, loudly")]
pub fn postgres_url() -> Option<String> {
    if let Ok(url) = env::var("RIALTO_TEST_POSTGRES_URL") {
        return Some(url);
    }
    let local = ([127, 0, 0, 1], 5432).into();
    if TcpStream::connect_timeout(&local, Duration::from_millis(500)).is_ok() {
        return Some("postgres://postgres@127.0.0.1:5432/postgres".into());
    }
    if env::var_os("CI").is_some() {
        panic!("no PostgreSQL: set RIALTO_TEST_POSTGRES_URL or start one on 127.0.0.1:5432");
    }
    eprintln!("skipped on PostgreSQL: none on 127.0.0.1:5432, and RIALTO_TEST_POSTGRES_URL is not set");
    None
}

/// The URL of a PostgreSQL for tests that has the extension pgvector, which few have: `RIALTO_TEST_PGVECTOR_URL`.
#[must_use]
#[expect(clippy::print_stderr, reason = "the point is to say so")]
pub fn pgvector_url() -> Option<String> {
    let url = env::var("RIALTO_TEST_PGVECTOR_URL").ok();
    if url.is_none() {
        eprintln!("skipped: RIALTO_TEST_PGVECTOR_URL is not set");
    }
    url
}

/// A URL whose connections live in the schema `name`, whatever options the URL already has.
fn in_schema(url: &str, name: &str) -> String {
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}options=-c%20search_path%3D{name}")
}

impl TestPlace {
    /// An empty place of `kind`; `None` when there is no such server here.
    ///
    /// # Panics
    /// When it cannot be made.
    #[expect(clippy::unwrap_used, reason = "a test cannot go on without its database")]
    pub async fn new(kind: Kind) -> Option<Self> {
        let (url, place) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (DatabaseUrl::Sqlite(folder.path().join("test.db")), Place::Folder(folder))
            }
            Kind::Postgres => {
                return Some(Self::on(postgres_url()?).await);
            }
        };
        Some(Self { url, place })
    }

    /// A schema of its own in this PostgreSQL.
    async fn on(admin: String) -> Self {
        let name = format!("rialto_test_{}", Id::<()>::new().uuid().simple());
        execute(&admin, &format!("CREATE SCHEMA {name}")).await;
        Self { url: DatabaseUrl::Postgres(in_schema(&admin, &name)), place: Place::Schema { admin, name } }
    }
}

impl TestDb {
    /// A fresh, migrated database of `kind`; `None` when there is no such server here.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn open(kind: Kind) -> Option<Self> {
        Some(Self::at(TestPlace::new(kind).await?).await)
    }

    /// A fresh, migrated database in the PostgreSQL at `url`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn open_on(url: String) -> Self {
        Self::at(TestPlace::on(url).await).await
    }

    #[expect(clippy::unwrap_used, reason = "a test cannot go on without its database")]
    async fn at(place: TestPlace) -> Self {
        let options = DbOptions { readers: 2, connections_max: 12, ..DbOptions::default() };
        let db = Db::open(&place.url, &options).await.unwrap();
        db.migrate().await.unwrap();
        Self { db, place }
    }

    /// Checks what must hold after any test: the ledger sums to zero per asset, every balance equals its entries, and
    /// no job is dead.
    ///
    /// # Panics
    /// When it does not.
    #[expect(clippy::unwrap_used, reason = "this is an assertion")]
    pub async fn check(&self) {
        let wrong = self.db.snapshot(async |tx: &mut Tx| broken_books(tx).await).await.unwrap();
        assert!(wrong.is_empty(), "the books do not balance:\n{wrong}");
    }
}

impl Drop for TestPlace {
    fn drop(&mut self) {
        if let Place::Schema { admin, name } = &self.place {
            let (admin, name) = (admin.clone(), name.clone());
            // A runtime of its own: this may be the last thing that the test's runtime does.
            let _ = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(execute(&admin, &format!("DROP SCHEMA {name} CASCADE")));
                }
            })
            .join();
        }
    }
}

#[expect(clippy::unwrap_used, reason = "a test cannot go on without its database")]
async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    let _ = driver.await;
}

#[derive(QueryableByName)]
struct Wrong {
    #[diesel(sql_type = diesel::sql_types::Text)]
    what: String,
}

/// Every sum that is not what it must be, one a line. Empty before the ledger's migration.
async fn broken_books(tx: &mut Tx) -> Result<String, crate::StoreError> {
    const BOOKS: &str = include_str!("books.sql");
    let mut found = String::new();
    for sql in BOOKS.split(';').map(str::trim).filter(|sql| !sql.is_empty()) {
        let rows: Vec<Wrong> = on!(tx, conn => diesel::sql_query(sql).load(conn).await)?;
        for row in rows {
            let _ = writeln!(found, "{}", row.what);
        }
    }
    Ok(found)
}

/// Runs each named `async fn(&TestDb)` on both databases, and checks the books after each.
#[macro_export]
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(test) = $crate::testing::TestDb::open($crate::testing::Kind::Sqlite).await {
                    super::$test(&test).await;
                    test.check().await;
                }
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(test) = $crate::testing::TestDb::open($crate::testing::Kind::Postgres).await {
                    super::$test(&test).await;
                    test.check().await;
                }
            })*
        }
    };
}
