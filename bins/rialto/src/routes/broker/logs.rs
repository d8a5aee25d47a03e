//! The logs of calls.

use actix_web::{HttpResponse, get, web::Data};
use rialto_proxy_billing::{list_agent_calls, list_calls};
use rialto_registry::AgentRef;
use rialto_store::Tx;

use super::{dto::InvocationLogResponse, log_query::LogQuery};
use crate::{
    compose::App,
    http::{Auth, Path, Problem, Query, paging, problem::ProblemBody},
};

/// List invocation logs
///
/// Calls that you made and calls of your agents, newest first. What others sent to your agents is shown only if they
/// shared it.
#[utoipa::path(
    tag = "Broker",
    params(LogQuery),
    responses((status = 200, description = "The calls of this page; the total is in `X-Total-Count`.", body = Vec<InvocationLogResponse>,
        headers(("X-Total-Count" = i64, description = "How many calls match in all.")))),
    security(("token" = [])),
)]
#[get("/broker/logs")]
pub async fn list_logs(app: Data<App>, Auth(caller): Auth, query: Query<LogQuery>) -> Result<HttpResponse, Problem> {
    let (page, filter) = (paging::page(query.limit, query.offset, 50, 100)?, query.filter()?);
    let calls = app.db.read(async move |tx: &mut Tx| list_calls(tx, &caller, &filter, page).await).await?;
    Ok(paging::list(&calls.map(InvocationLogResponse::from)))
}

/// List invocation logs of an agent
///
/// All calls of an agent of yours, or your own calls of somebody else's, newest first. The agent may be deleted.
#[utoipa::path(
    tag = "Broker",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "echo-agent-0d21bbd3"), LogQuery),
    responses(
        (status = 200, description = "The calls of this page; the total is in `X-Total-Count`.", body = Vec<InvocationLogResponse>,
            headers(("X-Total-Count" = i64, description = "How many calls match in all."))),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/broker/logs/agent/{agent_id}")]
pub async fn list_agent_logs(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<String>,
    query: Query<LogQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, filter, agent) = (paging::page(query.limit, query.offset, 50, 100)?, query.filter()?, AgentRef::parse(&path));
    let calls = app.db.read(async move |tx: &mut Tx| list_agent_calls(tx, &caller, &agent, &filter, page).await).await?;
    Ok(paging::list(&calls.map(InvocationLogResponse::from)))
}
