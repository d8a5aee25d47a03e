//! How lists are read a page at a time.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rialto_kernel::{Id, Timestamp};

use super::{HistoryError, PAGE_MAX, period::storable};
use crate::model::{HoldId, Side};

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// The place of an entry among those of several accounts: its moment, then its line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When it was created.
    pub at: Timestamp,
    /// Twice the transfer's place in the journal; one more for the credit side.
    pub line: i64,
}

impl Moment {
    /// The place of one side of a transfer.
    #[must_use]
    pub const fn of(at: Timestamp, no: i64, side: Side) -> Self {
        let line = no.saturating_mul(2);
        match side {
            Side::Debit => Self { at, line },
            Side::Credit => Self { at, line: line.saturating_add(1) },
        }
    }

    /// Before everything that was created at `at` or later.
    #[must_use]
    pub const fn start_of(at: Timestamp) -> Self {
        Self { at, line: i64::MIN }
    }

    /// Behind everything that was created at `at` or earlier.
    #[must_use]
    pub const fn end_of(at: Timestamp) -> Self {
        Self { at, line: i64::MAX }
    }

    /// The place right behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { at: self.at, line: self.line.saturating_add(1) }
    }
}

/// Where a page ended, and the next one goes on. As text it is opaque, and safe in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(super) Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The last entry of one account that was looked at.
    Entry(Order, i64),
    /// The last entry of several accounts that was looked at.
    Moment(Order, Moment),
    /// The last account or transfer that was looked at.
    No(i64),
    /// The last hold that was looked at.
    Hold(Timestamp, HoldId),
}

/// The first byte of a cursor says what it is.
const ENTRY: u8 = 1;
const MOMENT: u8 = 3;
const NO: u8 = 5;
const HOLD: u8 = 6;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ordered = |kind: u8, order| kind + u8::from(order == Order::OldestFirst);
        let (kind, first, rest) = match self.0 {
            Place::Entry(order, seq) => (ordered(ENTRY, order), seq, Vec::new()),
            Place::Moment(order, Moment { at, line }) => (ordered(MOMENT, order), at.micros(), line.to_be_bytes().to_vec()),
            Place::No(no) => (NO, no, Vec::new()),
            Place::Hold(at, id) => (HOLD, at.micros(), id.as_bytes().to_vec()),
        };
        let bytes = [&[kind], first.to_be_bytes().as_slice(), &rest].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = HistoryError;

    fn from_str(text: &str) -> Result<Self, HistoryError> {
        // The longest one has 25 bytes; who sends a megabyte is not listened to.
        let bytes = (text.len() <= 40).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        bytes.as_deref().and_then(place).map(Self).ok_or(HistoryError::CursorInvalid)
    }
}

fn place(bytes: &[u8]) -> Option<Place> {
    let (kind, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first_chunk().map(|(first, rest)| (i64::from_be_bytes(*first), rest))?;
    let number = || (first > 0 && rest.is_empty()).then_some(first);
    let at = || Some(Timestamp::from_micros(first)).filter(|at| storable(*at) == *at);
    let moment = |order| {
        let line = rest.try_into().ok().map(i64::from_be_bytes).filter(|line| *line > 0)?;
        Some(Place::Moment(order, Moment { at: at()?, line }))
    };
    match *kind {
        ENTRY => number().map(|seq| Place::Entry(Order::NewestFirst, seq)),
        2 => number().map(|seq| Place::Entry(Order::OldestFirst, seq)),
        MOMENT => moment(Order::NewestFirst),
        4 => moment(Order::OldestFirst),
        NO => number().map(Place::No),
        HOLD => Some(Place::Hold(at()?, Id::from_uuid(uuid::Uuid::from_slice(rest).ok()?))),
        _ => None,
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    limit: u32,
    /// What the page before came with.
    pub after: Option<Cursor>,
}

impl Slice {
    /// The first `limit` items, or the next ones behind `after`. The limit is brought into 1 to [`PAGE_MAX`].
    #[must_use]
    pub fn new(limit: u32, after: Option<Cursor>) -> Self {
        Self { limit: limit.clamp(1, PAGE_MAX), after }
    }

    /// How many items at most.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// The number that the page before ended with; zero on the first page.
    pub(super) fn after_no(self) -> Result<i64, HistoryError> {
        match self.after {
            None => Ok(0),
            Some(Cursor(Place::No(no))) => Ok(no),
            Some(_) => Err(HistoryError::CursorInvalid),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where to go on; the list has ended when there is none.
    pub next: Option<Cursor>,
}

impl<T> Paged<T> {
    /// The same page with every item turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Paged<U> {
        Paged { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        let at = Timestamp::from_micros(1_764_000_000_000_000);
        let moment = Moment::of(at, 77, Side::Credit);
        assert_eq!(moment.line, 155);
        let places = [
            Place::Entry(Order::NewestFirst, 5),
            Place::Entry(Order::OldestFirst, i64::MAX),
            Place::Moment(Order::NewestFirst, moment),
            Place::Moment(Order::OldestFirst, moment),
            Place::No(9),
            Place::Hold(at, HoldId::new()),
        ];
        for place in places {
            let text = Cursor(place).to_string();
            assert_eq!(text.parse(), Ok(Cursor(place)), "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
            assert_eq!(format!("{text}A").parse::<Cursor>(), Err(HistoryError::CursorInvalid));
            assert_eq!(text.get(1..).unwrap().parse::<Cursor>(), Err(HistoryError::CursorInvalid));
        }
    }

    #[test]
    fn numbers_that_no_list_gives_are_refused() {
        let far = Timestamp::from_micros(i64::MIN);
        for place in [
            Place::Entry(Order::NewestFirst, 0),
            Place::No(-1),
            Place::Hold(far, HoldId::new()),
            Place::Moment(Order::NewestFirst, Moment::of(far, 1, Side::Debit)),
            Place::Moment(Order::NewestFirst, Moment::start_of(Timestamp::default())),
        ] {
            assert_eq!(Cursor(place).to_string().parse::<Cursor>(), Err(HistoryError::CursorInvalid), "{place:?}");
        }
        for text in ["", "A", "====", "AAAAAAAAAAAA", "BwAAAAAAAAAB", "ÄÖÜ", "\0", &"A".repeat(100_000)] {
            assert_eq!(text.parse::<Cursor>(), Err(HistoryError::CursorInvalid));
        }
    }
}
