//! Calls that bring their payment with them.

mod client;
mod doubts;
mod local;
mod many;
mod pays;
mod refused;
mod shop;
mod signer;
