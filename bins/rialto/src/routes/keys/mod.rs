//! Keys of owners that may be nothing but a name.

mod dto;

use actix_web::{HttpRequest, HttpResponse, delete, get, http::StatusCode, post, web::Data};
use rialto_identity::{Credential, IdentityError, KeyName, create_commerce_key, list_api_keys, owner_name};
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{KeyCreate, KeyCreated, KeyEntry, KeyList, KeyPage, KeyRevoked, KeyValid, KeyValidate};
use crate::{
    compose::App,
    http::{
        Auth, Json, Open, Path, Problem, Query, Seller, caller::count_guess, command::not_stored, paging, problem::ProblemBody,
    },
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create_key)
        .service(validate_key)
        .service(list_keys)
        .service(revoke_key)
        .service(list_provider_keys)
        .service(revoke_provider_key);
}

/// Create a key
///
/// The first key of an `owner_id` claims it and takes no credential. From then on a key of that owner is made with one of its
/// credentials, or by an administrator; so is a provider's key, always. An admin key takes an administrator. The secret is
/// shown once.
///
/// A repeat with the same `Idempotency-Key` and the same credential is answered with the first answer.
#[utoipa::path(
    tag = "Keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer; heard with a credential only.")),
    request_body = KeyCreate,
    responses(
        (status = 201, description = "The key, in full.", body = KeyCreated),
        (status = 400, description = "There is no such role, or a field is out of its bounds.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A provider's or an administrator's key takes a credential.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The credential is another owner's, or may not do this.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The `owner_id` is taken.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/api/v1/keys")]
pub async fn create_key(app: Data<App>, open: Open<KeyCreate>) -> Result<HttpResponse, Problem> {
    let now = app.clock.now();
    open.run_sealed(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: Option<&Caller>, body: &KeyCreate| {
        let issued = create_commerce_key(tx, caller, &body.try_into()?, now).await.map_err(refused)?;
        Ok(KeyCreated::from(issued))
    })
    .await
}

/// The reference answers a field that is out of its bounds with 400.
fn refused(error: IdentityError) -> Problem {
    match error {
        IdentityError::Invalid { field, reason } => Problem::rule(format!("body.{field}"), reason),
        IdentityError::Unauthenticated => Problem::unauthenticated("Provider and admin keys take a credential"),
        other => other.into(),
    }
}

/// Validate a key
///
/// Whose it is and what it is good for. Too many wrong ones from one address are answered with 429.
#[utoipa::path(
    tag = "Keys",
    request_body = KeyValidate,
    responses(
        (status = 200, description = "It is good.", body = KeyValid),
        (status = 401, description = "It is not, or not any more.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/api/v1/keys/validate")]
pub async fn validate_key(app: Data<App>, request: HttpRequest, body: Json<KeyValidate>) -> Result<HttpResponse, Problem> {
    let known = match Credential::pair(&body.key_id, body.secret.expose()) {
        Some(credential) => app.identity.authenticate(&credential).await,
        None => Err(IdentityError::Unauthenticated),
    };
    let caller = match known {
        Err(IdentityError::Unauthenticated) => {
            count_guess(&app, &request)?;
            return Err(Problem::unauthenticated("Invalid API key"));
        }
        known => known?,
    };
    let name = app.db.read(async move |tx: &mut Tx| owner_name(tx, caller.owner).await).await?;
    Ok(not_stored(HttpResponse::Ok().json(KeyValid::new(&caller, name))))
}

/// List your keys
///
/// All keys of your owner, whichever API made them, newest first. Secrets are never shown again.
#[utoipa::path(
    tag = "Keys",
    params(KeyPage),
    responses((status = 200, description = "The keys of this page.", body = KeyList)),
    security(("token" = [])),
)]
#[get("/api/v1/keys")]
pub async fn list_keys(app: Data<App>, Auth(caller): Auth, query: Query<KeyPage>) -> Result<HttpResponse, Problem> {
    list(&app, caller, &query).await
}

/// Revoke a key
///
/// It is refused from then on, also if it is the one that this request came with.
#[utoipa::path(
    tag = "Keys",
    params(("key_id" = String, Path, description = "The key's name.", example = "acf_a1b2c3d4e5f60718")),
    responses(
        (status = 200, description = "It is refused from now on.", body = KeyRevoked),
        (status = 403, description = "It is somebody else's.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/keys/{key_id}")]
pub async fn revoke_key(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    revoke(&app, caller, &path).await
}

/// List your keys, as a provider
///
/// The same as `GET /api/v1/keys`.
#[utoipa::path(
    tag = "Keys",
    params(KeyPage),
    responses(
        (status = 200, description = "The keys of this page.", body = KeyList),
        (status = 403, description = "It takes a provider's key.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/provider/keys")]
pub async fn list_provider_keys(app: Data<App>, Seller(caller): Seller, query: Query<KeyPage>) -> Result<HttpResponse, Problem> {
    list(&app, caller, &query).await
}

/// Revoke a key, as a provider
///
/// The same as `DELETE /api/v1/keys/{key_id}`.
#[utoipa::path(
    tag = "Keys",
    params(("key_id" = String, Path, description = "The key's name.", example = "acf_a1b2c3d4e5f60718")),
    responses(
        (status = 200, description = "It is refused from now on.", body = KeyRevoked),
        (status = 403, description = "It is somebody else's, or it takes a provider's key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/provider/keys/{key_id}")]
pub async fn revoke_provider_key(app: Data<App>, Seller(caller): Seller, path: Path<String>) -> Result<HttpResponse, Problem> {
    revoke(&app, caller, &path).await
}

async fn list(app: &App, caller: Caller, query: &KeyPage) -> Result<HttpResponse, Problem> {
    let page = paging::page(query.limit, query.offset, 100, 200)?;
    let keys = app.db.read(async move |tx: &mut Tx| list_api_keys(tx, &caller, page).await).await?;
    Ok(HttpResponse::Ok().json(KeyList { total: keys.total, keys: keys.items.into_iter().map(KeyEntry::from).collect() }))
}

async fn revoke(app: &App, caller: Caller, name: &str) -> Result<HttpResponse, Problem> {
    let name: KeyName = name.parse().map_err(|_| IdentityError::ApiKeyNotFound)?;
    let key = app.identity.delete_key(&caller, name).await?;
    Ok(HttpResponse::Ok().json(KeyRevoked { status: "revoked", key_id: key.public_name().to_string() }))
}
