//! The life of a task: it is opened by a message, makes things, and ends once.

mod change;
mod open;
mod read;

pub use change::{Canceled, artifact, cancel, end, fail_stale, result};
pub use open::{Opened, Opening, open};
pub use read::{Listed, find, list, snapshot};
