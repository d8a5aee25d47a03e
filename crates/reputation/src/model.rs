//! The nouns of reputation.

use rialto_kernel::{Id, OwnerId, Timestamp, nouns};
use rialto_store::StoreError;

use crate::{Period, Score};

/// Whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// All services of a provider together.
    Provider(OwnerId),
    /// One service of a provider.
    Service(Id<nouns::Service>, OwnerId),
}

impl Subject {
    /// Who is paid for the calls.
    #[must_use]
    pub const fn provider(self) -> OwnerId {
        match self {
            Self::Provider(provider) | Self::Service(_, provider) => provider,
        }
    }
}

/// What is counted of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many.
    pub calls: i64,
    /// How many were answered with less than 400.
    pub successes: i64,
    /// How many were answered with 500 or more, or not at all.
    pub errors: i64,
    /// How long they took together, in milliseconds.
    pub latency_ms: i64,
}

impl Counts {
    /// Both together.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when that is more than can be counted.
    pub fn plus(self, other: Self) -> Result<Self, StoreError> {
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or_else(|| StoreError::Corrupt("too many calls to count".to_owned()));
        Ok(Self {
            calls: sum(self.calls, other.calls)?,
            successes: sum(self.successes, other.successes)?,
            errors: sum(self.errors, other.errors)?,
            latency_ms: sum(self.latency_ms, other.latency_ms)?,
        })
    }
}

/// A call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was called.
    pub service: Id<nouns::Service>,
    /// Who offers it.
    pub provider: OwnerId,
    /// When it ended.
    pub at: Timestamp,
    /// What it counts for; `None` when it says nothing about the provider.
    pub counts: Option<Counts>,
}

/// How a subject did in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub subject: Subject,
    /// When.
    pub period: Period,
    /// What was counted.
    pub counts: Counts,
    /// What the formula makes of it.
    pub score: Score,
}
