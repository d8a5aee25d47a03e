//! Rialto seen from outside: journeys over HTTP against the real binary, on both databases, and checks of the repository.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

mod document;
mod harness;
mod journeys;
mod repository;
