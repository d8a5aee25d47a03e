//! Calls of services that are paid for.

mod calls;
mod endings;
mod races;
pub mod shop;
mod smuggling;
mod streams;
pub mod upstream;
