//! The ledger over HTTP.

mod read;
mod write;
