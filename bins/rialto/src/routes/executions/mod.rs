//! Runs of workflows. Somebody else's answer like ones that do not exist.

mod dto;

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_coordinator::{ExecutionId, execution};
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::dto::ExecutionResponse;
use self::dto::{ExecutionQuery, ProcessQuery, ProcessResponse};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, Query, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_executions).service(read_execution).service(cancel_execution).service(list_processes);
}

/// List runs
///
/// Your runs of workflows, newest first.
#[utoipa::path(
    tag = "Workflows",
    params(ExecutionQuery),
    responses((status = 200, description = "The runs of this page; the total is in `X-Total-Count`.", body = Vec<ExecutionResponse>,
        headers(("X-Total-Count" = i64, description = "How many runs match in all.")))),
    security(("token" = [])),
)]
#[get("/executions")]
pub async fn list_executions(app: Data<App>, Auth(caller): Auth, query: Query<ExecutionQuery>) -> Result<HttpResponse, Problem> {
    let (page, filter) = (paging::page(query.limit, query.offset, 50, 200)?, query.filter()?);
    let found = app.db.read(async move |tx: &mut Tx| execution::list(tx, &caller, filter, page).await).await?;
    Ok(paging::list(&found.map(ExecutionResponse::from)))
}

/// Get a run
///
/// A run of yours, and how far it is.
#[utoipa::path(
    tag = "Workflows",
    params(("execution_id" = ExecutionId, Path, description = "The run's id.", example = "0198c0de-0000-7000-8000-000000000022")),
    responses(
        (status = 200, description = "The run.", body = ExecutionResponse),
        (status = 404, description = "There is no such run of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/executions/{execution_id}")]
pub async fn read_execution(app: Data<App>, Auth(caller): Auth, path: Path<ExecutionId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let found = app.db.read(async move |tx: &mut Tx| execution::find(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(ExecutionResponse::from(found)))
}

/// Cancel a run
///
/// Calls a run of yours off, and the runs inside it. Nothing new is started; a call that is under way ends by itself, and is paid
/// if the agent answers well. A run that has completed or failed stays so.
#[utoipa::path(
    tag = "Workflows",
    params(("execution_id" = ExecutionId, Path, description = "The run's id.", example = "0198c0de-0000-7000-8000-000000000022")),
    responses(
        (status = 200, description = "The run, cancelled.", body = ExecutionResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such run of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended in another way.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/executions/{execution_id}/cancel")]
pub async fn cancel_execution(
    app: Data<App>,
    path: Path<ExecutionId>,
    command: Command<NoBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    let cancel = async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
        Ok(ExecutionResponse::from(execution::cancel(tx, caller, id, now).await?))
    };
    command.run(&app, StatusCode::OK, cancel).await
}

/// Process table of a run
///
/// Every attempt of every step, in the order of the definition, and the steps that have had none.
#[utoipa::path(
    tag = "Workflows",
    params(("execution_id" = ExecutionId, Path, description = "The run's id.", example = "0198c0de-0000-7000-8000-000000000022"), ProcessQuery),
    responses(
        (status = 200, description = "The lines of this page; the total is in `X-Total-Count`.", body = Vec<ProcessResponse>,
            headers(("X-Total-Count" = i64, description = "How many lines there are in all."))),
        (status = 404, description = "There is no such run of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/executions/{execution_id}/ps")]
pub async fn list_processes(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<ExecutionId>,
    query: Query<ProcessQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, page) = (*path, paging::page(query.limit, query.offset, 200, 500)?);
    let found = app.db.read(async move |tx: &mut Tx| execution::processes(tx, &caller, id, page).await).await?;
    Ok(paging::list(&found.map(|line| ProcessResponse::new(id, line))))
}
