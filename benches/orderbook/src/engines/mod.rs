//! The books, each behind the same few calls.

mod lobster;
mod matchcore;
mod orderbook_rs;
mod rialto;

use crate::{
    measure::Entry,
    work::{Op, Sums},
};

/// A book that takes the work.
pub trait Engine {
    /// An empty book.
    fn new() -> Self;
    /// Runs one command, and counts the trades that come of it.
    fn run(&mut self, op: Op, sums: &mut Sums);
}

/// All books, ours first.
pub fn all() -> Vec<Entry> {
    vec![
        Entry::of::<rialto::Tree>("**rialto, tree**"),
        Entry::of::<rialto::Ladder>("**rialto, ladder**"),
        Entry::of::<rialto::Automatic>("**rialto, automatic**"),
        Entry::of::<matchcore::Engine>("matchcore 0.4"),
        Entry::of::<lobster::Engine>("lobster 0.7"),
        Entry::of::<orderbook_rs::Engine>("orderbook-rs 0.15"),
    ]
}
