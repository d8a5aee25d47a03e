//! Agents as somebody: registered, found, changed. Who vouches for them is in [`verify`].

mod dto;
mod proofs;
mod query;
mod verify;

use std::sync::Arc;

use actix_web::{HttpResponse, delete, get, http::StatusCode, patch, post, web::Data};
use rialto_identity::owner_name;
use rialto_kernel::{AgentId, Caller, Page, Timestamp};
use rialto_ledger::wallet;
use rialto_registry::{
    self as registry, AgentRef, RegistryError,
    identity::{self, AgentStatus, Profile},
    proof::Trust,
};
use rialto_reputation::overall_scores;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::{
    dto::{AgentDeactivated, IdentitiesFound, IdentityCreate, IdentityList, IdentityResponse, IdentityUpdate, status},
    query::{IdentityPage, IdentitySearch},
};
use super::{
    registry::{judge, judge_change},
    reputation::points,
};
use crate::{
    compose::{App, retirement},
    http::{Auth, Command, MaybeAuth, Path, Problem, Query, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(register_identity)
        .service(list_identities)
        // Before the agent of that name.
        .service(search_identities)
        .service(read_identity)
        .service(update_identity)
        .service(deactivate_identity)
        .configure(verify::configure);
}

/// The reference answers a field that breaks a rule with 400.
fn refused(place: &'static str) -> impl Fn(RegistryError) -> Problem {
    move |error| match error {
        RegistryError::Invalid { field, message } => Problem::rule(format!("{place}.{field}"), message),
        other => other.into(),
    }
}

/// How agents are looked at: when, and with whose word counting.
pub struct Sight {
    /// When.
    pub now: Timestamp,
    /// Whose word counts.
    pub trust: Arc<Trust>,
}

impl Sight {
    /// Now, by the settings.
    pub fn new(app: &App) -> Self {
        Self { now: app.clock.now(), trust: Arc::clone(app.verifier.trust()) }
    }
}

/// These agents as everybody is shown them, with one look at the scores of all their owners.
async fn shown(tx: &mut Tx, profiles: Vec<Profile>, sight: &Sight) -> Result<Vec<IdentityResponse>, Problem> {
    let owners: Vec<_> = profiles.iter().map(|profile| profile.agent.owner).collect();
    let scores = overall_scores(tx, &owners).await?;
    let score = |profile: &Profile| points(scores.get(&profile.agent.owner).copied().unwrap_or(0));
    Ok(profiles
        .into_iter()
        .map(|profile| {
            let score = score(&profile);
            IdentityResponse::new(profile, score, sight)
        })
        .collect())
}

/// One agent as `caller` is shown it: its owner sees more.
async fn shown_to(tx: &mut Tx, caller: Option<&Caller>, profile: Profile, sight: &Sight) -> Result<IdentityResponse, Problem> {
    let (id, owner) = (profile.agent.id, profile.agent.owner);
    let mut answer = shown(tx, vec![profile], sight).await?.pop().ok_or(RegistryError::NotFound)?;
    if caller.is_some_and(|caller| caller.may_read(owner)) {
        answer.owner_id = Some(owner_name(tx, owner).await?);
        answer.metadata = Some(identity::metadata(tx, id).await?.unwrap_or_else(|| serde_json::json!({})));
    }
    Ok(answer)
}

async fn show(tx: &mut Tx, caller: Option<&Caller>, agent: AgentId, sight: &Sight) -> Result<IdentityResponse, Problem> {
    let profile = identity::profile(tx, &agent.into()).await?;
    shown_to(tx, caller, profile, sight).await
}

/// Register an agent's identity
///
/// It is the same agent as `POST /registry/agents` makes, with the same ids and a wallet. Without an endpoint it may act and be verified,
/// and is not called by anybody.
#[utoipa::path(
    tag = "Agents",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = IdentityCreate,
    responses(
        (status = 201, description = "The agent.", body = IdentityResponse),
        (status = 400, description = "A field is not what it must be, or the endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/agents")]
pub async fn register_identity(app: Data<App>, command: Command<IdentityCreate>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let (new, sight) = (command.body.read()?, Sight::new(&app));
    let now = sight.now;
    new.check().map_err(refused("body"))?;
    if !new.endpoint.is_empty() {
        judge(&app, &new.endpoint).await?;
    }
    command
        .run(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, _: &IdentityCreate| {
            let agent = registry::register(tx, caller, &new, now).await.map_err(refused("body"))?;
            wallet::open_agent_wallet(tx, agent.owner, agent.id, now).await?;
            show(tx, Some(caller), agent.id, &sight).await
        })
        .await
}

/// List agents by status
///
/// The newest first, however they were registered.
#[utoipa::path(
    tag = "Agents",
    params(IdentityPage),
    responses(
        (status = 200, description = "A page of agents.", body = IdentityList),
        (status = 400, description = "There is no such status.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/agents")]
pub async fn list_identities(app: Data<App>, query: Query<IdentityPage>) -> Result<HttpResponse, Problem> {
    let page = paging::capped_page(query.limit, query.offset, 50)?;
    let status = query.status.as_deref().map_or(Ok(AgentStatus::Active), |word| status("query.status", word))?;
    let sight = Sight::new(&app);
    let found = app
        .db
        .read(async move |tx: &mut Tx| {
            let Page { items, total } = identity::list_profiles(tx, status, page).await?;
            Ok::<_, Problem>(Page { items: shown(tx, items, &sight).await?, total })
        })
        .await?;
    Ok(HttpResponse::Ok().json(IdentityList::new(found, page)))
}

/// Search agents by name or id
///
/// Active ones with this text in their name or readable id, whatever its case, or with this id; those first whose owners do best.
/// No text finds nothing.
#[utoipa::path(
    tag = "Agents",
    params(IdentitySearch),
    responses(
        (status = 200, description = "What was found.", body = IdentitiesFound),
        (status = 400, description = "The text is too long.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/agents/search")]
pub async fn search_identities(app: Data<App>, query: Query<IdentitySearch>) -> Result<HttpResponse, Problem> {
    let limit = paging::capped_limit(query.limit, 20)?;
    let (text, sight) = (query.0.q.unwrap_or_default(), Sight::new(&app));
    let agents = app
        .db
        .read(async move |tx: &mut Tx| {
            let found = identity::search_profiles(tx, &text, limit).await.map_err(refused("query"))?;
            shown(tx, found, &sight).await
        })
        .await?;
    Ok(HttpResponse::Ok().json(IdentitiesFound { count: agents.len(), agents }))
}

/// Read an agent's identity
///
/// By either of its ids, whatever its status. Its owner sees its metadata too.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    responses(
        (status = 200, description = "The agent.", body = IdentityResponse),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/agents/{agent_id}")]
pub async fn read_identity(app: Data<App>, MaybeAuth(caller): MaybeAuth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, sight) = (AgentRef::parse(&path), Sight::new(&app));
    let read = async move |tx: &mut Tx| {
        let profile = identity::profile(tx, &agent).await?;
        shown_to(tx, caller.as_ref(), profile, &sight).await
    };
    Ok(HttpResponse::Ok().json(app.db.read(read).await?))
}

