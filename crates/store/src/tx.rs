//! The transaction that store traits are implemented for, and the macro that writes a query for both databases.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::deadpool::Object};

use crate::{SqliteLink, StoreError};

/// One open connection, inside a transaction when it came from [`crate::Db::write`] or [`crate::Db::snapshot`].
///
/// Domains implement their store traits for this type and reach the connection through [`crate::on!`].
#[expect(
    clippy::large_enum_variant,
    reason = "one per transaction, hardly moved; a box would stand in the way of every query body"
)]
pub enum Tx {
    /// A connection to the SQLite file. Statements run inline; it never waits.
    Sqlite(SqliteLink),
    /// A pooled connection to PostgreSQL.
    Postgres(Object<AsyncPgConnection>),
}

impl Tx {
    /// Whether this is PostgreSQL, for the few statements whose SQL has to differ.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Runs statements that take no parameters and give no rows.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => conn.batch(sql)?,
            Self::Postgres(conn) => conn.batch_execute(sql).await?,
        }
        Ok(())
    }
}

/// Runs one query body on whichever database the transaction is on: `on!(tx, conn => query.load(conn).await)`.
///
/// The body is compiled twice, once per database, so the query has to be written inside the macro: a query bound to a
/// variable before it would already be one database's. It is a `QueryResult`; the macro makes it a
/// `Result<_, StoreError>`. `.optional()` goes inside. Where the two have to differ, write both:
/// `on!(tx, sqlite conn => …, postgres conn => …)`.
#[macro_export]
macro_rules! on {
    ($tx:expr, $conn:ident => $body:expr) => {
        $crate::on!($tx, sqlite $conn => $body, postgres $conn => $body)
    };
    ($tx:expr, sqlite $lite:ident => $on_sqlite:expr, postgres $pg:ident => $on_postgres:expr) => {{
        #[allow(unused_imports, clippy::allow_attributes, reason = "a body need not call a method of the trait")]
        let result = match $tx {
            $crate::Tx::Sqlite($lite) => {
                use $crate::private::SqliteQueryDsl as _;
                $on_sqlite
            }
            $crate::Tx::Postgres($pg) => {
                use $crate::private::RunQueryDsl as _;
                $on_postgres
            }
        };
        result.map_err($crate::StoreError::from)
    }};
}
