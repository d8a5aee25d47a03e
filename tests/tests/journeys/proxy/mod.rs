//! Calls of services that are paid for.

mod calls;
mod crash;
mod endings;
mod kept;
mod races;
pub mod shop;
mod smuggling;
mod streams;
pub mod upstream;

pub use shop::buyer;
