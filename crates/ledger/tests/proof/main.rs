//! What proves the ledger: the order of its refusals, random programs against a model, many callers at once, processes
//! that are killed, and several processes on one database.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod cast;
mod crash;
mod examples;
mod gather;
mod process;
mod programs;
mod replicas;
mod rules;
