//! Reading the books, on all stores: what is read is what a naive reading of all entries and holds comes to.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod lists;
mod pages;
mod past;
mod places;
mod random;
mod shared;
