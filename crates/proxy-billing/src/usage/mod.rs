//! What services are called, by whom, and what came of it.

mod discover;
mod model;

pub use discover::{recommend, trending};
pub use model::{CallSum, NewUsage, Trend, UsageId};
