//! Workflows: steps that call agents, in order or side by side. Somebody else's answer like ones that do not exist.

mod dto;

use actix_web::{HttpResponse, delete, get, http::StatusCode, post, put, web::Data};
use rialto_coordinator::{WorkflowId, execution, workflow};
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{RunRequest, WorkflowCreate, WorkflowQuery, WorkflowResponse};
use super::executions::ExecutionResponse;
use crate::{
    compose::App,
    http::{Auth, Command, Path, Problem, Query, command::apart, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create_workflow)
        .service(list_workflows)
        .service(read_workflow)
        .service(update_workflow)
        .service(archive_workflow)
        .service(run_workflow);
}

/// Create a workflow
///
/// Everything that is wrong with the definition is told at once. If you have a workflow with this name, it gets a new version;
/// runs that have begun keep theirs. The same definition again changes nothing.
#[utoipa::path(
    tag = "Workflows",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = WorkflowCreate,
    responses(
        (status = 201, description = "The workflow.", body = WorkflowResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/workflows")]
pub async fn create_workflow(app: Data<App>, command: Command<WorkflowCreate>) -> Result<HttpResponse, Problem> {
    let (body, now) = (command.body.clone(), app.clock.now());
    let checked = apart(move || body.check()).await??;
    let create = async move |tx: &mut Tx, caller: &Caller, _: &WorkflowCreate| {
        Ok(WorkflowResponse::from(workflow::create(tx, caller, &checked, now).await?))
    };
    command.run(&app, StatusCode::CREATED, create).await
}

/// List workflows
///
/// Your workflows, newest first, without those that are archived.
#[utoipa::path(
    tag = "Workflows",
    params(WorkflowQuery),
    responses((status = 200, description = "The workflows of this page; the total is in `X-Total-Count`.", body = Vec<WorkflowResponse>,
        headers(("X-Total-Count" = i64, description = "How many workflows match in all.")))),
    security(("token" = [])),
)]
#[get("/workflows")]
pub async fn list_workflows(app: Data<App>, Auth(caller): Auth, query: Query<WorkflowQuery>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, 200)?;
    let name = query.0.name;
    let found = app.db.read(async move |tx: &mut Tx| workflow::list(tx, &caller, name.as_deref(), page).await).await?;
    Ok(paging::list(&found.map(WorkflowResponse::from)))
}

/// Get a workflow
///
/// A workflow of yours, archived or not, with the definition of its newest version.
#[utoipa::path(
    tag = "Workflows",
    params(("workflow_id" = WorkflowId, Path, description = "The workflow's id.", example = "0198c0de-0000-7000-8000-000000000021")),
    responses(
        (status = 200, description = "The workflow.", body = WorkflowResponse),
        (status = 404, description = "There is no such workflow of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/workflows/{workflow_id}")]
pub async fn read_workflow(app: Data<App>, Auth(caller): Auth, path: Path<WorkflowId>) -> Result<HttpResponse, Problem> {
    let id = *path;
    let found = app.db.read(async move |tx: &mut Tx| workflow::find(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(WorkflowResponse::from(found)))
}

/// Change a workflow
///
/// Gives a workflow of yours a new version, and perhaps a new name. Runs that have begun keep the version that they began with.
#[utoipa::path(
    tag = "Workflows",
    params(("workflow_id" = WorkflowId, Path, description = "The workflow's id.", example = "0198c0de-0000-7000-8000-000000000021")),
    request_body = WorkflowCreate,
    responses(
        (status = 200, description = "The workflow, after it.", body = WorkflowResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such workflow of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is archived, or another workflow of yours has the name.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[put("/workflows/{workflow_id}")]
pub async fn update_workflow(
    app: Data<App>,
    path: Path<WorkflowId>,
    command: Command<WorkflowCreate>,
) -> Result<HttpResponse, Problem> {
    let (id, body, now) = (*path, command.body.clone(), app.clock.now());
    let checked = apart(move || body.check()).await??;
    let update = async move |tx: &mut Tx, caller: &Caller, _: &WorkflowCreate| {
        Ok(WorkflowResponse::from(workflow::update(tx, caller, id, &checked, now).await?))
    };
    command.run(&app, StatusCode::OK, update).await
}

/// Archive a workflow
///
/// Puts a workflow of yours away: it is not listed and not run any more, and its name is free. Its runs go on, and can be read.
#[utoipa::path(
    tag = "Workflows",
    params(("workflow_id" = WorkflowId, Path, description = "The workflow's id.", example = "0198c0de-0000-7000-8000-000000000021")),
    responses(
        (status = 204, description = "It is archived."),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such workflow of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/workflows/{workflow_id}")]
pub async fn archive_workflow(app: Data<App>, Auth(caller): Auth, path: Path<WorkflowId>) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    app.db.write(async move |tx: &mut Tx| workflow::archive(tx, &caller, id, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Run a workflow
///
/// Starts a run of the newest version. It goes on by itself, whatever happens to the server; see `GET /executions/{execution_id}`
/// and its process table. If as many runs are under way as the definition allows, it waits for its turn as `pending`.
#[utoipa::path(
    tag = "Workflows",
    params(
        ("workflow_id" = WorkflowId, Path, description = "The workflow's id.", example = "0198c0de-0000-7000-8000-000000000021"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first run, without another one."),
    ),
    request_body = RunRequest,
    responses(
        (status = 201, description = "The run.", body = ExecutionResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such workflow of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is archived; or the first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/workflows/{workflow_id}/run")]
pub async fn run_workflow(
    app: Data<App>,
    path: Path<WorkflowId>,
    command: Command<Option<RunRequest>>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    let run = async move |tx: &mut Tx, caller: &Caller, body: &Option<RunRequest>| {
        let trigger = body.as_ref().map(|body| body.trigger_data.clone()).unwrap_or_default();
        Ok(ExecutionResponse::from(execution::run(tx, caller, id, &trigger, now).await?))
    };
    command.run(&app, StatusCode::CREATED, run).await
}
