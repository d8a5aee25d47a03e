//! What goes over the wire.

use rialto_kernel::AgentId;
use rialto_registry::{identity, service::ServiceId};
use rialto_reputation::{Period, Record};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::routes::agents::Sight;

/// Hundredths of a point, in points.
pub fn points(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

/// Of which time, and how fresh.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentReputationQuery {
    /// `all-time`, or a month of UTC as `YYYY-MM`.
    #[param(default = "all-time", example = "2026-11")]
    pub period: Option<String>,
    /// With the calls that are not counted yet.
    #[param(default = false)]
    pub compute: Option<bool>,
}

/// Of which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ServiceReputationQuery {
    /// `all-time`, or a month of UTC as `YYYY-MM`.
    #[param(default = "all-time", example = "2026-11")]
    pub period: Option<String>,
}

/// How many leaders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LeaderboardPage {
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 20)]
    pub limit: Option<i64>,
}

/// How an agent does. Scores are of 10.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "agent_id": "my-agent", "service_id": "", "overall_score": 8.72, "latency_score": 9.15, "reliability_score": 8.5,
    "response_quality": 8.6, "call_count": 150, "period": "all-time",
}))]
pub struct AgentReputation {
    /// The agent, as it was asked for.
    pub agent_id: String,
    /// Empty: all services together.
    pub service_id: &'static str,
    /// 30 % latency, 40 % reliability, 30 % quality.
    pub overall_score: f64,
    /// 10 less one for each second that a call took on average.
    pub latency_score: f64,
    /// The share of calls that were answered with less than 400.
    pub reliability_score: f64,
    /// The share of calls that were not answered with 500 or more.
    pub response_quality: f64,
    /// How many calls.
    pub call_count: i64,
    /// Of which time.
    pub period: String,
}

impl AgentReputation {
    /// Zeros where nothing was called.
    pub fn new(agent_id: String, period: Period, found: Option<&Record>) -> Self {
        let (score, counts) = found.map(|record| (record.score, record.counts)).unwrap_or_default();
        Self {
            agent_id,
            service_id: "",
            overall_score: points(score.overall),
            latency_score: points(score.latency),
            reliability_score: points(score.reliability),
            response_quality: points(score.quality),
            call_count: counts.calls,
            period: period.to_string(),
        }
    }
}

/// How a service does. Scores are of 10.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceReputationRecord {
    /// The `owner_id` of who offers it.
    pub agent_id: String,
    /// 30 % latency, 40 % reliability, 30 % quality.
    pub overall_score: f64,
    /// 10 less one for each second that a call took on average.
    pub latency_score: f64,
    /// The share of calls that were answered with less than 400.
    pub reliability_score: f64,
    /// The share of calls that were not answered with 500 or more.
    pub response_quality: f64,
    /// How many calls.
    pub call_count: i64,
}

impl ServiceReputationRecord {
    /// What was counted.
    pub fn new(agent_id: String, record: &Record) -> Self {
        let score = record.score;
        Self {
            agent_id,
            overall_score: points(score.overall),
            latency_score: points(score.latency),
            reliability_score: points(score.reliability),
            response_quality: points(score.quality),
            call_count: record.counts.calls,
        }
    }
}

/// How a service does in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceReputation {
    /// The service.
    pub service_id: ServiceId,
    /// Of which time.
    pub period: String,
    /// One, or none where it was not called.
    pub records: Vec<ServiceReputationRecord>,
}

/// An agent whose owner does well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "agent_id": "0198c0de-0000-7000-8000-00000d21bbd3", "id": "0198c0de-0000-7000-8000-00000d21bbd3", "slug": "top-agent-0d21bbd3",
    "display_name": "Top Agent", "reputation_score": 9.2, "verified": true, "call_count": 1500,
}))]
pub struct Leader {
    /// Its id.
    pub agent_id: AgentId,
    /// The same.
    pub id: AgentId,
    /// Its readable id.
    pub slug: String,
    /// What it is called.
    pub display_name: String,
    /// Of 10, for all time.
    pub reputation_score: f64,
    /// Whether somebody vouches for who it is: see `GET /api/v1/agents/{agent_id}/verification`.
    pub verified: bool,
    /// Of how many calls.
    pub call_count: i64,
}

impl Leader {
    /// A row of the board, as it is seen now.
    pub fn new(leader: identity::Leader, sight: &Sight) -> Self {
        let identity::Leader { profile, standing } = leader;
        Self {
            verified: profile.identity.is_verified(&sight.trust, sight.now),
            agent_id: profile.agent.id,
            id: profile.agent.id,
            slug: profile.agent.slug,
            display_name: profile.agent.name,
            reputation_score: points(standing.overall),
            call_count: standing.calls,
        }
    }
}

/// Who does best.
#[derive(Debug, Serialize, ToSchema)]
pub struct Leaderboard {
    /// The best first.
    pub leaderboard: Vec<Leader>,
    /// How many those are.
    pub count: usize,
}
