//! Whole numbers where others would take floats, so that every machine counts the same.

/// The whole of something, in parts per million.
pub const WHOLE: i64 = 1_000_000;

/// `amount` times `ppm` parts per million, rounded down.
#[must_use]
pub fn scale(amount: i64, ppm: i64) -> i64 {
    let scaled = (i128::from(amount) * i128::from(ppm)).div_euclid(i128::from(WHOLE));
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}

/// How much `part` is of `whole`, in parts per million, rounded down; 0 of nothing.
#[must_use]
pub fn share(part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let share = (i128::from(part) * i128::from(WHOLE)).div_euclid(i128::from(whole));
    i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX })
}

/// The average of `count` things that are `sum` together, rounded to the nearest; `None` of nothing.
#[must_use]
pub fn average(sum: i64, count: i64) -> Option<i64> {
    (count > 0).then(|| sum.saturating_add(count / 2).div_euclid(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_round_down_and_never_overflow() {
        assert_eq!([scale(101, 500_000), scale(-101, 500_000), scale(7, 1_000_000)], [50, -51, 7]);
        assert_eq!([scale(i64::MAX, 2_000_000), scale(i64::MIN, 2_000_000)], [i64::MAX, i64::MIN]);
        assert_eq!([share(1, 3), share(-1, 3), share(5, 0)], [333_333, -333_334, 0]);
        assert_eq!([average(10, 4), average(9, 4), average(0, 0)], [Some(3), Some(2), None]);
    }
}
