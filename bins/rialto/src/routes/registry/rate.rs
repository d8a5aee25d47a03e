//! Ratings.

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_kernel::Caller;
use rialto_registry::{self as registry, AgentRef};
use rialto_store::Tx;

use super::{
    dto::{RatingRequest, RatingResponse},
    query::RatingsQuery,
};
use crate::{
    compose::App,
    http::{Command, Path, Problem, Query, paging, problem::ProblemBody},
};

/// Rate an agent
///
/// Your rating takes the place of an earlier one of yours. Nobody rates their own agent.
#[utoipa::path(
    tag = "Registry",
    params(
        ("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = RatingRequest,
    responses(
        (status = 200, description = "Your rating.", body = RatingResponse),
        (status = 403, description = "The agent is your own, or your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/registry/agents/{agent_id}/rate")]
pub async fn rate_agent(app: Data<App>, path: Path<String>, command: Command<RatingRequest>) -> Result<HttpResponse, Problem> {
    let (agent, now) = (AgentRef::parse(&path), app.clock.now());
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &RatingRequest| {
            let rating = registry::rate(tx, caller, &agent, body.score, body.comment.as_deref(), now).await?;
            Ok(RatingResponse::from(rating))
        })
        .await
}

/// List an agent's ratings
///
/// The latest first.
#[utoipa::path(
    tag = "Registry",
    params(
        ("agent_id" = String, Path, description = "The agent's readable id, or its UUID.", example = "text-summarizer-456789ab"),
        RatingsQuery,
    ),
    responses(
        (status = 200, description = "The ratings of this page; the total is in `X-Total-Count`.", body = Vec<RatingResponse>,
            headers(("X-Total-Count" = i64, description = "How many ratings there are in all."))),
        (status = 404, description = "There is no such agent.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/registry/agents/{agent_id}/ratings")]
pub async fn list_agent_ratings(app: Data<App>, path: Path<String>, query: Query<RatingsQuery>) -> Result<HttpResponse, Problem> {
    let (agent, page) = (AgentRef::parse(&path), paging::page(query.limit, query.offset, 20, 100)?);
    let found = app.db.read(async move |tx: &mut Tx| registry::list_ratings(tx, &agent, page).await).await?;
    Ok(paging::list(&found.map(RatingResponse::from)))
}
