//! What a seller asks for.

use super::{DEMAND_PPM_MAX, View};
use crate::{
    figure::{WHOLE, scale},
    rng::Rng,
};

/// How sellers make their prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pricing {
    /// Always the base price. What sets the price is who bids.
    Fixed,
    /// By demand: towards 20 % of the base price more for each bid per ask above one, or 20 % less when there are none, where a bid
    /// below what it asked for last is no demand. It moves by 5 % of the base price at a time, and never below half of that.
    Dynamic,
    /// The base price, give or take 10 % by chance.
    Auction,
}

impl Pricing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fixed, Self::Dynamic, Self::Auction];

    /// The word that clients and the database see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Dynamic => "dynamic",
            Self::Auction => "auction",
        }
    }

    /// The pricing with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pricing| pricing.as_str() == word)
    }
}

/// How far a price moves from one ask to the next, of the base price. Prices that follow demand at once swing: all sellers are
/// dear together, sell nothing, and are cheap together.
const MOVE_PPM_MAX: i64 = 50_000;
/// What each further bid per ask adds to the base price.
const DEMAND_WEIGHT_PPM: i64 = 200_000;

/// A seller's way of making a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStrategy {
    pricing: Pricing,
    base: i64,
    /// What it asked for last.
    asked: i64,
}

impl ServiceStrategy {
    /// A seller with this base price, which is above zero.
    #[must_use]
    pub const fn new(pricing: Pricing, base: i64) -> Self {
        Self { pricing, base, asked: base }
    }

    /// What it asked for last; its base price at first. Whoever bids less is no demand.
    #[must_use]
    pub const fn asked(&self) -> i64 {
        self.asked
    }

    /// What a delivery costs the seller: half its base price.
    #[must_use]
    pub const fn cost(&self) -> i64 {
        self.base / 2
    }

    /// What it asks for now; above zero. The bids of the view are those at or above [`ServiceStrategy::asked`].
    pub fn ask(&mut self, view: &View, rng: &mut Rng) -> i64 {
        let asked = match self.pricing {
            Pricing::Fixed => self.base,
            Pricing::Dynamic => self.by_demand(view),
            Pricing::Auction => scale(self.base, rng.between(900_000, 1_100_000)),
        };
        self.asked = asked.max(1);
        self.asked
    }

    fn by_demand(&self, view: &View) -> i64 {
        let demand = view.demand_ppm().min(DEMAND_PPM_MAX);
        let wished = scale(self.base, WHOLE + scale(demand - WHOLE, DEMAND_WEIGHT_PPM));
        let way = scale(self.base, MOVE_PPM_MAX).max(1);
        wished.clamp(self.asked - way, self.asked + way).max(self.cost())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(bids: i64, asks: i64) -> View {
        View { bids, asks, ..View::default() }
    }

    /// What a seller asks for in the end, while the market stays as it is.
    fn settled(seller: &mut ServiceStrategy, bids: i64, asks: i64) -> i64 {
        let mut rng = Rng::new(1);
        (0..50).map(|_| seller.ask(&view(bids, asks), &mut rng)).last().unwrap()
    }

    #[test]
    fn a_fixed_price_does_not_move() {
        let mut seller = ServiceStrategy::new(Pricing::Fixed, 80);
        assert_eq!([settled(&mut seller, 0, 9), settled(&mut seller, 9, 1)], [80, 80]);
    }

    #[test]
    fn a_dynamic_price_goes_where_the_contract_says() {
        let mut seller = ServiceStrategy::new(Pricing::Dynamic, 100);
        let mut ask = |bids, asks| settled(&mut seller, bids, asks);
        // max(base / 2, base x (1 + 0.2 x (demand - 1)))
        assert_eq!([ask(0, 4), ask(2, 4), ask(4, 4), ask(8, 4), ask(3, 0)], [80, 90, 100, 120, 140]);
        assert_eq!([ask(5, 1), ask(50, 1)], [180, 180], "no price is without an end");
    }

    #[test]
    fn a_dynamic_price_takes_its_time() {
        let mut seller = ServiceStrategy::new(Pricing::Dynamic, 100);
        let mut rng = Rng::new(1);
        let up: Vec<i64> = (0..4).map(|_| seller.ask(&view(3, 1), &mut rng)).collect();
        assert_eq!(up, [105, 110, 115, 120]);
        assert_eq!(seller.asked(), 120, "bids below that are no demand any more");
        let down: Vec<i64> = (0..3).map(|_| seller.ask(&view(0, 1), &mut rng)).collect();
        assert_eq!(down, [115, 110, 105]);
    }

    #[test]
    fn an_auction_starts_within_a_tenth_of_the_base_price() {
        let mut seller = ServiceStrategy::new(Pricing::Auction, 100);
        let mut rng = Rng::new(3);
        let asked: Vec<i64> = (0..500).map(|_| seller.ask(&view(0, 0), &mut rng)).collect();
        assert!(asked.iter().all(|price| (90..=110).contains(price)));
        assert!(asked.contains(&91) && asked.contains(&109));
        assert_eq!(ServiceStrategy::new(Pricing::Auction, 1).ask(&view(0, 0), &mut rng), 1, "never for nothing");
    }
}
