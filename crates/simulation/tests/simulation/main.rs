//! The scenarios, as an economist and as an accountant would look at them; and runs that people watch, on both databases.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

mod economy;
mod invariants;
mod runs;
mod watched;
