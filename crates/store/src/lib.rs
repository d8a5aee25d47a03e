//! Storage: one SQLite file, or one PostgreSQL, behind the same few words.
//!
//! - [`Db`] is chosen at run time by the URL's scheme. [`Db::write`] runs a closure as one transaction,
//!   [`Db::read`] without one, [`Db::snapshot`] over one frozen view.
//! - [`Tx`] is what the closure is handed. Every domain implements its store trait *for `Tx`*, so one transaction
//!   can serve several domains and still be atomic.
//! - [`on!`] compiles one query body for both databases.
//! - [`Together`] reads for many callers at once, [`Gathered`] writes for them.
//! - [`types`] are the column types: one Rust type each, native in both schemas.
//! - [`outbox`] and [`idempotency`] are the two tables that a transaction of any domain may have to write.
//!
//! # Rules for code inside a transaction
//! 1. It awaits nothing but the transaction. A call to somebody else's server inside one is a bug.
//! 2. It may run more than once (PostgreSQL reports deadlocks and serialization failures, and [`Db::write`] tries again),
//!    so it changes nothing outside the transaction.
//! 3. After a failed statement the transaction is lost: return the error. Where a conflict is expected, say
//!    `ON CONFLICT DO NOTHING` and look at the number of rows.
//! 4. Rows are locked in the order of their ids.
//!
//! # Group commit
//! SQLite has one writer. Concurrent transactions, of whatever domain, share one `COMMIT` and so one fsync; see
//! `sqlite/writer.rs`.

mod aside;
mod batches;
mod db;
mod error;
mod gathered;
pub mod idempotency;
mod listen;
mod migrations;
pub mod outbox;
mod postgres;
mod schema;
mod sqlite;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;
mod together;
mod tx;
pub mod types;
mod url;
mod work;

pub use aside::Aside;
pub use db::{Db, DbOptions};
pub use error::StoreError;
pub use gathered::Gathered;
pub use listen::Listener;
pub use migrations::{Migration, MigrationReport};
pub use sqlite::SqliteLink;
pub use together::Together;
pub use tx::Tx;
pub use url::{DatabaseUrl, DatabaseUrlError};

/// What [`on!`] needs in scope at the place where it is used. Not for naming directly.
#[doc(hidden)]
pub mod private {
    pub use diesel_async::RunQueryDsl;

    pub use crate::sqlite::SqliteQueryDsl;
}
