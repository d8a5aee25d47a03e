//! How the time of a filter is divided: whole days, whose sums are kept, and what is left of it on both sides.

use std::ops::Range;

use rialto_kernel::Timestamp;

use super::UsageFilter;

/// How long a day is, in microseconds.
const DAY: i64 = 86_400_000_000;

/// The time of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period {
    /// Whole days, counted from 1970 in UTC; may be none.
    pub(crate) days: Range<i32>,
    /// What is not in them, each less than a day long. A bound that is `None` is none.
    pub(crate) edges: Vec<UsageFilter>,
}

impl Period {
    /// That of this filter, which says for the rest which calls are meant.
    pub(crate) fn of(filter: &UsageFilter) -> Self {
        let first = filter.from.map_or(i32::MIN, |from| whole(from.micros().saturating_add(DAY - 1)));
        let end = filter.to.map_or(i32::MAX, |to| whole(to.micros()));
        if first >= end && filter.from.is_some() && filter.to.is_some() {
            // Less than a day, or two pieces of days that touch.
            return Self { days: 0..0, edges: vec![*filter] };
        }
        let before = filter.from.filter(|from| *from != start(first));
        let after = filter.to.filter(|to| *to != start(end));
        let before = before.map(|from| UsageFilter { from: Some(from), to: Some(start(first)), ..*filter });
        let after = after.map(|to| UsageFilter { from: Some(start(end)), to: Some(to), ..*filter });
        Self { days: first..end, edges: before.into_iter().chain(after).collect() }
    }
}

/// The day that this moment is in.
fn whole(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(DAY)).unwrap_or(if micros < 0 { i32::MIN } else { i32::MAX })
}

/// When a day begins.
fn start(day: i32) -> Timestamp {
    Timestamp::from_micros(i64::from(day).saturating_mul(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64, micros: i64) -> Option<Timestamp> {
        Some(Timestamp::from_micros(days * DAY + micros))
    }

    fn filter(from: Option<Timestamp>, to: Option<Timestamp>) -> UsageFilter {
        UsageFilter { from, to, delivered: Some(true), service: None }
    }

    #[test]
    fn a_period_is_its_whole_days_and_less_than_a_day_on_each_side() {
        let all = i32::MIN..i32::MAX;
        for (from, to, days, edges) in [
            (None, None, all.clone(), vec![]),
            (at(5, 0), None, 5..i32::MAX, vec![]),
            (None, at(5, 0), i32::MIN..5, vec![]),
            (at(5, 0), at(6, 0), 5..6, vec![]),
            (at(5, 1), None, 6..i32::MAX, vec![(at(5, 1), at(6, 0))]),
            (None, at(5, 1), i32::MIN..5, vec![(at(5, 0), at(5, 1))]),
            (at(5, 1), at(9, 2), 6..9, vec![(at(5, 1), at(6, 0)), (at(9, 0), at(9, 2))]),
            (at(5, 1), at(6, 2), 0..0, vec![(at(5, 1), at(6, 2))]),
            (at(5, 1), at(5, 2), 0..0, vec![(at(5, 1), at(5, 2))]),
            (at(6, 0), at(5, 0), 0..0, vec![(at(6, 0), at(5, 0))]),
            (at(-2, 1), at(1, 0), -1..1, vec![(at(-2, 1), at(-1, 0))]),
        ] {
            let edges = edges.into_iter().map(|(from, to)| filter(from, to)).collect();
            assert_eq!(Period::of(&filter(from, to)), Period { days, edges }, "{from:?} {to:?}");
        }
        for far in [i64::MIN, i64::MAX] {
            let far = Some(Timestamp::from_micros(far));
            Period::of(&filter(far, None));
            Period::of(&filter(None, far));
        }
    }
}
