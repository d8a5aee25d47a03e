//! Tasks: a goal is given, agents are found for it and called in order until one succeeds.

mod dto;
mod problem;

use std::time::Duration;

use actix_web::{
    HttpResponse, get,
    http::{StatusCode, header},
    post,
    web::Data,
};
use rialto_coordinator::{ExecutionId, task};
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{TaskAccepted, TaskCreate, TaskMode, TaskQuery, TaskResponse};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, Query, paging, problem::ProblemBody},
};

/// How long a request waits for its task. Clients commonly give up after half a minute, and would learn nothing.
const PATIENCE: Duration = Duration::from_secs(25);

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create_task).service(list_tasks).service(read_task).service(cancel_task);
}

/// Give a task
///
/// Finds agents for a goal and calls the nearest five in order until one succeeds; each call is paid like any other, so only an
/// agent that answers well is. The answer comes when the task has ended, or after 25 seconds with the status `running`; with
/// `async=true` at once. A repeat with the same `Idempotency-Key` gives the same task, as it is then.
#[utoipa::path(
    tag = "Tasks",
    params(
        TaskMode,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first task, without another one."),
    ),
    request_body = TaskCreate,
    responses(
        (status = 201, description = "The task, and what has come of it: see `status`.", body = TaskResponse),
        (status = 202, description = "With `async=true`: the task was taken.", body = TaskAccepted,
            headers(("Location" = String, description = "Where the task is."))),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The first request with this Idempotency-Key is still running.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/tasks")]
pub async fn create_task(app: Data<App>, mode: Query<TaskMode>, command: Command<TaskCreate>) -> Result<HttpResponse, Problem> {
    let (new, now, caller) = (command.body.to_task(app.settings.task_default_max_credits)?, app.clock.now(), command.caller);
    let create = async move |tx: &mut Tx, caller: &Caller, _: &TaskCreate| {
        let task = task::create(tx, caller, &new, now).await?;
        Ok(TaskAccepted { task_id: task.run.id })
    };
    let accepted: TaskAccepted = command.once(&app, create).await?;
    let location = (header::LOCATION, format!("/tasks/{}", accepted.task_id));
    if mode.is_async {
        return Ok(HttpResponse::Accepted().insert_header(location).json(accepted));
    }
    app.coordinator.wait(accepted.task_id, PATIENCE).await?;
    let task = read(&app, caller, accepted.task_id).await?;
    Ok(HttpResponse::Created().insert_header(location).json(task))
}

/// Get a task
///
/// A task of yours, its calls, and what has come of it.
#[utoipa::path(
    tag = "Tasks",
    params(("task_id" = ExecutionId, Path, description = "The task's id.", example = "0198c0de-0000-7000-8000-000000000020")),
    responses(
        (status = 200, description = "The task.", body = TaskResponse),
        (status = 404, description = "There is no such task of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/tasks/{task_id}")]
pub async fn read_task(app: Data<App>, Auth(caller): Auth, path: Path<ExecutionId>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(read(&app, caller, *path).await?))
}

async fn read(app: &App, caller: Caller, id: ExecutionId) -> Result<TaskResponse, Problem> {
    let found = app.db.read(async move |tx: &mut Tx| task::find(tx, &caller, id).await).await?;
    Ok(TaskResponse::from(found))
}

/// List tasks
///
/// Your tasks, newest first, without their calls and results.
#[utoipa::path(
    tag = "Tasks",
    params(TaskQuery),
    responses((status = 200, description = "The tasks of this page; the total is in `X-Total-Count`.", body = Vec<TaskResponse>,
        headers(("X-Total-Count" = i64, description = "How many tasks match in all.")))),
    security(("token" = [])),
)]
#[get("/tasks")]
pub async fn list_tasks(app: Data<App>, Auth(caller): Auth, query: Query<TaskQuery>) -> Result<HttpResponse, Problem> {
    let (page, status) = (paging::page(query.limit, query.offset, 20, 100)?, query.status()?);
    let found = app.db.read(async move |tx: &mut Tx| task::list(tx, &caller, status, page).await).await?;
    Ok(paging::list(&found.map(|task| TaskResponse::from((task, Vec::new())))))
}

/// Cancel a task
///
/// Calls a task of yours off. A call that is under way ends by itself, and is paid if the agent answers well.
#[utoipa::path(
    tag = "Tasks",
    params(("task_id" = ExecutionId, Path, description = "The task's id.", example = "0198c0de-0000-7000-8000-000000000020")),
    responses(
        (status = 200, description = "The task, cancelled.", body = TaskResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such task of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It has ended already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/tasks/{task_id}/cancel")]
pub async fn cancel_task(app: Data<App>, path: Path<ExecutionId>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    let cancel = async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
        task::cancel(tx, caller, id, now).await?;
        Ok(TaskResponse::from(task::find(tx, caller, id).await?))
    };
    command.run(&app, StatusCode::OK, cancel).await
}
