//! What a run is made of, and the bounds of it.

use crate::{error::SimulationError, scenario::Scenario, strategy::Pricing};

/// A run as it is asked for. [`Scenario::defaults`] has one for each scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Which.
    pub scenario: Scenario,
    /// How many ticks; 1 to [`Config::TICKS_MAX`].
    pub ticks: u32,
    /// How long after one tick the next one begins, in milliseconds, where somebody watches; 50 to 60,000.
    pub interval_ms: u32,
    /// How many agents sell; 1 to [`Config::SERVICES_MAX`].
    pub services: u32,
    /// How many agents buy; 1 to [`Config::BUYERS_MAX`].
    pub buyers: u32,
    /// What each agent has at the beginning, in credits; 0 to [`Config::CREDITS_MAX`].
    pub balance: i64,
    /// Runs with the same seed, and the rest the same, are the same.
    pub seed: u64,
    /// How sellers make their prices.
    pub pricing: Pricing,
    /// The base price of the first seller; each further one has 10 more, in ten steps where there are more than ten. 1 to [`Config::PRICE_MAX`].
    pub base_price: i64,
    /// What a buyer bids at most. 1 to [`Config::PRICE_MAX`].
    pub buyer_budget: i64,
    /// Sellers that drop out.
    pub shock: Option<Shock>,
    /// Whether there is an arbitrageur.
    pub arbitrageur: bool,
    /// How many ticks an order waits for somebody to trade with; 1 to 100.
    pub order_ticks: u32,
}

/// Sellers that drop out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shock {
    /// Before which tick.
    pub at_tick: u32,
    /// How many, the cheapest first.
    pub services: u32,
}

impl Config {
    /// The most ticks.
    pub const TICKS_MAX: u32 = 1_000_000;
    /// The shortest interval.
    pub const INTERVAL_MS_MIN: u32 = 50;
    /// The longest interval.
    pub const INTERVAL_MS_MAX: u32 = 60_000;
    /// The most sellers.
    pub const SERVICES_MAX: u32 = 50_000;
    /// The most buyers.
    pub const BUYERS_MAX: u32 = 100_000;
    /// The most that an agent has at the beginning.
    pub const CREDITS_MAX: i64 = 1_000_000_000;
    /// The highest base price and budget.
    pub const PRICE_MAX: i64 = 1_000_000;
    /// The longest that an order waits.
    pub const ORDER_TICKS_MAX: u32 = 100;

    /// How many agents take part.
    #[must_use]
    pub const fn agents(&self) -> u32 {
        self.services + self.buyers + if self.arbitrageur { 1 } else { 0 }
    }

    /// Whether every figure is within its bounds.
    ///
    /// # Errors
    /// [`SimulationError::Invalid`]: the first that is not.
    pub fn check(&self) -> Result<(), SimulationError> {
        let within = |field, value: i64, low: i64, high: i64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(SimulationError::Invalid { field, low, high }) }
        };
        within("tick_count", self.ticks.into(), 1, Self::TICKS_MAX.into())?;
        let (shortest, longest) = (Self::INTERVAL_MS_MIN.into(), Self::INTERVAL_MS_MAX.into());
        within("tick_interval_ms", self.interval_ms.into(), shortest, longest)?;
        within("service_agent_count", self.services.into(), 1, Self::SERVICES_MAX.into())?;
        within("buyer_agent_count", self.buyers.into(), 1, Self::BUYERS_MAX.into())?;
        within("initial_balance", self.balance, 0, Self::CREDITS_MAX)?;
        within("base_price", self.base_price, 1, Self::PRICE_MAX)?;
        within("buyer_budget", self.buyer_budget, 1, Self::PRICE_MAX)?;
        within("order_ticks", self.order_ticks.into(), 1, Self::ORDER_TICKS_MAX.into())?;
        if let Some(shock) = self.shock {
            within("shock_at_tick", shock.at_tick.into(), 1, Self::TICKS_MAX.into())?;
            within("agents_to_disable", shock.services.into(), 0, Self::SERVICES_MAX.into())?;
        }
        Ok(())
    }
}
