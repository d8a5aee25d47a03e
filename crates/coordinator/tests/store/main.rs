//! The coordinator on both databases, with agents that do as they are told.

mod cancel;
mod crash;
mod limits;
mod recovery;
mod runs;
mod support;
mod tasks;
mod workflows;
