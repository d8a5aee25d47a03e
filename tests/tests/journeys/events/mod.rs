//! The live stream, as clients see it. Events are written into the server's database from outside, by this process.

pub mod client;
mod order;
mod resume;
mod rules;
mod slow;
