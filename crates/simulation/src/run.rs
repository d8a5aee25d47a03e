//! A run that people watch: what the database knows of it.

use rialto_kernel::{Caller, Event, Id, OwnerId, Role, Timestamp};
use serde_json::{Value, json};

use crate::{config::Config, error::SimulationError, scenario::Scenario, store::SimulationStore};

/// The nouns that ids name.
pub mod nouns {
    /// A run of a scenario.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Run {}
    /// A server process that runs scenarios.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Process {}
}

/// The id of a run.
pub type RunId = Id<nouns::Run>;
/// The id of a server process, made when it starts.
pub type ProcessId = Id<nouns::Process>;

/// How long after its last word a process is taken for gone, beside the interval of its run, in milliseconds.
pub const LEASE_MS: u32 = 10_000;
/// Why a run ended whose process did not come back.
const LOST: &str = "The server that ran it is gone.";

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Ticks follow one another.
    Running,
    /// Somebody stopped it.
    Stopped,
    /// All ticks are done.
    Completed,
    /// It could not go on.
    Error,
}

impl RunStatus {
    /// The word that clients and the database see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Stopped, Self::Completed, Self::Error].into_iter().find(|status| status.as_str() == word)
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its place in the history; 0 before it is written.
    pub no: i64,
    /// Its id.
    pub id: RunId,
    /// Who started it.
    pub owner: OwnerId,
    /// What it follows from.
    pub config: Config,
    /// Where it stands.
    pub status: RunStatus,
    /// The last tick that was done.
    pub tick: u32,
    /// Orders so far.
    pub orders: i64,
    /// Trades so far, delivered or not.
    pub trades: i64,
    /// Trades so far whose seller did not deliver.
    pub failed: i64,
    /// What was paid so far.
    pub volume: i64,
    /// What all gained so far.
    pub welfare: i64,
    /// Why it could not go on.
    pub error: Option<String>,
    /// The process that runs it.
    pub holder: ProcessId,
    /// When that process is taken for gone.
    pub lease_until: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When this was written.
    pub updated_at: Timestamp,
}

impl Run {
    /// Whether its process is gone without a word.
    #[must_use]
    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.status == RunStatus::Running && self.lease_until <= now
    }

    /// The run as it is: one whose process is gone has ended, also where nobody has written that yet.
    #[must_use]
    pub fn seen_at(mut self, now: Timestamp) -> Self {
        if self.is_lost(now) {
            self.end(RunStatus::Error, now);
            self.error = Some(LOST.to_owned());
        }
        self
    }

    /// It lives for another while.
    pub(crate) fn renew(&mut self, now: Timestamp) {
        let lease = u64::from(LEASE_MS) + u64::from(self.config.interval_ms);
        self.lease_until = now.after(std::time::Duration::from_millis(lease));
        self.updated_at = now;
    }

    pub(crate) const fn end(&mut self, status: RunStatus, now: Timestamp) {
        self.status = status;
        self.ended_at = Some(now);
        self.updated_at = now;
    }

    /// Something that happened to it.
    pub(crate) fn event(&self, kind: &'static str, mut data: Value, now: Timestamp) -> Event {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("run_id".into(), json!(self.id));
        }
        Event { kind, subject: self.id.uuid(), owner: None, data, at: now }
    }
}

/// The most ticks on a server, where a run shares the machine with everybody's money.
pub const LIVE_TICKS_MAX: u32 = 10_000;
/// The most sellers on a server.
pub const LIVE_SERVICES_MAX: u32 = 100;
/// The most buyers on a server.
pub const LIVE_BUYERS_MAX: u32 = 200;
/// The longest run on a server, in ms, for who is no administrator: others wait for their turn.
pub const LIVE_TIME_MAX: u32 = 2 * 60 * 60 * 1_000;

