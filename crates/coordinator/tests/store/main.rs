//! The coordinator on both databases, with agents that do as they are told.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod cancel;
mod crash;
mod limits;
mod recovery;
mod runs;
mod support;
mod tasks;
mod workflows;
