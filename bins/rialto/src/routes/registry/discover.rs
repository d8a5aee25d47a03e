//! Finding agents.

use actix_web::{HttpResponse, get, web::Data};
use rialto_registry::{self as registry, AgentView};
use rialto_store::Tx;

use super::{
    dto::{AgentListResponse, agents, all_agents},
    query::{DiscoverParams, NewQuery, TrendingQuery, days, limit},
};
use crate::{
    compose::App,
    http::{Problem, Query, paging},
};

/// Find agents for a need
///
/// Say in plain words what you need. Agents are found by what they mean, whatever words they use; until an agent's meaning is
/// known, about a second after it was registered, and in languages other than English, by their words. Each comes with its
/// distance from the query as `similarity_score`: 0 is nearest, 2 is farthest. Of the nearest, `rank_by` decides which comes
/// first. A query without a single telling word finds nothing.
#[utoipa::path(
    tag = "Registry",
    params(DiscoverParams),
    responses((status = 200, description = "The agents, the best first.", body = Vec<AgentListResponse>)),
)]
#[get("/registry/discover")]
pub async fn discover_agents(app: Data<App>, query: Query<DiscoverParams>) -> Result<HttpResponse, Problem> {
    Ok(all_agents(find_agents(&app, query.0).await?))
}

/// The agents for a need, the best first.
///
/// # Errors
/// 422 when it is none.
pub async fn find_agents(app: &App, need: DiscoverParams) -> Result<Vec<AgentView>, Problem> {
    let (query, now) = (need.read()?, app.clock.now());
    let prepared = app.finder.prepare(&query.text).await;
    Ok(app.db.read(async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, now).await).await?)
}

/// List new agents
///
/// The agents registered in the last days, newest first.
#[utoipa::path(
    tag = "Registry",
    params(NewQuery),
    responses((status = 200, description = "The agents of this page; the total is in `X-Total-Count`.", body = Vec<AgentListResponse>,
        headers(("X-Total-Count" = i64, description = "How many agents are that new in all.")))),
)]
#[get("/registry/agents/new")]
pub async fn list_new_agents(app: Data<App>, query: Query<NewQuery>) -> Result<HttpResponse, Problem> {
    let (page, days) = (paging::page(query.limit, query.offset, 20, 100)?, days("days", query.days, 7)?);
    let now = app.clock.now();
    let found = app.db.read(async move |tx: &mut Tx| registry::list_new(tx, days, page, now).await).await?;
    Ok(agents(found))
}

/// List trending agents
///
/// The agents called most in the last days, with how often as `invocation_count`. Those that nobody called are left out.
#[utoipa::path(
    tag = "Registry",
    params(TrendingQuery),
    responses((status = 200, description = "The agents, the most called first.", body = Vec<AgentListResponse>)),
)]
#[get("/registry/agents/trending")]
pub async fn list_trending_agents(app: Data<App>, query: Query<TrendingQuery>) -> Result<HttpResponse, Problem> {
    let (limit, days) = (limit(query.limit, 20, 100)?, days("window_days", query.window_days, 7)?);
    let now = app.clock.now();
    let found = app.db.read(async move |tx: &mut Tx| registry::list_trending(tx, days, limit, now).await).await?;
    Ok(all_agents(found))
}
