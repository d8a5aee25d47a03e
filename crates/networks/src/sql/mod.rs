//! The rows of networks in SQLite and PostgreSQL.

mod call;
mod lane;
mod message;
mod network;
mod participant;
mod schema;

use rialto_store::StoreError;

/// A word that no version of this program writes.
fn corrupt(column: &str, word: &str) -> StoreError {
    StoreError::Corrupt(format!("{column} is {word:?}"))
}
