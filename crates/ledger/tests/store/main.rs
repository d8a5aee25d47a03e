//! The ledger on all its stores, and wallets and purchases on both databases. After each test the books are checked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod access;
mod holds;
mod purchases;
mod races;
mod support;
mod transfers;
mod verify;
mod wallets;
