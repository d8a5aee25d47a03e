//! What proves who an agent is, and what does not: fixed vectors, and hostile ones.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

mod identifiers;
mod tokens;
mod world;
