//! The formula.

use crate::Counts;

/// The highest score, in hundredths of a point.
const MAX: i128 = 1_000;
/// A point of the latency score is lost with each second; in ten-thousandths of a point, as tenths of a millisecond are.
const LATENCY_MAX: i128 = 100_000;

/// How somebody did, in hundredths of a point of ten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// 30 % latency, 40 % reliability, 30 % quality.
    pub overall: u32,
    /// 10 less one for each second that a call took on average.
    pub latency: u32,
    /// The share of calls that were answered with less than 400.
    pub reliability: u32,
    /// The share of calls that were not answered with 500 or more.
    pub quality: u32,
}

impl Score {
    /// What these calls come to; nothing for none.
    ///
    /// The average time is rounded to a tenth of a millisecond; each of the scores is then rounded on its own, the overall one
    /// from what the others were before. All rounding is half to even.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        let calls = i128::from(counts.calls);
        if calls <= 0 {
            return Self::default();
        }
        let (successes, whole) = (i128::from(counts.successes), calls - i128::from(counts.errors));
        let latency = (LATENCY_MAX - rounded(i128::from(counts.latency_ms) * 10, calls)).clamp(0, LATENCY_MAX);
        let overall = 3 * latency * calls + (4 * successes + 3 * whole) * LATENCY_MAX;
        let score = |value: i128| u32::try_from(value.clamp(0, MAX)).unwrap_or(0);
        Self {
            overall: score(rounded(overall, 1_000 * calls)),
            latency: score(rounded(latency, 100)),
            reliability: score(rounded(successes * MAX, calls)),
            quality: score(rounded(whole * MAX, calls)),
        }
    }
}

/// `of / by`, rounded half to even. `by` is above zero.
fn rounded(of: i128, by: i128) -> i128 {
    let (whole, rest) = (of.div_euclid(by), of.rem_euclid(by));
    let up = rest * 2 > by || (rest * 2 == by && whole % 2 != 0);
    whole + i128::from(up)
}
