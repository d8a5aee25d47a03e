//! Amounts and dates, as lists spell them.

use chrono::{DateTime, NaiveDate, NaiveTime};
use rialto_kernel::Timestamp;

use super::Precision;

/// What cannot be read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not a number such as `1234.50`, `-3` or `+0.5`.
    #[error("the amount is not a decimal number")]
    Amount,
    /// It has digits that the asset does not have.
    #[error("the amount has more decimals than the asset")]
    Decimals,
    /// It does not fit.
    #[error("the amount is too large")]
    TooLarge,
    /// Not a date of the format that was named.
    #[error("the date is not one of the format that was named")]
    Date,
}

/// How dates are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateFormat {
    /// `2026-11-22T08:15:00Z`, with any offset.
    Rfc3339,
    /// `2026-11-22`, a day in UTC.
    Iso,
    /// `22.11.2026`, a day in UTC.
    German,
}

impl DateFormat {
    /// How exact they are.
    #[must_use]
    pub const fn precision(self) -> Precision {
        match self {
            Self::Rfc3339 => Precision::Moment,
            Self::Iso | Self::German => Precision::Day,
        }
    }
}

/// Reads a decimal number as minor units of an asset with `scale` decimals, exactly: `12.5` is 1250 at a scale of 2. A sign may
/// stand before it, zeros may stand behind the last decimal. No thousands separators: `1,000` may be one or a thousand.
///
/// # Errors
/// [`ParseError::Amount`], [`ParseError::Decimals`], [`ParseError::TooLarge`].
pub fn parse_amount(text: &str, scale: u32) -> Result<i64, ParseError> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let digit = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && decimals.is_empty() || !digit(whole) || !digit(decimals) {
        return Err(ParseError::Amount);
    }
    let decimals = decimals.trim_end_matches('0');
    let places = u32::try_from(decimals.len()).map_err(|_| ParseError::Decimals)?;
    let zeros = scale.checked_sub(places).ok_or(ParseError::Decimals)?;
    let shown = whole
        .bytes()
        .chain(decimals.bytes())
        .try_fold(0_i128, |number, byte| number.checked_mul(10)?.checked_add(i128::from(byte - b'0')));
    let units = shown.and_then(|number| number.checked_mul(10_i128.checked_pow(zeros)?));
    let units = units.map(|units| if negative { -units } else { units });
    units.and_then(|units| i64::try_from(units).ok()).ok_or(ParseError::TooLarge)
}

/// Reads a date; a day is its beginning.
///
/// # Errors
/// [`ParseError::Date`].
pub fn parse_date(text: &str, format: DateFormat) -> Result<Timestamp, ParseError> {
    let text = text.trim();
    let day = |pattern: &str, lengths: [usize; 3], separator: char| {
        // Chrono takes 1- and 5-digit parts as well; a list that has them is not of this format.
        let parts = text.split(separator).map(str::len);
        let sound = parts.eq(lengths) && text.bytes().all(|byte| byte.is_ascii_digit() || char::from(byte) == separator);
        let date = NaiveDate::parse_from_str(text, pattern).ok().filter(|_| sound)?;
        Some(Timestamp::from(date.and_time(NaiveTime::MIN).and_utc()))
    };
    match format {
        DateFormat::Rfc3339 => DateTime::parse_from_rfc3339(text).ok().map(|moment| Timestamp::from(moment.to_utc())),
        DateFormat::Iso => day("%Y-%m-%d", [4, 2, 2], '-'),
        DateFormat::German => day("%d.%m.%Y", [2, 2, 4], '.'),
    }
    .ok_or(ParseError::Date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, scale, units) in [
            ("12.5", 2, 1_250),
            (" -12.50 ", 2, -1_250),
            ("+.5", 1, 5),
            ("5.", 0, 5),
            ("0.000001", 6, 1),
            ("007", 0, 7),
            ("1.2300", 2, 123),
            ("-9223372036854775808", 0, i64::MIN),
            ("92233720368547758.07", 2, i64::MAX),
            ("\u{2212}3", 0, -3),
        ] {
            assert_eq!(parse_amount(text, scale), Ok(units), "{text}");
        }
        for text in ["", "-", ".", "1,000", "1 000", "1e3", "NaN", "--1", "+-1", "0x1", "1.2.3", "€5", "٣"] {
            assert_eq!(parse_amount(text, 2), Err(ParseError::Amount), "{text}");
        }
        assert_eq!(parse_amount("1.001", 2), Err(ParseError::Decimals));
        assert_eq!(parse_amount("92233720368547758.08", 2), Err(ParseError::TooLarge));
        assert_eq!(parse_amount(&"9".repeat(60), 2), Err(ParseError::TooLarge));
        assert_eq!(parse_amount("1", 60), Err(ParseError::TooLarge));
    }

    #[test]
    fn dates_are_of_one_format() {
        let day = Timestamp::from_micros(1_795_305_600_000_000);
        assert_eq!(parse_date("2026-11-22", DateFormat::Iso), Ok(day));
        assert_eq!(parse_date(" 22.11.2026", DateFormat::German), Ok(day));
        assert_eq!(parse_date("2026-11-22T01:00:00+01:00", DateFormat::Rfc3339), Ok(day));
        for (text, format) in [
            ("2026-11-31", DateFormat::Iso),
            ("2026-1-1", DateFormat::Iso),
            ("22.11.26", DateFormat::German),
            ("22.11.2026", DateFormat::Iso),
            ("2026-11-22", DateFormat::Rfc3339),
            ("", DateFormat::Iso),
            ("12026-11-22", DateFormat::Iso),
        ] {
            assert_eq!(parse_date(text, format), Err(ParseError::Date), "{text}");
        }
    }
}
