//! Owners are told of what happens to them.

mod crash;
mod events;
mod failures;
mod manage;
mod places;
mod told;
