//! The coordinator on both databases, with agents that do as they are told.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod cancel;
mod crash;
mod inside;
mod limits;
mod recovery;
mod runs;
mod spending;
mod support;
mod tasks;
mod workflows;
