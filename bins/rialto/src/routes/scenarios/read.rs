//! Looking. Everybody may.

use actix_web::{HttpResponse, get, web::Data};
use rialto_simulation::{RunId, Scenario, find, latest, read};
use rialto_store::Tx;

use super::{
    dto::{ScenarioBook, ScenarioCandle, ScenarioListItem, ScenarioStatus, ScenarioTick, ScenarioTrade},
    query::{CandlesQuery, RunsQuery, TicksQuery, TradesQuery, capability},
};
use crate::{
    compose::App,
    http::{Path, Problem, Query, paging, problem::ProblemBody},
};

/// List the scenarios
///
/// Those that can be started, each with the figures it is meant for.
#[utoipa::path(
    tag = "Scenarios",
    responses((status = 200, description = "All of them.", body = Vec<ScenarioListItem>)),
)]
#[get("/scenarios")]
pub async fn list_scenarios() -> HttpResponse {
    HttpResponse::Ok().json(Scenario::ALL.map(ScenarioListItem::from))
}

/// Read how the simulation stands
///
/// The one that runs, or else the last one.
#[utoipa::path(
    tag = "Scenarios",
    responses((status = 200, description = "How it stands.", body = ScenarioStatus)),
)]
#[get("/scenarios/status")]
pub async fn read_scenario_status(app: Data<App>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    let run = app.db.read(async move |tx: &mut Tx| latest(tx, now).await).await?;
    Ok(HttpResponse::Ok().json(run.map_or_else(ScenarioStatus::idle, ScenarioStatus::from)))
}

/// List the runs
///
/// The newest first. The last 50 are kept.
#[utoipa::path(
    tag = "Scenarios",
    params(RunsQuery),
    responses((status = 200, description = "The runs of this page.", body = Vec<ScenarioStatus>)),
)]
#[get("/scenarios/runs")]
pub async fn list_scenario_runs(app: Data<App>, query: Query<RunsQuery>) -> Result<HttpResponse, Problem> {
    let (page, now) = (paging::page(query.limit, query.offset, 20, read::RUNS_MAX)?, app.clock.now());
    let runs = app.db.read(async move |tx: &mut Tx| read::runs(tx, page, now).await).await?;
    Ok(paging::list(&runs.map(ScenarioStatus::from)))
}

/// Read a run
#[utoipa::path(
    tag = "Scenarios",
    params(("run_id" = String, Path, description = "The run's id.", example = "0198c0de-0000-7000-8000-000000000001")),
    responses(
        (status = 200, description = "How it stands.", body = ScenarioStatus),
        (status = 404, description = "There is no such run.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/scenarios/runs/{run_id}")]
pub async fn read_scenario_run(app: Data<App>, path: Path<RunId>) -> Result<HttpResponse, Problem> {
    let (id, now) = (*path, app.clock.now());
    let run = app.db.read(async move |tx: &mut Tx| find(tx, id, now).await).await?;
    Ok(HttpResponse::Ok().json(ScenarioStatus::from(run)))
}

/// List the figures of a run's ticks
///
/// Prices, spread, volume and welfare of each book at the end of each tick, the oldest first: what a chart is drawn of. Ask
/// with `after` for what is new.
#[utoipa::path(
    tag = "Scenarios",
    params(
        ("run_id" = String, Path, description = "The run's id.", example = "0198c0de-0000-7000-8000-000000000001"),
        TicksQuery,
    ),
    responses(
        (status = 200, description = "The figures.", body = Vec<ScenarioTick>),
        (status = 404, description = "There is no such run.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/scenarios/runs/{run_id}/ticks")]
pub async fn list_scenario_ticks(app: Data<App>, path: Path<RunId>, query: Query<TicksQuery>) -> Result<HttpResponse, Problem> {
    let (id, filter) = (*path, query.filter()?);
    let ticks = app.db.read(async move |tx: &mut Tx| read::ticks(tx, id, &filter).await).await?;
    Ok(HttpResponse::Ok().json(ticks.into_iter().map(ScenarioTick::from).collect::<Vec<_>>()))
}

/// Read a book of the simulation
///
/// The best 50 prices of each side, as the last tick of the latest run left them; empty when it has no book of that name.
#[utoipa::path(
    tag = "Scenarios",
    params(("capability" = String, Path, description = "One of the `books` of the status.", example = "translation")),
    responses((status = 200, description = "The book.", body = ScenarioBook)),
)]
#[get("/scenarios/book/{capability}")]
pub async fn read_scenario_book(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let name = capability("path.capability", &path)?;
    let book = app.db.read(async move |tx: &mut Tx| read::book(tx, &name).await).await?;
    Ok(HttpResponse::Ok().json(ScenarioBook::from(book)))
}

/// List the trades of the simulation
///
/// Of the latest run, the newest first. The last 1,000 of each run are kept.
#[utoipa::path(
    tag = "Scenarios",
    params(TradesQuery),
    responses(
        (status = 200, description = "The trades of this page.", body = Vec<ScenarioTrade>),
        (status = 404, description = "There is no such run.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/scenarios/trades")]
pub async fn list_scenario_trades(app: Data<App>, query: Query<TradesQuery>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 50, read::TRADES_MAX)?;
    let name = query.capability.as_deref().map(|name| capability("query.capability", name)).transpose()?;
    let run = query.run_id;
    let trades = app.db.read(async move |tx: &mut Tx| read::trades(tx, run, name.as_deref(), page).await).await?;
    Ok(HttpResponse::Ok().json(trades.into_iter().map(ScenarioTrade::from).collect::<Vec<_>>()))
}

/// List the candles of a book of the simulation
///
/// Of the latest run, the oldest first. Ticks without trades have none.
#[utoipa::path(
    tag = "Scenarios",
    params(
        ("capability" = String, Path, description = "One of the `books` of the status.", example = "translation"),
        CandlesQuery,
    ),
    responses((status = 200, description = "The candles.", body = Vec<ScenarioCandle>)),
)]
#[get("/scenarios/candles/{capability}")]
pub async fn list_scenario_candles(
    app: Data<App>,
    path: Path<String>,
    query: Query<CandlesQuery>,
) -> Result<HttpResponse, Problem> {
    let (name, (ticks, count)) = (capability("path.capability", &path)?, query.bounds()?);
    let candles = app.db.read(async move |tx: &mut Tx| read::candles(tx, &name, ticks, count).await).await?;
    Ok(HttpResponse::Ok().json(candles.into_iter().map(ScenarioCandle::from).collect::<Vec<_>>()))
}
