//! What is known of a seller.

use crate::figure::{WHOLE, scale, share};

/// What a seller's deliveries say about the next one. A new seller is taken for one that delivers nine times in ten, as if it
/// had been seen to five times; deliveries outweigh that soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reputation {
    delivered: i64,
    failed: i64,
}

impl Reputation {
    /// From here on a seller is trusted.
    pub const TRUSTED_PPM: i64 = 920_000;
    const PRIOR_PPM: i64 = 900_000;
    const PRIOR_WEIGHT: i64 = 5;

    /// A delivery came to this.
    pub const fn record(&mut self, delivered: bool) {
        if delivered { self.delivered += 1 } else { self.failed += 1 }
    }

    /// How probable the next delivery is, in parts per million.
    #[must_use]
    pub fn score_ppm(&self) -> i64 {
        let seen = self.delivered + self.failed + Self::PRIOR_WEIGHT;
        let good = self.delivered.saturating_mul(WHOLE).saturating_add(Self::PRIOR_PPM * Self::PRIOR_WEIGHT);
        good.div_euclid(seen)
    }

    /// Whether it is trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.score_ppm() >= Self::TRUSTED_PPM
    }
}

/// What a service is worth to a buyer that values it at `value`, if it is delivered with this probability, costs `price` then
/// and nothing otherwise, and if a failure costs `failure`.
#[must_use]
pub fn utility(value: i64, price: i64, score_ppm: i64, failure: i64) -> i64 {
    scale(value.saturating_sub(price), score_ppm).saturating_sub(scale(failure, WHOLE - score_ppm))
}

/// The price at which it is worth nothing: the most that a buyer would pay. Below zero when not even a gift is worth the risk.
#[must_use]
pub fn worth(value: i64, score_ppm: i64, failure: i64) -> i64 {
    value.saturating_sub(scale(failure, share(WHOLE - score_ppm, score_ppm.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(delivered: usize, failed: usize) -> Reputation {
        let mut reputation = Reputation::default();
        (0..delivered).for_each(|_| reputation.record(true));
        (0..failed).for_each(|_| reputation.record(false));
        reputation
    }

    #[test]
    fn trust_is_earned_and_lost() {
        assert_eq!(Reputation::default().score_ppm(), 900_000);
        assert!(!Reputation::default().is_trusted(), "a new seller has to earn it");
        assert!(after(2, 0).is_trusted());
        assert!(!after(2, 1).is_trusted(), "one failure costs a young reputation");
        assert!(after(200, 5).is_trusted(), "an old one bears more");
        assert!(!after(200, 40).is_trusted());
    }

    #[test]
    fn a_score_comes_to_what_really_happens() {
        let score = after(800, 200).score_ppm();
        assert!((795_000..=805_000).contains(&score), "{score}");
    }

    #[test]
    fn who_delivers_more_surely_is_worth_more() {
        let worths = [700_000, 800_000, 900_000, 980_000].map(|score| worth(140, score, 70));
        assert!(worths.is_sorted() && worths[0] < worths[3], "{worths:?}");
        assert_eq!(worth(140, 1_000_000, 70), 140);
        assert_eq!(worth(140, 800_000, 70), 123);
        assert!(utility(140, 122, 800_000, 70) >= 0 && utility(140, 125, 800_000, 70) < 0);
        assert!(worth(100, 1, 100) < 0);
    }
}
