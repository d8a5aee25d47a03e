//! The scenarios: what each of them sets up, and with which figures.

use crate::{
    config::{Config, Shock},
    strategy::Pricing,
};

/// A little economy with a question to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Do buyers and sellers who know only their own limits find the price that clears the market?
    PriceDiscovery,
    /// What becomes of the price when some of the sellers drop out?
    SupplyShock,
    /// Do two markets for the same thing come to one price when somebody buys in one and sells in the other?
    Arbitrage,
    /// Does it pay to deliver?
    ReputationPremium,
}

/// How the sellers and buyers of a capability are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// All of them in one book.
    Single,
    /// In two books: the cheaper half of the sellers with a quarter of the buyers, and the others in `….remote`.
    Venues,
    /// In two books: sellers whose reputation has reached [`crate::strategy::Reputation::TRUSTED_PPM`] in `….trusted`, and the others.
    Grades,
}

impl Layout {
    /// What the second book of a capability is called, behind the capability's own name; `None` when there is none.
    #[must_use]
    pub const fn second(self) -> Option<&'static str> {
        match self {
            Self::Single => None,
            Self::Venues => Some("remote"),
            Self::Grades => Some("trusted"),
        }
    }

    /// How many books a capability has.
    #[must_use]
    pub const fn segments(self) -> usize {
        if self.second().is_some() { 2 } else { 1 }
    }
}

impl Scenario {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::PriceDiscovery, Self::SupplyShock, Self::Arbitrage, Self::ReputationPremium];

    /// The word that clients and the database see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PriceDiscovery => "price_discovery",
            Self::SupplyShock => "supply_shock",
            Self::Arbitrage => "arbitrage",
            Self::ReputationPremium => "reputation_premium",
        }
    }

    /// The scenario with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.as_str() == word)
    }

    /// What it is about, for people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::PriceDiscovery => {
                "Sellers with fixed prices and buyers with a budget, each knowing only its own limit, find the price at which supply meets demand."
            }
            Self::SupplyShock => {
                "Two of five sellers drop out at tick 50. Prices follow demand, so the price rises, and buyers with small budgets go without."
            }
            Self::Arbitrage => {
                "The same capability has two markets, one with cheap sellers and one with most of the buyers. An arbitrageur buys here, sells there, and brings the prices together."
            }
            Self::ReputationPremium => {
                "Some sellers deliver nearly always and some often do not. Reputation comes from deliveries, and buyers pay more for it."
            }
        }
    }

    /// What is traded.
    #[must_use]
    pub const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::PriceDiscovery => &["translation"],
            Self::SupplyShock => &["summarization"],
            Self::Arbitrage => &["analysis"],
            Self::ReputationPremium => &["translation", "summarization"],
        }
    }

    /// How the market is divided.
    #[must_use]
    pub const fn layout(self) -> Layout {
        match self {
            Self::PriceDiscovery | Self::SupplyShock => Layout::Single,
            Self::Arbitrage => Layout::Venues,
            Self::ReputationPremium => Layout::Grades,
        }
    }

    /// The names of its books: each capability, followed by its second book if it has one.
    #[must_use]
    pub fn books(self) -> Vec<String> {
        let second = self.layout().second();
        let names = |capability: &&str| {
            let own = (*capability).to_owned();
            std::iter::once(own).chain(second.map(|second| format!("{capability}.{second}"))).collect::<Vec<_>>()
        };
        self.capabilities().iter().flat_map(names).collect()
    }

    /// How often a service delivers what it has sold, in parts per million. Reliable and unreliable sellers take turns, so that
    /// their costs are the same on average, and a difference in price is for reputation.
    #[must_use]
    pub const fn reliability_ppm(self, service: usize) -> i64 {
        match self {
            Self::ReputationPremium if service.is_multiple_of(2) => 980_000,
            Self::ReputationPremium => 780_000,
            _ => 950_000,
        }
    }

    /// What a delivery that fails costs the buyer, beside its time, in parts per million of what the service is worth to it.
    /// Nothing is paid for it.
    #[must_use]
    pub const fn failure_cost_ppm(self) -> i64 {
        match self {
            Self::ReputationPremium => 500_000,
            _ => 0,
        }
    }

    /// The scenario as it is meant, with the seed 0.
    #[must_use]
    pub const fn defaults(self) -> Config {
        let plain = Config {
            scenario: self,
            ticks: 100,
            interval_ms: 500,
            services: 5,
            buyers: 10,
            balance: 1_000,
            seed: 0,
            pricing: Pricing::Fixed,
            base_price: 80,
            buyer_budget: 120,
            shock: None,
            arbitrageur: false,
            order_ticks: 3,
        };
        match self {
            Self::PriceDiscovery => plain,
            Self::SupplyShock => Config {
                ticks: 150,
                interval_ms: 400,
                balance: 1_500,
                pricing: Pricing::Dynamic,
                base_price: 100,
                buyer_budget: 150,
                shock: Some(Shock { at_tick: 50, services: 2 }),
                ..plain
            },
            Self::Arbitrage => Config {
                ticks: 120,
                interval_ms: 400,
                services: 6,
                buyers: 8,
                balance: 2_000,
                base_price: 60,
                buyer_budget: 200,
                arbitrageur: true,
                ..plain
            },
            Self::ReputationPremium => {
                Config { buyers: 12, balance: 1_200, pricing: Pricing::Dynamic, base_price: 90, buyer_budget: 140, ..plain }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_word_and_is_sound() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::from_word(scenario.as_str()), Some(scenario));
            assert_eq!(scenario.defaults().check(), Ok(()));
            assert_eq!(scenario.books().len(), scenario.capabilities().len() * scenario.layout().segments());
        }
        assert_eq!(Scenario::from_word("Price_Discovery"), None);
        assert_eq!(Scenario::Arbitrage.books(), ["analysis", "analysis.remote"]);
    }
}