/// What the figures of a run on a server are between; often less than [`Config::check`] allows.
pub const LIVE_BOUNDS: [(&str, u32, u32); 7] = [
    ("tick_count", 1, LIVE_TICKS_MAX),
    ("tick_interval_ms", Config::INTERVAL_MS_MIN, Config::INTERVAL_MS_MAX),
    ("service_agent_count", 1, LIVE_SERVICES_MAX),
    ("buyer_agent_count", 1, LIVE_BUYERS_MAX),
    ("shock_at_tick", 1, LIVE_TICKS_MAX),
    ("agents_to_disable", 0, LIVE_SERVICES_MAX),
    ("order_ticks", 1, Config::ORDER_TICKS_MAX),
];

fn check_live(config: &Config, caller: &Caller) -> Result<(), SimulationError> {
    for (field, low, high) in LIVE_BOUNDS {
        let value = match field {
            "tick_count" => Some(config.ticks),
            "tick_interval_ms" => Some(config.interval_ms),
            "order_ticks" => Some(config.order_ticks),
            "service_agent_count" => Some(config.services),
            "buyer_agent_count" => Some(config.buyers),
            "shock_at_tick" => config.shock.map(|shock| shock.at_tick),
            _ => config.shock.map(|shock| shock.services),
        };
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            return Err(SimulationError::Invalid { field, low: low.into(), high: high.into() });
        }
    }
    config.check()?;
    let ticks_max = LIVE_TIME_MAX / config.interval_ms.max(1);
    if !caller.is_admin() && config.ticks > ticks_max {
        return Err(SimulationError::Invalid { field: "tick_count", low: 1, high: ticks_max.into() });
    }
    Ok(())
}

/// Starts a run, which the process `holder` is to take up. Takes anybody who may change something.
///
/// # Errors
/// [`SimulationError::Invalid`], [`SimulationError::Forbidden`], [`SimulationError::AlreadyRunning`].
pub async fn start(
    tx: &mut impl SimulationStore,
    caller: &Caller,
    config: Config,
    holder: ProcessId,
    now: Timestamp,
) -> Result<Run, SimulationError> {
    if caller.role == Role::Viewer {
        return Err(SimulationError::Forbidden("A viewer may not start a simulation."));
    }
    check_live(&config, caller)?;
    if let Some(run) = tx.lock_running().await? {
        if !run.is_lost(now) {
            return Err(SimulationError::AlreadyRunning);
        }
        fail(tx, run, LOST, now).await?;
    }
    let mut run = Run {
        no: 0,
        id: RunId::new(),
        owner: caller.owner,
        config,
        status: RunStatus::Running,
        tick: 0,
        orders: 0,
        trades: 0,
        failed: 0,
        volume: 0,
        welfare: 0,
        error: None,
        holder,
        lease_until: now,
        started_at: now,
        ended_at: None,
        updated_at: now,
    };
    run.renew(now);
    run.no = tx.insert_run(&run).await?.ok_or(SimulationError::AlreadyRunning)?;
    let data = json!({
        "scenario_name": config.scenario.as_str(), "total_ticks": config.ticks, "agents_count": config.agents(), "seed": config.seed,
    });
    tx.append_events(vec![run.event("simulation.started", data, now)]).await?;
    Ok(run)
}

/// Stops the run. Takes who started it, or an administrator; in a sandbox (`anybody`), whoever may change something.
///
/// # Errors
/// [`SimulationError::NotRunning`], [`SimulationError::Forbidden`].
pub async fn stop(tx: &mut impl SimulationStore, caller: &Caller, anybody: bool, now: Timestamp) -> Result<Run, SimulationError> {
    let mut run = tx.lock_running().await?.filter(|run| !run.is_lost(now)).ok_or(SimulationError::NotRunning)?;
    if !caller.may_write(run.owner) && (!anybody || caller.role == Role::Viewer) {
        return Err(SimulationError::Forbidden("Only who started it, or an administrator, may stop it."));
    }
    run.end(RunStatus::Stopped, now);
    tx.update_run(&run).await?;
    let data = json!({"scenario_name": run.config.scenario.as_str(), "final_tick": run.tick});
    tx.append_events(vec![run.event("simulation.stopped", data, now)]).await?;
    Ok(run)
}

