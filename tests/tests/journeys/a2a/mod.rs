//! The A2A protocol, both ways.

mod cards;
mod charges;
mod import;
mod networks;
mod peer;
mod protocol;
mod push;
mod sdk;
mod tasks;
