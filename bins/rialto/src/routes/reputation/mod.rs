//! How agents and services do, counted from calls.

mod dto;
mod problem;

use actix_web::{HttpResponse, get, web::Data};
use rialto_identity::store::CommerceStore;
use rialto_kernel::OwnerId;
use rialto_registry::{
    AgentRef, RegistryError,
    identity::leaders,
    service::{ServiceId, find_service},
    store::AgentStore,
};
use rialto_reputation::{Period, ReputationError, Subject, live_score, score};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::dto::points;
use self::dto::{
    AgentReputation, AgentReputationQuery, Leader, Leaderboard, LeaderboardPage, ServiceReputation, ServiceReputationQuery,
    ServiceReputationRecord,
};
use super::agents::Sight;
use crate::{
    compose::App,
    http::{Path, Problem, Query, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(read_agent_reputation).service(read_service_reputation).service(read_leaderboard);
}

fn period(given: Option<&str>) -> Result<Period, ReputationError> {
    given.map_or(Ok(Period::AllTime), str::parse)
}

/// Whose calls an agent's reputation is made of: its owner's. An owner is known by its own name too.
async fn owner_of(tx: &mut Tx, name: &str) -> Result<OwnerId, Problem> {
    if let Some(agent) = tx.find_agent(&AgentRef::parse(name)).await? {
        return Ok(agent.owner);
    }
    tx.find_owner(name).await?.ok_or_else(|| RegistryError::NotFound.into())
}

/// Read an agent's reputation
///
/// Counted from the calls of its owner's services: latency (30 %), reliability (40 %) and quality of the answers (30 %), each of
/// 10. Zeros where nothing was called. Calls are counted within seconds; with `compute` those are in it that are not counted yet.
#[utoipa::path(
    tag = "Reputation",
    params(
        ("agent_id" = String, Path, description = "An agent's id, or the `owner_id` of a provider.", example = "my-agent"),
        AgentReputationQuery,
    ),
    responses(
        (status = 200, description = "How it does.", body = AgentReputation),
        (status = 400, description = "The period is none.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/agents/{agent_id}/reputation")]
pub async fn read_agent_reputation(
    app: Data<App>,
    path: Path<String>,
    query: Query<AgentReputationQuery>,
) -> Result<HttpResponse, Problem> {
    let (period, live) = (period(query.period.as_deref())?, query.compute.unwrap_or(false));
    let name = path.0;
    let asked = name.clone();
    let found = app
        .db
        .snapshot(async move |tx: &mut Tx| {
            let owner = owner_of(tx, &asked).await?;
            let record =
                if live { live_score(tx, owner, period).await? } else { score(tx, Subject::Provider(owner), period).await? };
            Ok::<_, Problem>(record)
        })
        .await?;
    Ok(HttpResponse::Ok().json(AgentReputation::new(name, period, found.as_ref())))
}

/// Read a service's reputation
///
/// One record, or none where it was not called.
#[utoipa::path(
    tag = "Reputation",
    params(
        ("service_id" = ServiceId, Path, description = "The service's id.", example = "0198c0de-0000-7000-8000-000000000031"),
        ServiceReputationQuery,
    ),
    responses(
        (status = 200, description = "How it does.", body = ServiceReputation),
        (status = 400, description = "The period is none.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/services/{service_id}/reputation")]
pub async fn read_service_reputation(
    app: Data<App>,
    path: Path<String>,
    query: Query<ServiceReputationQuery>,
) -> Result<HttpResponse, Problem> {
    let period = period(query.period.as_deref())?;
    let id: ServiceId = path.parse().map_err(|_| RegistryError::ServiceNotFound)?;
    let records = app
        .db
        .read(async move |tx: &mut Tx| {
            let service = find_service(tx, id).await?;
            let found = score(tx, Subject::Service(id, service.owner), period).await?;
            Ok::<_, Problem>(found.map(|record| ServiceReputationRecord::new(service.provider, &record)).into_iter().collect())
        })
        .await?;
    Ok(HttpResponse::Ok().json(ServiceReputation { service_id: id, period: period.to_string(), records }))
}

/// Read the leaderboard
///
/// The active agents whose owners' services do best, for all time; of equals those first that were called more.
#[utoipa::path(
    tag = "Reputation",
    params(LeaderboardPage),
    responses((status = 200, description = "The best first.", body = Leaderboard)),
)]
#[get("/api/v1/reputation/leaderboard")]
pub async fn read_leaderboard(app: Data<App>, query: Query<LeaderboardPage>) -> Result<HttpResponse, Problem> {
    let limit = paging::capped_limit(query.limit, 20)?;
    let (found, sight) = (app.db.read(async move |tx: &mut Tx| leaders(tx, limit).await).await?, Sight::new(&app));
    let leaders: Vec<_> = found.into_iter().map(|one| Leader::new(one, &sight)).collect();
    Ok(HttpResponse::Ok().json(Leaderboard { count: leaders.len(), leaderboard: leaders }))
}
