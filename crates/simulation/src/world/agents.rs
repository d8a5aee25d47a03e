//! Who takes part.

use crate::{
    config::Config,
    figure::scale,
    rng::Rng,
    scenario::Layout,
    strategy::{Arbitrageur, BuyerStrategy, Reputation, ServiceStrategy},
};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The seller with this place.
    Service(usize),
    /// The buyer with this place.
    Buyer(usize),
    /// The arbitrageur.
    Arbitrageur,
}

/// A seller.
#[derive(Debug, Clone)]
pub struct Service {
    pub strategy: ServiceStrategy,
    pub reputation: Reputation,
    pub reliability_ppm: i64,
    /// Where it sells, where that is given.
    pub venue: usize,
    pub is_disabled: bool,
    /// Whether an ask of its waits, for each capability.
    pub is_asking: Vec<bool>,
}

/// A buyer.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// What a delivery is worth to it.
    pub value: i64,
    /// Where it buys, where that is given.
    pub venue: usize,
    /// Whether a bid of its waits.
    pub is_bidding: bool,
    /// How it bids, in each book.
    pub strategies: Vec<BuyerStrategy>,
}

/// The arbitrageur's desk.
#[derive(Debug, Clone, Default)]
pub struct Trader {
    pub stock: Arbitrageur,
    pub is_bidding: bool,
    pub is_asking: bool,
}

/// Everybody.
#[derive(Debug, Clone)]
pub struct Agents {
    pub services: Vec<Service>,
    pub buyers: Vec<Buyer>,
    /// One desk for each capability; none without an arbitrageur.
    pub desks: Vec<Trader>,
}

/// How often the arbitrageur delivers what it has sold.
pub const ARBITRAGEUR_RELIABILITY_PPM: i64 = 950_000;
/// How much more each further seller's base price is.
const BASE_STEP: i64 = 10;
/// How many different base prices there are at most: where there are more sellers, several have the same.
const BASE_STEPS_MAX: u32 = 10;
/// What a delivery is worth to the poorest buyer, of the budget.
const VALUE_PPM_MIN: i64 = 500_000;
/// How much more it is worth to the richest.
const VALUE_PPM_RANGE: i64 = 600_000;

impl Agents {
    /// Those that the configuration asks for.
    pub fn new(config: &Config, rng: &mut Rng) -> Self {
        let (capabilities, books) = (config.scenario.capabilities().len(), config.scenario.books().len());
        let has_venues = config.scenario.layout() == Layout::Venues;
        let service = |place: u32| Service {
            strategy: ServiceStrategy::new(config.pricing, base_price(config, place)),
            reputation: Reputation::default(),
            reliability_ppm: config.scenario.reliability_ppm(usize::try_from(place).unwrap_or(0)),
            // The cheaper half here, the dearer one there.
            venue: usize::from(has_venues && place >= config.services.div_ceil(2)),
            is_disabled: false,
            is_asking: vec![false; capabilities],
        };
        // The values are spread evenly, so that demand falls with the price whatever the seed; who has which is chance.
        let mut values: Vec<i64> = (0..config.buyers).map(|place| value(config, place, rng)).collect();
        rng.shuffle(&mut values);
        let buyer = |(place, value): (usize, i64)| Buyer {
            value,
            venue: usize::from(has_venues && !place.is_multiple_of(4)),
            is_bidding: false,
            strategies: vec![BuyerStrategy::new(value.min(config.buyer_budget)); books],
        };
        Self {
            services: (0..config.services).map(service).collect(),
            buyers: values.into_iter().enumerate().map(buyer).collect(),
            desks: if config.arbitrageur { vec![Trader::default(); capabilities] } else { Vec::new() },
        }
    }

    /// The number of one of them.
    pub fn number(&self, who: Who) -> usize {
        match who {
            Who::Service(place) => place,
            Who::Buyer(place) => self.services.len() + place,
            Who::Arbitrageur => self.services.len() + self.buyers.len(),
        }
    }
}

fn base_price(config: &Config, place: u32) -> i64 {
    let step = place.min(place.saturating_mul(BASE_STEPS_MAX) / config.services.max(1));
    config.base_price.saturating_add(BASE_STEP * i64::from(step))
}

/// What a delivery is worth to a buyer, whose budget may be below that.
fn value(config: &Config, place: u32, rng: &mut Rng) -> i64 {
    let step = VALUE_PPM_RANGE / i64::from(config.buyers.max(1));
    let ppm = VALUE_PPM_MIN + step * i64::from(place) + rng.between(0, step);
    scale(config.buyer_budget, ppm).max(1)
}