/// Change an agent's identity
///
/// What is left out, or null, stays as it is; an empty `endpoint` or `wallet_address` takes it away. One that is suspended or
/// deactivated is not found, called or traded with anywhere, neither speaks nor is spoken to in networks, and its open orders are
/// cancelled; what an administrator did so, its owner cannot undo. A change of what somebody vouched for ends that: another wallet
/// whatever it was, another name what was said of it, another endpoint what an administrator said.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    request_body = IdentityUpdate,
    responses(
        (status = 200, description = "The agent as it is now.", body = IdentityResponse),
        (status = 400, description = "A field is not what it must be, or the endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's, or an administrator has suspended it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/agents/{agent_id}")]
pub async fn update_identity(
    app: Data<App>,
    path: Path<String>,
    command: Command<IdentityUpdate>,
) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let changes = command.body.read()?;
    changes.check().map_err(refused("body"))?;
    let (agent, sight) = (AgentRef::parse(&path), Sight::new(&app));
    if let Some(Some(endpoint)) = &changes.endpoint {
        judge_change(&app, command.caller, &agent, endpoint).await?;
    }
    let now = sight.now;
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &IdentityUpdate| {
            let agent = retirement::update_agent(tx, caller, &agent, &changes, now).await?;
            show(tx, Some(caller), agent.id, &sight).await
        })
        .await
}

/// Deactivate an agent
///
/// It can still be read, its wallet and its history stay, and its owner may make it active again. Doing it again changes nothing.
#[utoipa::path(
    tag = "Agents",
    params(("agent_id" = String, Path, description = "The agent's UUID, or its readable id.", example = "my-ai-agent-456789ab")),
    responses(
        (status = 200, description = "It is deactivated.", body = AgentDeactivated),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/agents/{agent_id}")]
pub async fn deactivate_identity(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    let agent = app.db.write(async move |tx: &mut Tx| retirement::deactivate_agent(tx, &caller, &agent, now).await).await?;
    Ok(HttpResponse::Ok().json(AgentDeactivated { status: AgentStatus::Deactivated.as_str(), agent_id: agent.id }))
}
