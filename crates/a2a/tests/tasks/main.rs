//! The life of tasks, on both databases, with a worker that does as it is told.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod clients;
mod life;
mod world;
