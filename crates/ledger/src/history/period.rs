//! Stretches of time.

use rialto_kernel::Timestamp;

use super::HistoryError;

/// From a moment on, and up to another that is not part of it. Either may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
}

/// The first moment that all stores can name: 0001-01-01.
const FIRST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);
/// The moment behind the last one: 10000-01-01.
const LAST: Timestamp = Timestamp::from_micros(253_402_300_800_000_000);

/// The nearest moment that all stores can name. Nothing happened before the first, nothing will behind the last.
pub(super) fn storable(at: Timestamp) -> Timestamp {
    at.clamp(FIRST, LAST)
}

impl Period {
    /// All of time.
    pub const ALL: Self = Self { from: FIRST, to: LAST };

    /// From `from` on, up to `to` and without it.
    ///
    /// # Errors
    /// [`HistoryError::PeriodInvalid`] when it ends before it begins.
    pub fn new(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Self, HistoryError> {
        let (from, to) = (from.map_or(FIRST, storable), to.map_or(LAST, storable));
        if from <= to { Ok(Self { from, to }) } else { Err(HistoryError::PeriodInvalid) }
    }

    /// Its first moment.
    #[must_use]
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The moment at which it is over.
    #[must_use]
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// Its first moment, if it has one.
    #[must_use]
    pub fn begins(self) -> Option<Timestamp> {
        (self.from != FIRST).then_some(self.from)
    }

    /// The moment at which it is over, if it ends.
    #[must_use]
    pub fn ends(self) -> Option<Timestamp> {
        (self.to != LAST).then_some(self.to)
    }

    /// Whether `at` is part of it.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_half_open_and_stays_within_what_can_be_stored() {
        let at = Timestamp::from_micros;
        let period = Period::new(Some(at(3)), Some(at(5))).unwrap();
        assert_eq!([2, 3, 4, 5].map(|micros| period.contains(at(micros))), [false, true, true, false]);
        assert_eq!(Period::new(Some(at(5)), Some(at(3))), Err(HistoryError::PeriodInvalid));
        assert_eq!(Period::new(Some(at(i64::MIN)), Some(at(i64::MAX))), Ok(Period::ALL));
        assert_eq!((Period::ALL.begins(), Period::ALL.ends(), period.ends()), (None, None, Some(at(5))));
    }
}
