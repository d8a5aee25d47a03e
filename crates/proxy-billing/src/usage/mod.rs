//! What services are called, by whom, and what came of it.

mod discover;
mod model;
mod report;

pub use discover::{recommend, trending};
pub use model::{
    CallSum, EndedUsage, NewUsage, RunningUsage, Trend, Usage, UsageEnd, UsageFilter, UsageId, UsageParty, UsageReason, UsageSum,
};
pub use report::{UsageReport, report};
