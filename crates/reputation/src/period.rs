//! Of which time.

use std::{fmt, ops::Range, str::FromStr};

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use rialto_kernel::Timestamp;

use crate::ReputationError;

/// The end of all times that both databases can hold: the beginning of the year 10,000.
const END: Timestamp = Timestamp::from_micros(253_402_300_800_000_000);

/// All time, or a month of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Since the beginning.
    AllTime,
    /// In this month.
    Month {
        /// 1970 to 9999.
        year: u16,
        /// 1 to 12.
        month: u8,
    },
}

impl Period {
    /// The month that this moment is in; all time for one that is in no year that there is.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let day = DateTime::<Utc>::from(at);
        Self::month(u16::try_from(day.year()).unwrap_or(0), u8::try_from(day.month()).unwrap_or(0)).unwrap_or(Self::AllTime)
    }

    fn month(year: u16, month: u8) -> Option<Self> {
        ((1970..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Self::Month { year, month })
    }

    /// The number that the database sees: year * 100 + month, or 0.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::AllTime => 0,
            Self::Month { year, month } => i32::from(year) * 100 + i32::from(month),
        }
    }

    /// From when, and until when.
    #[must_use]
    pub fn range(self) -> Range<Timestamp> {
        let all = Timestamp::from_micros(0)..END;
        let Self::Month { year, month } = self else { return all };
        let first = NaiveDate::from_ymd_opt(year.into(), month.into(), 1);
        let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
        let at = |day: Option<NaiveDate>| day.map(|day| Timestamp::from(day.and_time(NaiveTime::MIN).and_utc()));
        at(first).unwrap_or(all.start)..at(next).unwrap_or(all.end).min(END)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllTime => f.write_str("all-time"),
            Self::Month { year, month } => write!(f, "{year:04}-{month:02}"),
        }
    }
}

impl FromStr for Period {
    type Err = ReputationError;

    fn from_str(text: &str) -> Result<Self, ReputationError> {
        if text == "all-time" {
            return Ok(Self::AllTime);
        }
        let is_month = text.len() == 7
            && text.bytes().enumerate().all(|(at, byte)| (at == 4) == (byte == b'-'))
            && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        let (year, month) = text.split_once('-').filter(|_| is_month).ok_or(ReputationError::NoPeriod)?;
        let numbers = year.parse().ok().zip(month.parse().ok());
        numbers.and_then(|(year, month)| Self::month(year, month)).ok_or(ReputationError::NoPeriod)
    }
}
