//! The cards that we publish.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::{StatusCode, header},
    web::Data,
};
use rialto_a2a::{
    A2aError,
    card::{Platform, agent_card, legacy_agent_card, legacy_platform_card, platform_card},
    store::CardStore,
    wire::rpc::Method,
};
use rialto_registry::{self as registry, Agent, AgentFilter, AgentRef, store::AgentStore};
use rialto_store::Tx;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{dto::CardList, query::CardsQuery};
use crate::{
    compose::App,
    http::{Path, Problem, Query, paging, problem::ProblemBody},
};

/// How long a card may be kept without asking again, in seconds.
const CARD_AGE_MAX_S: u32 = 60;

/// Where clients reach us: what the settings say, or else what the client says that it asked for.
pub fn base(app: &App, request: &HttpRequest) -> String {
    let (listen, given) = (format!("http://{}", app.settings.listen), app.settings.public_url.trim_end_matches('/'));
    if given != listen {
        return given.to_owned();
    }
    let is_host =
        |host: &&str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).filter(is_host);
    host.map_or(listen, |host| format!("http://{host}"))
}

/// A card, or 304 for whoever has it.
fn answer(request: &HttpRequest, card: &Value) -> HttpResponse {
    let body = card.to_string();
    let digest = hex::encode(Sha256::digest(&body));
    let etag = format!("\"{}\"", digest.get(..32).unwrap_or(&digest));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_it = known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*");
    let mut response = HttpResponse::build(if has_it { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={CARD_AGE_MAX_S}")));
    if has_it { response.finish() } else { response.insert_header((header::CONTENT_TYPE, "application/json")).body(body) }
}

/// An agent that is there for everybody.
pub async fn active(app: &App, agent_id: &str) -> Result<Agent, A2aError> {
    addressed(app, agent_id, Method::SendMessage).await
}

/// The agent at an address, for what is asked there: one that was switched off is not called any more, and does not show its card,
/// but the tasks that it had are still its clients'.
pub async fn addressed(app: &App, agent_id: &str, method: Method) -> Result<Agent, A2aError> {
    let is_new = matches!(method, Method::SendMessage | Method::SendStreamingMessage | Method::GetExtendedAgentCard);
    let unknown = || A2aError::AgentNotFound(agent_id.chars().filter(|char| !char.is_control()).take(300).collect());
    if agent_id.contains('\0') || agent_id.contains("%00") {
        return Err(unknown());
    }
    let agent = AgentRef::parse(agent_id);
    let found = app.db.read(async move |tx: &mut Tx| tx.find_agent(&agent).await).await?;
    found.filter(|agent| (agent.is_active && agent.has_endpoint()) || !is_new).ok_or_else(unknown)
}

const fn platform(base: &str) -> Platform<'_> {
    Platform { base, version: env!("CARGO_PKG_VERSION") }
}

/// The platform's card
///
/// As of A2A 1.0, with an `ETag`.
#[utoipa::path(
    tag = "A2A",
    responses((status = 200, description = "The card.", body = Value, example = json!({"name": "Rialto", "version": "0.1.0"}))),
)]
#[get("/.well-known/agent-card.json")]
pub async fn platform_agent_card(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&request, &platform_card(platform(&base(&app, &request))))
}

/// The platform's card, as it was
///
/// As the first reference has it, which is a card of A2A 0.3 as well.
#[utoipa::path(
    tag = "A2A",
    responses((status = 200, description = "The card.", body = Value, example = json!({"name": "Rialto", "version": "0.1.0"}))),
)]
#[get("/.well-known/agent.json")]
pub async fn legacy_platform_agent_card(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&request, &legacy_platform_card(platform(&base(&app, &request))))
}

/// The platform's card, by its other path
///
/// The same as `GET /.well-known/agent.json`.
#[utoipa::path(
    tag = "A2A",
    responses((status = 200, description = "The card.", body = Value, example = json!({"name": "Rialto", "version": "0.1.0"}))),
)]
#[get("/a2a/agent-card")]
pub async fn read_platform_card(app: Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&request, &legacy_platform_card(platform(&base(&app, &request))))
}

/// An agent's card
///
/// As the first reference has it, which is a card of A2A 0.3, and names the interfaces of 1.0 as well. Its `url` is where the agent
/// is called through the broker.
#[utoipa::path(
    tag = "A2A",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab")),
    responses(
        (status = 200, description = "The card.", body = Value, example = json!({"name": "Text Summarizer", "version": "1.0.0"})),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/a2a/agents/{agent_id}/agent-card")]
pub async fn read_agent_card(app: Data<App>, request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    let agent = active(&app, &path).await?;
    Ok(answer(&request, &legacy_agent_card(&agent, &base(&app, &request))))
}

/// An agent's card, below its address
///
/// As of A2A 1.0, where a client looks for it that knows the agent's address.
#[utoipa::path(
    tag = "A2A",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab")),
    responses(
        (status = 200, description = "The card.", body = Value, example = json!({"name": "Text Summarizer", "version": "1.0.0"})),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/a2a/agents/{agent_id}/.well-known/agent-card.json")]
pub async fn well_known_agent_card(app: Data<App>, request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    let agent = active(&app, &path).await?;
    Ok(answer(&request, &agent_card(&agent, &base(&app, &request))))
}

/// The card that an agent was imported by
///
/// Byte for byte as its publisher serves it, so that its signatures can be checked by anybody.
#[utoipa::path(
    tag = "A2A",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "a2a-translator-456789ab")),
    responses(
        (status = 200, description = "The card.", body = Value,
            headers(("X-A2A-Card-Signature" = String, description = "`unsigned`, `verified` or `invalid`, when it was fetched."),
                ("X-A2A-Card-URL" = String, description = "Where it was fetched.")),
            example = json!({"name": "Translator", "url": "https://agents.example.com/a2a"})),
        (status = 404, description = "There is no such agent, or it was not imported.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/a2a/agents/{agent_id}/imported-card")]
pub async fn read_imported_card(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let agent = active(&app, &path).await?.id;
    let card = app.db.read::<_, A2aError, _>(async move |tx: &mut Tx| Ok(tx.find_card(agent).await?)).await?;
    let card = card.ok_or_else(|| Problem::not_found("The agent was not imported by a card"))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header(("X-A2A-Card-Signature", card.signature.status.as_str()))
        .insert_header(("X-A2A-Card-URL", card.url))
        .body(card.bytes))
}

/// List the cards of agents
///
/// Of all active agents that can be called, the newest first.
#[utoipa::path(
    tag = "A2A",
    params(CardsQuery),
    responses((status = 200, description = "The cards of this page.", body = CardList)),
)]
#[get("/a2a/agents")]
pub async fn list_agent_cards(app: Data<App>, request: HttpRequest, query: Query<CardsQuery>) -> Result<HttpResponse, Problem> {
    let (page, now) = (paging::page(query.limit, query.offset, 100, 100)?, app.clock.now());
    let filter = AgentFilter { callable: true, ..AgentFilter::default() };
    let found = app.db.read(async move |tx: &mut Tx| registry::list(tx, &filter, page, now).await).await?;
    let base = base(&app, &request);
    let agents = found.items.iter().map(|view| legacy_agent_card(&view.agent, &base)).collect();
    Ok(HttpResponse::Ok().json(CardList { agents, total: found.total, limit: page.limit(), offset: page.offset() }))
}
