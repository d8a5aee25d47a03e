//! What is offered, and how it is traded.

use actix_web::{HttpResponse, get, put, web::Data};
use rialto_market as market;
use rialto_registry as registry;
use rialto_store::Tx;

use super::{
    dto::{CapabilityRequest, CapabilityResponse, PricedAgentResponse},
    problem::in_path,
    query::PricedQuery,
};
use crate::{
    compose::App,
    http::{Admin, Json, Path, Problem, Query, paging, problem::ProblemBody},
};

/// List agents with a price
///
/// Active agents that charge for calls, the newest first.
#[utoipa::path(
    tag = "Market",
    params(PricedQuery),
    responses((status = 200, description = "The agents of this page; the total is in `X-Total-Count`.", body = Vec<PricedAgentResponse>,
        headers(("X-Total-Count" = i64, description = "How many agents have a price in all.")))),
)]
#[get("/market/capabilities")]
pub async fn list_priced_agents(app: Data<App>, query: Query<PricedQuery>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 100, 200)?;
    let found = app.db.read(async move |tx: &mut Tx| registry::list_priced(tx, page).await).await?;
    Ok(paging::list(&found.map(PricedAgentResponse::from)))
}

/// Read how a capability is traded
///
/// One that nobody has traded yet is traded as the server's settings say.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation")),
    responses((status = 200, description = "How it is traded.", body = CapabilityResponse)),
)]
#[get("/market/capabilities/{capability}")]
pub async fn read_market_capability(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let found = app.db.read(async move |tx: &mut Tx| market::capability(tx, &path).await).await.map_err(in_path)?;
    Ok(HttpResponse::Ok().json(CapabilityResponse::of(&found, app.settings.market_fee)))
}

/// Say how a capability is traded
///
/// Whether orders trade as they arrive, and what the house takes; what is left out stays as it is. What waits in one that becomes continuous is matched at once.
/// For administrators.
#[utoipa::path(
    tag = "Market",
    params(("capability" = String, Path, description = "What is traded.", example = "translation")),
    request_body = CapabilityRequest,
    responses(
        (status = 200, description = "How it is traded from now on.", body = CapabilityResponse),
        (status = 403, description = "You are no administrator.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[put("/market/capabilities/{capability}")]
pub async fn set_market_capability(
    app: Data<App>,
    Admin(caller): Admin,
    path: Path<String>,
    body: Json<CapabilityRequest>,
) -> Result<HttpResponse, Problem> {
    let changed = app.exchange.configure(&caller, &path, body.change()?).await.map_err(in_path)?;
    Ok(HttpResponse::Ok().json(CapabilityResponse::of(&changed, app.settings.market_fee)))
}
