//! What goes over the wire, of both versions. Pure: nothing here calls anybody, or remembers anything.

pub mod outgoing;
pub mod params;
pub mod rpc;
pub mod types;
pub mod v03;
mod words;

pub use words::{Role, TaskState, Version};
