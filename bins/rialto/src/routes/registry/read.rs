//! Reading agents.

use actix_web::{HttpResponse, get, web::Data};
use rialto_registry::{self as registry, AgentRef};
use rialto_store::Tx;

use super::{
    dto::{AgentListResponse, AgentResponse, agents},
    problem::in_query,
    query::{ListQuery, MineQuery},
};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, paging, problem::ProblemBody},
};

/// List agents
///
/// Active agents that all of the given filters hold for.
#[utoipa::path(
    tag = "Registry",
    params(ListQuery),
    responses((status = 200, description = "The agents of this page; the total is in `X-Total-Count`.", body = Vec<AgentListResponse>,
        headers(("X-Total-Count" = i64, description = "How many agents match in all.")))),
)]
#[get("/registry/agents")]
pub async fn list_agents(app: Data<App>, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    let (page, filter) = (paging::page(query.limit, query.offset, 20, 100)?, query.filter(now)?);
    let found = app.db.read(async move |tx: &mut Tx| registry::list(tx, &filter, page, now).await).await;
    Ok(agents(found.map_err(in_query)?))
}

/// Read an agent
///
/// By either of its ids, active or not.
#[utoipa::path(
    tag = "Registry",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab")),
    responses(
        (status = 200, description = "The agent.", body = AgentResponse),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/registry/agents/{agent_id}")]
pub async fn read_agent(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(find_agent(&app, &path).await?))
}

/// An agent by either of its ids.
///
/// # Errors
/// 404.
pub async fn find_agent(app: &App, id: &str) -> Result<AgentResponse, Problem> {
    let (agent, now) = (AgentRef::parse(id), app.clock.now());
    let view = app.db.read(async move |tx: &mut Tx| registry::find(tx, &agent, now).await).await?;
    Ok(AgentResponse::from(view))
}

/// List your agents
///
/// Your own agents, inactive ones too, newest first.
#[utoipa::path(
    tag = "Registry",
    params(MineQuery),
    responses((status = 200, description = "Your agents; the total is in `X-Total-Count`.", body = Vec<AgentListResponse>,
        headers(("X-Total-Count" = i64, description = "How many agents you have in all.")))),
    security(("token" = [])),
)]
#[get("/registry/my-agents")]
pub async fn list_my_agents(app: Data<App>, Auth(caller): Auth, query: Query<MineQuery>) -> Result<HttpResponse, Problem> {
    let (page, now) = (paging::page(query.limit, query.offset, 1_000, 1_000)?, app.clock.now());
    let mine = app.db.read(async move |tx: &mut Tx| registry::list_mine(tx, &caller, page, now).await).await?;
    Ok(agents(mine))
}
