//! Calls that bring their payment with them.

mod client;
mod decides;
mod doubts;
mod free;
mod known;
mod lies;
mod live;
mod local;
mod many;
mod pays;
mod refused;
mod shop;
mod signer;
mod taken;
