//! What a run is asked for with.

use rialto_simulation::{Config, LIVE_BOUNDS, Scenario, Shock, strategy::Pricing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::Problem;

/// A run as it is asked for. What is left out, apart from the first six, is the scenario's own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"scenario_name": "price_discovery", "tick_count": 100, "tick_interval_ms": 500, "service_agent_count": 5, "buyer_agent_count": 10, "initial_balance": 1000, "seed": 7}))]
pub struct ScenarioConfig {
    /// Which: one of those of `GET /scenarios`.
    #[schema(min_length = 1)]
    pub scenario_name: String,
    /// How many ticks.
    #[serde(default = "tick_count")]
    #[schema(minimum = 1, maximum = 10_000, default = 100)]
    pub tick_count: i64,
    /// How long one tick is, in milliseconds.
    #[serde(default = "tick_interval_ms")]
    #[schema(minimum = 50, maximum = 60_000, default = 500)]
    pub tick_interval_ms: i64,
    /// How many agents sell.
    #[serde(default = "service_agent_count")]
    #[schema(minimum = 1, maximum = 100, default = 5)]
    pub service_agent_count: i64,
    /// How many agents buy.
    #[serde(default = "buyer_agent_count")]
    #[schema(minimum = 1, maximum = 200, default = 10)]
    pub buyer_agent_count: i64,
    /// What each agent begins with, in credits.
    #[serde(default = "initial_balance")]
    #[schema(minimum = 0, maximum = 1_000_000_000, default = 1_000)]
    pub initial_balance: i64,
    /// Runs with the same seed, and the rest the same, are the same. Chosen by chance when it is left out.
    #[schema(minimum = 0)]
    pub seed: Option<i64>,
    /// How sellers make their prices.
    #[schema(inline)]
    pub pricing: Option<PricingName>,
    /// The base price of the first seller; each further one has 10 more.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub base_price: Option<i64>,
    /// What a buyer bids at most.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub buyer_budget: Option<i64>,
    /// Before which tick sellers drop out.
    #[schema(minimum = 1)]
    pub shock_at_tick: Option<i64>,
    /// How many sellers drop out, the cheapest first.
    #[schema(minimum = 0)]
    pub agents_to_disable: Option<i64>,
    /// Whether there is an arbitrageur.
    pub include_arbitrageur: Option<bool>,
    /// How many ticks an order waits before it expires.
    #[schema(minimum = 1, maximum = 100)]
    pub order_ticks: Option<i64>,
}

const fn tick_count() -> i64 {
    100
}

const fn tick_interval_ms() -> i64 {
    500
}

const fn service_agent_count() -> i64 {
    5
}

const fn buyer_agent_count() -> i64 {
    10
}

const fn initial_balance() -> i64 {
    1_000
}

/// How sellers make their prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PricingName {
    /// Always the base price.
    Fixed,
    /// By demand.
    Dynamic,
    /// The base price, give or take 10 % by chance.
    Auction,
}

impl From<Config> for ScenarioConfig {
    fn from(config: Config) -> Self {
        Self {
            scenario_name: config.scenario.as_str().to_owned(),
            tick_count: config.ticks.into(),
            tick_interval_ms: config.interval_ms.into(),
            service_agent_count: config.services.into(),
            buyer_agent_count: config.buyers.into(),
            initial_balance: config.balance,
            seed: i64::try_from(config.seed).ok(),
            pricing: Some(match config.pricing {
                Pricing::Fixed => PricingName::Fixed,
                Pricing::Dynamic => PricingName::Dynamic,
                Pricing::Auction => PricingName::Auction,
            }),
            base_price: Some(config.base_price),
            buyer_budget: Some(config.buyer_budget),
            shock_at_tick: config.shock.map(|shock| shock.at_tick.into()),
            agents_to_disable: config.shock.map(|shock| shock.services.into()),
            include_arbitrageur: Some(config.arbitrageur),
            order_ticks: Some(config.order_ticks.into()),
        }
    }
}

impl ScenarioConfig {
    /// A scenario as it is meant; its seed is chosen when it is started.
    pub fn defaults(scenario: Scenario) -> Self {
        Self { seed: None, ..scenario.defaults().into() }
    }

    /// The run that this asks for, with `seed` if it names none.
    ///
    /// # Errors
    /// 400 for an unknown scenario, 422 for a figure that no number of its kind can be; the simulator checks the bounds.
    pub fn config(&self, seed: i64) -> Result<Config, Problem> {
        if self.scenario_name.is_empty() {
            return Err(Problem::invalid("body.scenario_name", "must have at least 1 character"));
        }
        let scenario = Scenario::from_word(&self.scenario_name).ok_or_else(|| unknown(&self.scenario_name))?;
        let own = scenario.defaults();
        // A shock needs both figures; the one that is left out is the scenario's, or else the first one's.
        let (at, gone) = (own.shock.map(|shock| shock.at_tick), own.shock.map(|shock| shock.services));
        let has_shock = own.shock.is_some() || self.shock_at_tick.is_some() || self.agents_to_disable.is_some();
        let shock = Shock {
            at_tick: small("shock_at_tick", self.shock_at_tick)?.or(at).unwrap_or(50),
            services: small("agents_to_disable", self.agents_to_disable)?.or(gone).unwrap_or(2),
        };
        let seed = self.seed.unwrap_or(seed);
        Ok(Config {
            scenario,
            ticks: number("tick_count", self.tick_count)?,
            interval_ms: number("tick_interval_ms", self.tick_interval_ms)?,
            services: number("service_agent_count", self.service_agent_count)?,
            buyers: number("buyer_agent_count", self.buyer_agent_count)?,
            balance: self.initial_balance,
            seed: u64::try_from(seed).map_err(|_| Problem::invalid("body.seed", "must be at least 0"))?,
            pricing: self.pricing.map_or(own.pricing, |pricing| match pricing {
                PricingName::Fixed => Pricing::Fixed,
                PricingName::Dynamic => Pricing::Dynamic,
                PricingName::Auction => Pricing::Auction,
            }),
            base_price: self.base_price.unwrap_or(own.base_price),
            buyer_budget: self.buyer_budget.unwrap_or(own.buyer_budget),
            shock: has_shock.then_some(shock),
            arbitrageur: self.include_arbitrageur.unwrap_or(own.arbitrageur),
            order_ticks: small("order_ticks", self.order_ticks)?.unwrap_or(own.order_ticks),
        })
    }
}

fn unknown(name: &str) -> Problem {
    let known = Scenario::ALL.map(Scenario::as_str).join(", ");
    let name: String = name.chars().take(64).collect();
    Problem::bad_request("unknown-scenario", format!("Unknown scenario '{name}'. Available: {known}"))
}

fn number(field: &str, value: i64) -> Result<u32, Problem> {
    let bounds = LIVE_BOUNDS.into_iter().find(|(name, ..)| *name == field);
    let (low, high) = bounds.map_or((0, u32::MAX), |(_, low, high)| (low, high));
    u32::try_from(value).map_err(|_| Problem::invalid(format!("body.{field}"), format!("must be between {low} and {high}")))
}

fn small(field: &str, value: Option<i64>) -> Result<Option<u32>, Problem> {
    value.map(|value| number(field, value)).transpose()
}
