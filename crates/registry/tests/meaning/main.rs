//! Finding agents by what they mean, on both databases, with the model that is built in.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod finding;
mod making;
mod pgvector;
mod process;
#[path = "../world/mod.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod world;
