//! Reconciliation: the movements of an account beside a list that somebody else keeps of them (a card processor's payouts, a
//! bank's statement). Pure: it knows neither files nor databases.
//!
//! # The rules
//! Amounts are whole minor units with a sign, as the account sees them: money in is positive. How far two dates are apart is
//! counted in whole days (UTC) when the list has dates, in microseconds when it has times; without a date column dates say
//! nothing. References are compared exactly, after white space around them is taken off.
//!
//! **1. By reference.** A line's reference is looked for among our transfer ids, then reference ids, then `external_id` in the
//! metadata, then memos; the first of these that has any of ours decides. All lines and all of ours with one reference form a
//! group, and a transfer of ours that could be in several is in the one of the stronger kind (of several within the memos it
//! has but one). Within a group:
//! - Lines with the same amount and date as another, beyond as many as there are of ours with that amount, are *duplicates*.
//! - Equal amounts are paired by rule 3, whatever the date. Pairs within the window are *matched*, the others *different*.
//! - One line and one of ours that are left are *different*. More than that on both sides is *ambiguous*.
//! - A line that is left alone is *missing here*: its reference is known, so it is not compared by amount. Of ours, what is
//!   left alone goes on to rule 2.
//!
//! **2. By amount and date.** Lines without a reference, or with one that none of ours has, and what is left of ours, are
//! paired by rule 3 where the amount is the same and the dates are within the window. (Of lines with the same unknown
//! reference, amount and date, all but one are duplicates.) What is left is *missing here* or *missing there*.
//!
//! **3. Pairing.** Nearest dates first, each once. Movements with the same amount and date are equals: when all of them are
//! paired it does not matter which is whose. When it does matter, that is, when a movement could be paired with two that are
//! equally near and not all of them find a partner, or when only some of a set of equals do, nobody guesses: all that
//! are concerned are *ambiguous*, and shown together.
//!
//! So every line and every movement of ours ends in exactly one place, and the order of the lines does not matter. One line
//! is never compared with the sum of several movements. It takes n log n.

mod pairing;
mod parse;
mod report;
mod run;

pub use parse::{DateFormat, ParseError, parse_amount, parse_date};
pub use report::{Ambiguous, Different, Matched, Report, Total};
use rialto_kernel::Timestamp;
pub use run::reconcile;

use crate::model::{Entry, TransferId};

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// Its reference; empty is none.
    pub reference: Option<String>,
    /// How much, in minor units; positive is money into the account.
    pub amount: i64,
    /// When; none when the list has no dates.
    pub at: Option<Timestamp>,
    /// Where in the list it stands. It decides nothing.
    pub number: u64,
}

/// A movement of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Movement {
    /// When it counts from.
    pub at: Timestamp,
    /// The number of its entry in the account.
    pub seq: i64,
    /// The transfer.
    pub transfer: TransferId,
    /// How much, in minor units; positive is money into the account.
    pub amount: i64,
    /// The reference id, as text.
    pub reference: Option<String>,
    /// `external_id` of the metadata.
    pub external_id: Option<String>,
    /// The memo.
    pub memo: Option<String>,
}

impl From<&Entry> for Movement {
    fn from(entry: &Entry) -> Self {
        Self {
            at: entry.effective_at.unwrap_or(entry.created_at),
            seq: entry.seq,
            transfer: entry.transfer,
            amount: entry.signed_amount(),
            reference: entry.reference.map(|id| id.to_string()),
            external_id: entry.metadata.get("external_id").map(str::to_owned),
            memo: entry.memo.clone(),
        }
    }
}

/// By what a line and a movement were found to be the same, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The line's reference is the transfer's id.
    TransferId,
    /// It is the reference id.
    Reference,
    /// It is `external_id` in the metadata.
    ExternalId,
    /// It is the memo.
    Memo,
    /// Amount and date.
    AmountAndDate,
}

impl By {
    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransferId => "transfer id",
            Self::Reference => "reference id",
            Self::ExternalId => "external_id",
            Self::Memo => "memo",
            Self::AmountAndDate => "amount and date",
        }
    }
}

/// How exact the dates of the list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// To the day.
    Day,
    /// To the microsecond.
    Moment,
}

/// What may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How far dates may be apart, in days.
    pub window_days: u32,
    /// How exact the dates of the list are.
    pub precision: Precision,
}

impl Default for Rules {
    fn default() -> Self {
        Self { window_days: 3, precision: Precision::Day }
    }
}

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Rules {
    /// Where a moment stands, in the unit that distances are counted in.
    const fn place(self, at: Timestamp) -> i64 {
        match self.precision {
            Precision::Day => at.micros().div_euclid(DAY),
            Precision::Moment => at.micros(),
        }
    }

    fn window(self) -> i64 {
        let days = i64::from(self.window_days);
        match self.precision {
            Precision::Day => days,
            Precision::Moment => days.saturating_mul(DAY),
        }
    }
}
