//! What a buyer bids.

use super::View;
use crate::{figure::scale, rng::Rng};

/// How small a part of the way a buyer goes towards what it would rather have paid, each time it was filled: an eighth.
const SHADE: i64 = 8;

/// A buyer's way of finding a price in one book: it begins near what is asked, bids less when it was filled, and more when it
/// was not, and never more than its limit. It knows nobody's limit but its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuyerStrategy {
    limit: i64,
    /// What it means to bid.
    aim: Option<i64>,
}

impl BuyerStrategy {
    /// A buyer that pays `limit` at most.
    #[must_use]
    pub const fn new(limit: i64) -> Self {
        Self { limit, aim: None }
    }

    /// It pays so much at most from now on.
    pub fn set_limit(&mut self, limit: i64) {
        self.limit = limit;
        self.aim = self.aim.map(|aim| aim.min(limit));
    }

    /// What it bids now, with so much in its purse. `None` when that, or its limit, is nothing.
    pub fn bid(&mut self, view: &View, purse: i64, rng: &mut Rng) -> Option<i64> {
        let limit = self.limit;
        let first = |rng: &mut Rng| {
            // Where nobody asks and nothing was traded, what it would pay is all that it knows.
            let seen = view.avg_ask().or(view.last).unwrap_or(limit);
            scale(seen, rng.between(800_000, 1_200_000))
        };
        let aim = self.aim.unwrap_or_else(|| first(rng)).clamp(1, limit.max(1));
        self.aim = Some(aim);
        let most = limit.min(purse);
        (most > 0).then(|| aim.min(most))
    }

    /// It was filled at `price`: that may have been too much.
    pub fn filled(&mut self, price: i64, rng: &mut Rng) {
        let wish = scale(price, rng.between(970_000, 1_000_000));
        self.aim = self.aim.map(|aim| step(aim, wish, SHADE).clamp(1, self.limit.max(1)));
    }

    /// It was not filled in time: it would take more.
    pub fn missed(&mut self, view: &View, rng: &mut Rng) {
        // Where nobody asks it has to outbid those who wait before it.
        let needed = view.price().max(view.highest_bid).unwrap_or(self.limit);
        let wish = scale(needed, rng.between(1_000_000, 1_050_000)).min(self.limit);
        self.aim = self.aim.map(|aim| wish.max(aim.saturating_add(1)).min(self.limit));
    }
}

/// From one price a part of the way to another, at least by one.
fn step(from: i64, to: i64, part: i64) -> i64 {
    let way = to.saturating_sub(from);
    if way == 0 { from } else { from.saturating_add((way / part).abs().max(1).saturating_mul(way.signum())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lowest: i64) -> View {
        let mut view = View::default();
        view.see_asks(lowest, 1);
        view
    }

    #[test]
    fn a_first_bid_is_near_what_is_asked_and_never_above_limit_or_purse() {
        let mut rng = Rng::new(5);
        for _ in 0..500 {
            let bid = BuyerStrategy::new(1_000).bid(&asked(100), 1_000, &mut rng).unwrap();
            assert!((80..=120).contains(&bid), "{bid}");
            assert!(BuyerStrategy::new(90).bid(&asked(100), 1_000, &mut rng).unwrap() <= 90);
            assert!(BuyerStrategy::new(90).bid(&View::default(), 1_000, &mut rng).unwrap() <= 90);
            assert!(BuyerStrategy::new(90).bid(&asked(100), 30, &mut rng).unwrap() <= 30);
        }
        assert_eq!(BuyerStrategy::new(90).bid(&asked(100), 0, &mut rng), None);
        assert_eq!(BuyerStrategy::new(0).bid(&asked(100), 10, &mut rng), None);
    }

    #[test]
    fn a_buyer_that_is_always_filled_bids_less_and_less() {
        let mut rng = Rng::new(5);
        let mut buyer = BuyerStrategy::new(120);
        let first = buyer.bid(&asked(100), 1_000, &mut rng).unwrap();
        let mut bid = first;
        for _ in 0..30 {
            buyer.filled(bid, &mut rng);
            let next = buyer.bid(&asked(100), 1_000, &mut rng).unwrap();
            assert!(next <= bid);
            bid = next;
        }
        assert!(bid < first * 8 / 10, "{first} became {bid}");
    }

    #[test]
    fn a_buyer_that_misses_goes_up_to_what_is_asked_and_not_beyond_its_limit() {
        let mut rng = Rng::new(5);
        for (limit, low, high) in [(200, 100, 108), (90, 90, 90)] {
            let mut buyer = BuyerStrategy::new(limit);
            buyer.aim = Some(40);
            for _ in 0..3 {
                buyer.missed(&asked(100), &mut rng);
            }
            let bid = buyer.bid(&asked(100), 1_000, &mut rng).unwrap();
            assert!((low..=high).contains(&bid), "{bid} with the limit {limit}");
        }
    }

    #[test]
    fn a_lower_limit_holds_at_once() {
        let mut rng = Rng::new(5);
        let mut buyer = BuyerStrategy::new(120);
        let _ = buyer.bid(&asked(100), 1_000, &mut rng);
        buyer.set_limit(50);
        assert!(buyer.bid(&asked(100), 1_000, &mut rng).unwrap() <= 50);
    }
}
