//! Statements beside all transactions.

use tokio_postgres::Client;

use crate::{Db, StoreError, postgres};

/// A connection of its own, with no transaction and no bound of time: for what PostgreSQL does not do in a transaction, such as
/// building an index while others write. What it is at ends with it.
pub struct Aside(Client);

impl Db {
    /// Opens such a connection. `None` on SQLite, which has nothing of the kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn aside(&self) -> Result<Option<Aside>, StoreError> {
        let Some(url) = self.postgres_url() else {
            return Ok(None);
        };
        let client = match postgres::connect_raw(url).await? {
            postgres::Raw::Plain(client, connection) => {
                tokio::spawn(connection);
                client
            }
            postgres::Raw::Encrypted(client, connection) => {
                tokio::spawn(connection);
                client
            }
        };
        Ok(Some(Aside(client)))
    }
}

impl Aside {
    /// Runs statements, one after the other.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the server refuses one.
    pub async fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.0.batch_execute(sql).await.map_err(refused)
    }

    /// Asks what is answered by one row with one boolean. NULL is no.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the server refuses.
    pub async fn ask(&self, sql: &str) -> Result<bool, StoreError> {
        let row = self.0.query_one(sql, &[]).await.map_err(refused)?;
        Ok(row.try_get::<_, Option<bool>>(0).map_err(refused)?.unwrap_or(false))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn refused(error: tokio_postgres::Error) -> StoreError {
    StoreError::Database(postgres::describe(&error))
}
