//! What providers are owed for calls of their services, and that it was paid.

mod admin;
mod dto;
mod problem;

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_identity::store::CommerceStore;
use rialto_kernel::{Caller, OwnerId};
use rialto_proxy_billing::settlement::{
    Provider, Settlement, SettlementError, SettlementFilter, SettlementId, SettlementState, USAGE_BATCH, find_settlement,
    list_settlements as list, settle, settle_more,
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{SettlementCreate, SettlementList, SettlementPage, SettlementResponse};
use crate::{
    compose::App,
    http::{Auth, Command, Path, Problem, Query, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create_settlement).service(list_settlements).service(read_settlement).configure(admin::configure);
}

/// No id of a settlement is no settlement's id.
fn id(path: &str) -> Result<SettlementId, SettlementError> {
    path.parse().map_err(|_| SettlementError::Unknown)
}

/// The owner with this name, or 404.
async fn provider(tx: &mut Tx, name: &str) -> Result<OwnerId, Problem> {
    tx.find_owner(name).await?.ok_or_else(|| Problem::not_found("Provider not found"))
}

/// Create a settlement
///
/// Takes the provider's delivered calls that ended from `period_start` on and before `period_end`, and that no settlement has
/// yet: periods may overlap, no call is settled twice. The fee is what was taken of each call when it was made, rounded half to
/// even to a micro-USDC. When all calls of the period are settled and there is a settlement of it, the answer is 409.
#[utoipa::path(
    tag = "Settlements",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first settlement.")),
    request_body = SettlementCreate,
    responses(
        (status = 201, description = "The settlement.", body = SettlementResponse),
        (status = 400, description = "A time is none, or the period ends before it begins.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such provider.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The period is settled.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/settlements")]
pub async fn create_settlement(app: Data<App>, command: Command<SettlementCreate>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    if !command.caller.is_admin() {
        return Err(SettlementError::NotAdmin.into());
    }
    let (from, to) = command.body.period()?;
    let name = command.body.provider()?.to_owned();
    let work = async move |tx: &mut Tx, caller: &Caller, _: &SettlementCreate| {
        let owner = provider(tx, &name).await?;
        let name = tx.find_owner_name(owner).await?.unwrap_or_else(|| owner.to_string());
        let new = dto::new_settlement(Provider { owner, name }, from, to);
        let gathered = settle(tx, caller, &new, USAGE_BATCH, now).await?;
        Ok((gathered.settlement.id, gathered.has_more))
    };
    // A repeat with the same key goes on where the first one was interrupted.
    let (id, mut has_more) = command.once(&app, work).await?;
    while has_more {
        has_more = app.db.write(async move |tx: &mut Tx| settle_more(tx, id, USAGE_BATCH, now).await).await?.has_more;
    }
    let settlement = app.db.read(async move |tx: &mut Tx| find(tx, id).await).await?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(SettlementResponse::from(settlement)))
}

async fn find(tx: &mut Tx, id: SettlementId) -> Result<Settlement, SettlementError> {
    use rialto_proxy_billing::settlement::SettlementStore;
    tx.find_settlement(id).await?.ok_or(SettlementError::Unknown)
}

/// List settlements
///
/// The latest period first: all of them for an administrator, your own for everybody else.
#[utoipa::path(
    tag = "Settlements",
    params(SettlementPage),
    responses(
        (status = 200, description = "A page of settlements.", body = SettlementList),
        (status = 400, description = "There is no such status.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "They are another provider's.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/settlements")]
pub async fn list_settlements(app: Data<App>, Auth(caller): Auth, query: Query<SettlementPage>) -> Result<HttpResponse, Problem> {
    let page = paging::capped_page(query.limit, query.offset, 50)?;
    let state = query.status.as_deref().map(|word| {
        let known = SettlementState::from_word(word);
        known.ok_or_else(|| Problem::rule("query.status", "must be pending, processing, completed or failed"))
    });
    let (state, named) = (state.transpose()?, query.0.provider_id);
    let found = app
        .db
        .read(async move |tx: &mut Tx| {
            let provider = match named.as_deref() {
                None => None,
                Some(name) => match tx.find_owner(name).await? {
                    None if !caller.is_admin() => return Err(SettlementError::NotYours.into()),
                    None => return Err(Problem::not_found("Provider not found")),
                    known => known,
                },
            };
            Ok(list(tx, &caller, &SettlementFilter { provider, state }, page).await?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(SettlementList::new(found, page)))
}

/// Read a settlement
///
/// One of your own; an administrator reads all.
#[utoipa::path(
    tag = "Settlements",
    params(("settlement_id" = SettlementId, Path, description = "The settlement's id.", example = "0198c0de-0000-7000-8000-000000000041")),
    responses(
        (status = 200, description = "The settlement.", body = SettlementResponse),
        (status = 403, description = "It is another provider's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such settlement.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/settlements/{settlement_id}")]
pub async fn read_settlement(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    let settlement = app.db.read(async move |tx: &mut Tx| find_settlement(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(SettlementResponse::from(settlement)))
}