/// Ends the run whose process is gone, if there is one; returns it.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn end_lost(tx: &mut impl SimulationStore, now: Timestamp) -> Result<Option<Run>, SimulationError> {
    match tx.lock_running().await?.filter(|run| run.is_lost(now)) {
        Some(run) => fail(tx, run, LOST, now).await.map(Some),
        None => Ok(None),
    }
}

/// Ends a run that is locked, and cannot go on.
pub(crate) async fn fail(tx: &mut impl SimulationStore, mut run: Run, why: &str, now: Timestamp) -> Result<Run, SimulationError> {
    run.end(RunStatus::Error, now);
    run.error = Some(why.to_owned());
    tx.update_run(&run).await?;
    tx.append_events(vec![run.event("simulation.error", json!({"error": why, "tick": run.tick}), now)]).await?;
    Ok(run)
}

/// The run that runs, or else the last one.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn latest(tx: &mut impl SimulationStore, now: Timestamp) -> Result<Option<Run>, SimulationError> {
    Ok(tx.latest_run().await?.map(|run| run.seen_at(now)))
}

/// A run.
///
/// # Errors
/// [`SimulationError::RunUnknown`].
pub async fn find(tx: &mut impl SimulationStore, id: RunId, now: Timestamp) -> Result<Run, SimulationError> {
    Ok(tx.find_run(id).await?.ok_or(SimulationError::RunUnknown)?.seen_at(now))
}

/// The configuration as the database keeps it.
pub(crate) fn to_json(config: &Config) -> Value {
    json!({
        "scenario": config.scenario.as_str(),
        "ticks": config.ticks,
        "interval_ms": config.interval_ms,
        "services": config.services,
        "buyers": config.buyers,
        "balance": config.balance,
        "seed": config.seed,
        "pricing": config.pricing.as_str(),
        "base_price": config.base_price,
        "buyer_budget": config.buyer_budget,
        "shock_at_tick": config.shock.map(|shock| shock.at_tick),
        "agents_to_disable": config.shock.map(|shock| shock.services),
        "arbitrageur": config.arbitrageur,
        "order_ticks": config.order_ticks,
    })
}

/// The same, read again; `None` when it makes no sense.
pub(crate) fn from_json(json: &Value) -> Option<Config> {
    let word = |name: &str| json.get(name).and_then(Value::as_str);
    let number = |name: &str| json.get(name).and_then(Value::as_i64);
    let small = |name: &str| number(name).and_then(|value| u32::try_from(value).ok());
    let shock = small("shock_at_tick").zip(small("agents_to_disable"));
    Some(Config {
        scenario: Scenario::from_word(word("scenario")?)?,
        ticks: small("ticks")?,
        interval_ms: small("interval_ms")?,
        services: small("services")?,
        buyers: small("buyers")?,
        balance: number("balance")?,
        seed: json.get("seed").and_then(Value::as_u64)?,
        pricing: crate::strategy::Pricing::from_word(word("pricing")?)?,
        base_price: number("base_price")?,
        buyer_budget: number("buyer_budget")?,
        shock: shock.map(|(at_tick, services)| crate::config::Shock { at_tick, services }),
        arbitrageur: json.get("arbitrageur").and_then(Value::as_bool)?,
        order_ticks: small("order_ticks")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_the_database() {
        for scenario in Scenario::ALL {
            let config = Config { seed: u64::MAX, ..scenario.defaults() };
            assert_eq!(from_json(&to_json(&config)), Some(config));
        }
        assert_eq!(from_json(&json!({"scenario": "arbitrage"})), None);
    }
}
