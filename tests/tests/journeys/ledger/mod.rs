//! The ledger over HTTP.

mod write;
