//! The SQL behind the store traits.

mod attempts;
mod executions;
mod schema;
mod steps;
mod tasks;
mod trees;
mod workflows;

use rialto_store::StoreError;

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}

/// A place in a definition, as the table has it.
fn place(position: usize) -> Result<i32, StoreError> {
    i32::try_from(position).map_err(|_| corrupt("a place beyond any definition"))
}

/// A place in a definition, as it is counted in memory.
fn position(place: i32) -> Result<usize, StoreError> {
    usize::try_from(place).map_err(|_| corrupt("a place below zero"))
}
