//! Importing agents by their cards.

use actix_web::{HttpResponse, get, post, web::Data};
use futures_util::{StreamExt, stream};
use rialto_a2a::{A2aError, CheckedCard, card, card_to_refresh, refresh};
use rialto_kernel::Caller;
use rialto_registry::AgentRef;
use rialto_store::Tx;
use serde_json::value::RawValue;

use super::{
    dto::{CardPreview, ImportBatchRequest, ImportBatchResponse, ImportRequest, ImportResponse, ImportResult, signature_of},
    problem::no_card,
    query::CardQuery,
};
use crate::{
    compose::{App, a2a::import_card},
    http::{Auth, Command, NoBody, Path, Problem, Query, problem::ProblemBody},
};

/// The most cards of one batch.
const BATCH_MAX: usize = 100;
/// How many of them are fetched at once.
const BATCH_AT_ONCE: usize = 8;

/// Whoever may only read may not have cards fetched to be imported either.
fn may_import(caller: &Caller) -> Result<(), Problem> {
    if caller.may_write(caller.owner) { Ok(()) } else { Err(A2aError::ReadOnly.into()) }
}

/// Import an agent by its card
///
/// Fetches the card, at the URL or at the usual places below it, checks its signatures, and registers the agent for you: it is
/// found, called and paid like any other, and called in the version of A2A that its card names. Your agent of the same card is
/// brought up to date instead, so that a repeat does no harm: a card from the same place, or with the same endpoint and name. Others' agents are never touched.
#[utoipa::path(
    tag = "A2A",
    request_body = ImportRequest,
    responses(
        (status = 201, description = "The agent.", body = ImportResponse),
        (status = 400, description = "The URL may not be called, there is no card, or the card cannot be imported.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The card at that place has the endpoint and the name of another agent of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The server is going down.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/a2a/agents/import")]
pub async fn import_agent(app: Data<App>, command: Command<ImportRequest>) -> Result<HttpResponse, Problem> {
    may_import(&command.caller)?;
    let agent = import_one(&app, command.caller, &command.body.url).await?;
    Ok(HttpResponse::Created().json(agent))
}

async fn import_one(app: &App, caller: Caller, url: &str) -> Result<ImportResponse, Problem> {
    let card = app.a2a.checked_card(caller.owner, url).await?;
    let signature = signature_of(&card);
    let agent = import_card(app, caller, card).await?;
    Ok(ImportResponse::new(agent, signature))
}

/// Import many agents by their cards
///
/// At most 100, eight at a time. Each succeeds or fails by itself.
#[utoipa::path(
    tag = "A2A",
    request_body = ImportBatchRequest,
    responses(
        (status = 200, description = "What became of each card, in their order.", body = ImportBatchResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/a2a/agents/import/batch")]
pub async fn import_agents(app: Data<App>, command: Command<ImportBatchRequest>) -> Result<HttpResponse, Problem> {
    let (caller, urls) = (command.caller, command.body.urls);
    may_import(&caller)?;
    if urls.is_empty() || urls.len() > BATCH_MAX {
        return Err(Problem::invalid("body.urls", format!("must be 1 to {BATCH_MAX}")));
    }
    let import = async |url: String| match import_one(&app, caller, &url).await {
        Ok(agent) => ImportResult::Done { url, agent },
        Err(problem) => ImportResult::Failed { url, success: false, error: problem.body(None).detail.to_owned() },
    };
    let results = stream::iter(urls).map(import).buffered(BATCH_AT_ONCE).collect().await;
    Ok(HttpResponse::Ok().json(ImportBatchResponse { results }))
}

/// Fetch an imported agent's card again
///
/// Where it was found before. Your agent is brought up to date with it.
#[utoipa::path(
    tag = "A2A",
    params(("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "a2a-translator-456789ab")),
    responses(
        (status = 200, description = "The agent as it is now.", body = ImportResponse),
        (status = 400, description = "The agent was not imported, there is no card any more, or it cannot be imported.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The agent is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The card has the endpoint and the name of another agent of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/a2a/agents/{agent_id}/refresh")]
pub async fn refresh_agent(app: Data<App>, path: Path<String>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (caller, agent) = (command.caller, AgentRef::parse(&path));
    let wanted = agent.clone();
    let known = app.db.read(async move |tx: &mut Tx| card_to_refresh(tx, &caller, &wanted).await).await?;
    let card: CheckedCard = app.a2a.checked_card(caller.owner, &known.url).await?;
    let (signature, now) = (signature_of(&card), app.clock.now());
    let work = async move |tx: &mut Tx| refresh(tx, &caller, &agent, &card, now).await;
    let agent = app.db.write(work).await?;
    Ok(HttpResponse::Ok().json(ImportResponse::new(agent, signature)))
}

/// Look at a card
///
/// Without importing it.
#[utoipa::path(
    tag = "A2A",
    params(CardQuery),
    responses(
        (status = 200, description = "The card, as it is.", body = CardPreview),
        (status = 400, description = "The URL may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no card.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/a2a/agents/fetch-card")]
pub async fn fetch_card(app: Data<App>, Auth(caller): Auth, query: Query<CardQuery>) -> Result<HttpResponse, Problem> {
    let found = app.a2a.fetched_card(caller.owner, &query.url).await.map_err(no_card)?;
    let signature = card::verify(&app.outbound, &found.value).await;
    let text: Box<RawValue> = serde_json::from_slice(&found.bytes).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().json(CardPreview {
        success: true,
        card: text,
        url: found.url,
        signature: signature.status.as_str().to_owned(),
        signature_detail: signature.detail,
    }))
}
