//! The rows of webhooks in SQLite and PostgreSQL.

mod lane;
mod log;
mod parcel;
mod queue;
mod schema;
mod webhook;

use rialto_store::StoreError;

/// As in the partial indexes.
const PENDING: &str = "webhook_deliveries.status = 'pending'";

/// A word that no version of this program writes.
fn corrupt(column: &str, word: &str) -> StoreError {
    StoreError::Corrupt(format!("{column} is {word:?}"))
}
