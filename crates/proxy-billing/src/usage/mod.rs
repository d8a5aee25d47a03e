//! What services are called, by whom, and what came of it.
//!
//! What calls come to is added up in the transaction that ends them, for each owner, service and day. Whoever asks for a sum adds up
//! days, and looks at calls themselves only at the two ends of a period.

mod discover;
mod model;
mod period;
mod report;

pub use discover::{recommend, trending};
pub use model::{
    CallSum, EndedUsage, NewUsage, RunningUsage, Trend, Usage, UsageEnd, UsageFilter, UsageId, UsageParty, UsageReason, UsageSum,
};
pub(crate) use period::Period;
pub use report::{UsageReport, report};
