//! Starting and stopping.

use actix_web::{HttpResponse, http::StatusCode, post, web::Data};
use rialto_kernel::Caller;
use rialto_simulation as simulation;
use rialto_store::Tx;
use uuid::Uuid;

use super::{config::ScenarioConfig, dto::ScenarioStatus};
use crate::{
    compose::App,
    http::{Command, Problem, command::NoBody, problem::ProblemBody},
};

/// Start a simulation
///
/// One runs at a time, whatever the number of servers. Its agents, wallets and orders are its own and end with it: none of them is in the
/// registry, among the wallets or on the market. Everybody sees it on the live stream. Viewers may not start one.
#[utoipa::path(
    tag = "Scenarios",
    request_body = ScenarioConfig,
    responses(
        (status = 200, description = "It runs.", body = ScenarioStatus),
        (status = 400, description = "There is no such scenario.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A viewer may not start one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A simulation is running already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/scenarios/start")]
pub async fn start_scenario(app: Data<App>, command: Command<ScenarioConfig>) -> Result<HttpResponse, Problem> {
    let (now, process) = (app.clock.now(), app.simulator.process());
    let config = command.body.config(chance())?;
    let answer = command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &ScenarioConfig| {
            let run = simulation::start(tx, caller, config, process, now).await?;
            Ok(ScenarioStatus::from(run))
        })
        .await?;
    app.simulator.wake();
    Ok(answer)
}

/// A seed that a JSON number of any client holds exactly.
fn chance() -> i64 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    i64::try_from(low & 0xffff_ffff).unwrap_or(0)
}

/// Stop the simulation
///
/// Whichever server runs it. For who started it and administrators; in the sandbox for everybody but viewers.
#[utoipa::path(
    tag = "Scenarios",
    responses(
        (status = 200, description = "It is stopped.", body = ScenarioStatus),
        (status = 400, description = "No simulation is running.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Somebody else started it.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/scenarios/stop")]
pub async fn stop_scenario(app: Data<App>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (now, sandbox) = (app.clock.now(), app.settings.sandbox);
    let answer = command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            let run = simulation::stop(tx, caller, sandbox, now).await?;
            Ok(ScenarioStatus::from(run))
        })
        .await?;
    app.simulator.wake();
    Ok(answer)
}
