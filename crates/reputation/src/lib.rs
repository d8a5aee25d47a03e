//! Reputation: how providers and their services do, counted from calls that really happened.
//!
//! - A [`Counts`] is what is counted of calls; a [`Score`] is what the formula makes of it.
//! - A [`Subject`] is a service, or a provider with all of its services; it has a score for all time, and for each month.
//! - [`count`] counts calls that have ended, a bounded number at a time, and writes `reputation.updated` when the score of a
//!   provider for all time has changed.
//!
//! # Invariants
//! 1. A call is counted once: in the transaction that adds it, it is marked as counted.
//! 2. Calls that say nothing about the provider are not counted: those that we interrupted, that were not sent, and whose
//!    request broke off.
//! 3. A month is a month of UTC, by when calls ended. The months of a subject sum to all time.
//! 4. Scores are integers, in hundredths of a point, rounded half to even.
//!
//! Nobody's opinion is in a score: ratings are the registry's. So is who leads: whoever counts tells the registry how owners do.

mod count;
mod error;
mod model;
mod period;
mod read;
mod rule;
mod sql;
mod store;

pub use count::{Counted, ScoreChange, count};
pub use error::ReputationError;
pub use model::{Call, Counts, Record, Subject};
pub use period::Period;
pub use read::{live_score, overall_scores, score};
pub use rule::Score;
pub use store::ReputationStore;
