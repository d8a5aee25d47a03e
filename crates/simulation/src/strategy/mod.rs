//! How agents decide. Each strategy is a small pure type: what it sees goes in, a price comes out.

mod arbitrageur;
mod buyer;
mod reputation;
mod service;

pub use arbitrageur::{Arbitrageur, Chance};
pub use buyer::BuyerStrategy;
pub use reputation::{Reputation, utility, worth};
pub use service::{Pricing, ServiceStrategy};

use crate::figure::{WHOLE, average, share};

/// What an agent can see of a book before its orders meet: its open orders, and those that others are about to place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// How many bids there are.
    pub bids: i64,
    /// How many asks.
    pub asks: i64,
    /// The prices of all bids together.
    pub bid_sum: i64,
    /// The prices of all asks together.
    pub ask_sum: i64,
    /// The highest bid.
    pub highest_bid: Option<i64>,
    /// The lowest ask.
    pub lowest_ask: Option<i64>,
    /// The price of the last trade.
    pub last: Option<i64>,
}

impl View {
    /// Another bid, or several at one price.
    pub fn see_bids(&mut self, price: i64, count: i64) {
        self.bids += count;
        self.bid_sum = self.bid_sum.saturating_add(price.saturating_mul(count));
        self.highest_bid = self.highest_bid.max(Some(price));
    }

    /// Another ask, or several at one price.
    pub fn see_asks(&mut self, price: i64, count: i64) {
        self.asks += count;
        self.ask_sum = self.ask_sum.saturating_add(price.saturating_mul(count));
        self.lowest_ask = Some(self.lowest_ask.map_or(price, |lowest| lowest.min(price)));
    }

    /// What is bid on average.
    #[must_use]
    pub fn avg_bid(&self) -> Option<i64> {
        average(self.bid_sum, self.bids)
    }

    /// What is asked on average.
    #[must_use]
    pub fn avg_ask(&self) -> Option<i64> {
        average(self.ask_sum, self.asks)
    }

    /// How many bids there are for each ask, in parts per million; without asks, as if there were one.
    #[must_use]
    pub fn demand_ppm(&self) -> i64 {
        share(self.bids, self.asks.max(1))
    }

    /// What something costs here, as far as can be told: the lowest ask, or the last price.
    #[must_use]
    pub const fn price(&self) -> Option<i64> {
        if self.lowest_ask.is_some() { self.lowest_ask } else { self.last }
    }
}

/// As much demand as makes no difference any more: five bids for each ask.
const DEMAND_PPM_MAX: i64 = 5 * WHOLE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_counts_sums_and_keeps_the_best() {
        let mut view = View::default();
        assert_eq!((view.avg_bid(), view.demand_ppm(), view.price()), (None, 0, None));
        view.see_bids(90, 1);
        view.see_bids(80, 2);
        assert_eq!((view.avg_bid(), view.highest_bid, view.demand_ppm()), (Some(83), Some(90), 3_000_000));
        view.see_asks(100, 1);
        view.see_asks(95, 1);
        assert_eq!((view.avg_ask(), view.lowest_ask, view.demand_ppm()), (Some(98), Some(95), 1_500_000));
        let sold_out = View { last: Some(97), ..View::default() };
        assert_eq!(sold_out.price(), Some(97));
    }
}
