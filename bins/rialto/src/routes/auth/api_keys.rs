//! API keys.

use actix_web::{HttpResponse, delete, get, http::StatusCode, post, web::Data};
use rialto_identity::{ApiKeyId, IdentityError, KeyName};
use rialto_kernel::Caller;
use rialto_store::Tx;

use super::dto::{ApiKeyCreate, ApiKeyListResponse, ApiKeyPage, ApiKeyResponse};
use crate::{
    compose::App,
    http::{Auth, Command, Path, Problem, Query, paging, problem::ProblemBody},
};

/// Create an API key
///
/// Makes a key that acts for you, and shows it for the only time. Send it as `X-API-Key: <key>`, or as
/// `Authorization: Bearer <id>:<key>`. A key made with another key expires no later than that one.
#[utoipa::path(
    tag = "Authentication",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = ApiKeyCreate,
    responses(
        (status = 201, description = "The key, in full.", body = ApiKeyResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/auth/api-keys")]
pub async fn create_api_key(app: Data<App>, command: Command<ApiKeyCreate>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    command
        .run_sealed(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, body: &ApiKeyCreate| {
            let issued = rialto_identity::create_api_key(tx, caller, &body.into(), now).await?;
            Ok(ApiKeyResponse::from(issued))
        })
        .await
}

/// List API keys
///
/// Your own keys, newest first, expired ones included. The keys themselves are never shown again.
#[utoipa::path(
    tag = "Authentication",
    params(ApiKeyPage),
    responses((status = 200, description = "The keys of this page; the total is in `X-Total-Count`.", body = Vec<ApiKeyListResponse>,
        headers(("X-Total-Count" = i64, description = "How many keys there are in all.")))),
    security(("token" = [])),
)]
#[get("/auth/api-keys")]
pub async fn list_api_keys(app: Data<App>, Auth(caller): Auth, query: Query<ApiKeyPage>) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 100, 200)?;
    let keys = app.db.read(async move |tx: &mut Tx| rialto_identity::list_api_keys(tx, &caller, page).await).await?;
    Ok(paging::list(&keys.map(ApiKeyListResponse::from)))
}

/// Delete an API key
///
/// The key is refused from then on.
#[utoipa::path(
    tag = "Authentication",
    params(("key_id" = ApiKeyId, Path, description = "The key's id.", example = "0198c0de-0000-7000-8000-000000000002")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/auth/api-keys/{key_id}")]
pub async fn delete_api_key(app: Data<App>, Auth(caller): Auth, path: Path<ApiKeyId>) -> Result<HttpResponse, Problem> {
    match app.identity.delete_key(&caller, KeyName::Id(*path)).await {
        // Here whose a key is is not told.
        Err(IdentityError::NotYourKey) => Err(IdentityError::ApiKeyNotFound.into()),
        deleted => deleted.map(|_| HttpResponse::NoContent().finish()).map_err(Problem::from),
    }
}
