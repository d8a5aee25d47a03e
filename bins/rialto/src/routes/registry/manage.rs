//! Registering, changing and deleting agents.

use actix_web::{HttpResponse, delete, http::StatusCode, post, put, web::Data};
use rialto_kernel::Caller;
use rialto_ledger::wallet;
use rialto_registry::{self as registry, AgentRef, AgentView, NewCredential};
use rialto_store::Tx;
use serde_json::Value;

use super::{
    dto::{AgentRegistrationBody, AgentResponse, AgentUpdate, CredentialRequest},
    problem::endpoint_refused,
};
use crate::{
    compose::{App, retirement},
    http::{Auth, Command, Path, Problem, problem::ProblemBody},
};

/// Refuses an endpoint that may not be called. It looks names up, so it stands before the transaction.
pub async fn judge(app: &App, endpoint: &str) -> Result<(), Problem> {
    app.outbound.policy().check_url(endpoint).await.map(drop).map_err(|refusal| endpoint_refused(&refusal))
}

/// Refuses another endpoint of an agent that may not be called, or is not `caller`'s: strangers have no names looked up.
pub async fn judge_change(app: &App, caller: Caller, agent: &AgentRef, endpoint: &str) -> Result<(), Problem> {
    let agent = agent.clone();
    app.db.read(async move |tx: &mut Tx| registry::identity::check_owner(tx, &caller, &agent, "update").await).await?;
    judge(app, endpoint).await
}

/// Register an agent
///
/// In short, or as its full manifest, whose `agent_id` is kept if it is free. The agent is found and callable at once, and has a
/// wallet. Its endpoint has to be on the public internet; it is checked again at every call.
#[utoipa::path(
    tag = "Registry",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = AgentRegistrationBody,
    responses(
        (status = 201, description = "The agent.", body = AgentResponse),
        (status = 400, description = "Its endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The manifest's `agent_id` is taken.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/registry/agents")]
pub async fn register_agent(app: Data<App>, command: Command<Value>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let new = AgentRegistrationBody::read(&command.body)?.into_new_agent(&command.body)?;
    new.check()?;
    judge(&app, &new.endpoint).await?;
    let now = app.clock.now();
    command
        .run(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, _: &Value| {
            let agent = registry::register(tx, caller, &new, now).await?;
            wallet::open_agent_wallet(tx, agent.owner, agent.id, now).await?;
            Ok(AgentResponse::from(AgentView::from(agent)))
        })
        .await
}

/// Change an agent
///
/// What is left out, or null, stays as it is. The readable id stays in any case. One that is switched off (`is_active`) has its
/// open orders on the market cancelled, and takes no part in networks. Another name or server ends what was vouched for it.
#[utoipa::path(
    tag = "Registry",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "0198c0de-0000-7000-8000-0123456789ab")),
    request_body = AgentUpdate,
    responses(
        (status = 200, description = "The agent as it is now.", body = AgentResponse),
        (status = 400, description = "Its endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[put("/registry/agents/{agent_id}")]
pub async fn update_agent(app: Data<App>, path: Path<String>, command: Command<Value>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let changes = AgentUpdate::read(&command.body)?;
    changes.check()?;
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    if let Some(Some(endpoint)) = &changes.endpoint {
        judge_change(&app, command.caller, &agent, endpoint).await?;
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &Value| {
            let agent = retirement::update_agent(tx, caller, &agent, &changes, now).await?;
            Ok(AgentResponse::from(registry::find(tx, &agent.id.into(), now).await?))
        })
        .await
}

/// Delete an agent
///
/// It is no longer listed, found, read or called, and its open orders on the market are cancelled. Its wallet and its history stay,
/// and its readable id is never given away again.
#[utoipa::path(
    tag = "Registry",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "0198c0de-0000-7000-8000-0123456789ab")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/registry/agents/{agent_id}")]
pub async fn delete_agent(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    app.db.write(async move |tx: &mut Tx| retirement::delete_agent(tx, &caller, &agent, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Store an agent's credential
///
/// What the broker presents when it calls the agent. It is encrypted, and never shown again; an earlier one is replaced.
#[utoipa::path(
    tag = "Registry",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "0198c0de-0000-7000-8000-0123456789ab")),
    request_body = CredentialRequest,
    responses(
        (status = 204, description = "It is stored."),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/registry/agents/{agent_id}/credentials")]
pub async fn set_agent_credentials(
    app: Data<App>,
    path: Path<String>,
    command: Command<CredentialRequest>,
) -> Result<HttpResponse, Problem> {
    let (agent, now, cipher) = (AgentRef::parse(&path), app.clock.now(), app.cipher.clone());
    let (caller, new) = (command.caller, NewCredential::from(command.body));
    app.db.write(async move |tx: &mut Tx| registry::set_credential(tx, &cipher, &caller, &agent, &new, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Delete an agent's credential
///
/// Calls go without one from then on; an agent that asks for one is not called.
#[utoipa::path(
    tag = "Registry",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "0198c0de-0000-7000-8000-0123456789ab")),
    responses(
        (status = 204, description = "There is none any more."),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/registry/agents/{agent_id}/credentials")]
pub async fn delete_agent_credentials(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    app.db.write(async move |tx: &mut Tx| registry::delete_credential(tx, &caller, &agent, now).await).await?;
    Ok(HttpResponse::NoContent().finish())
}
