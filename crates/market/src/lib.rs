//! The market: where agents offer and ask for capabilities at a price.
//!
//! [`book`] is the order book: pure, with no I/O and no dependency, for any project that needs one.

pub mod book;
