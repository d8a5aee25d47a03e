//! Accounts, tokens and API keys.

mod api_keys;
mod dto;
mod problem;

use actix_web::{HttpRequest, HttpResponse, get, post, web::Data};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{TokenResponse, UserLogin, UserRegister, UserResponse};
use crate::{
    compose::{App, onboarding},
    http::{Auth, Json, Problem, command::not_stored, middleware::client, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(register)
        .service(login)
        .service(me)
        .service(api_keys::create_api_key)
        .service(api_keys::list_api_keys)
        .service(api_keys::delete_api_key);
}

/// Register a user
///
/// Opens an account, and its wallet with the welcome credits in it.
#[utoipa::path(
    tag = "Authentication",
    request_body = UserRegister,
    responses(
        (status = 201, description = "The new account.", body = UserResponse),
        (status = 400, description = "The address has an account.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many passwords are being hashed; `Retry-After` says when to come back.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/auth/register")]
pub async fn register(app: Data<App>, body: Json<UserRegister>) -> Result<HttpResponse, Problem> {
    let new = app.identity.prepare(body.0.into()).await?;
    let (welcome, now) = (app.settings.welcome_credits, app.clock.now());
    let user = app.db.write(async move |tx: &mut Tx| onboarding::register(tx, &new, welcome, now).await).await?;
    Ok(HttpResponse::Created().json(UserResponse::from(user)))
}

/// Log in
///
/// Gives a token that is good for seven days. After too many failures, an account or an address is not heard for a while.
#[utoipa::path(
    tag = "Authentication",
    request_body = UserLogin,
    responses(
        (status = 200, description = "The token.", body = TokenResponse),
        (status = 401, description = "There is no such account, or the password is another one.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures, or too many requests; `Retry-After` says when to come back.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many passwords are being hashed; `Retry-After` says when to come back.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/auth/login")]
pub async fn login(app: Data<App>, request: HttpRequest, body: Json<UserLogin>) -> Result<HttpResponse, Problem> {
    let session = app.identity.login(body.0.into_login(client(&app, &request))).await?;
    Ok(not_stored(HttpResponse::Ok().json(TokenResponse::from(session))))
}

/// Who am I?
///
/// The account that the credential belongs to.
#[utoipa::path(
    tag = "Authentication",
    responses(
        (status = 200, description = "Your account.", body = UserResponse),
        (status = 404, description = "The credential belongs to an owner without an account.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/auth/me")]
pub async fn me(app: Data<App>, Auth(caller): Auth) -> Result<HttpResponse, Problem> {
    let user = app.db.read(async move |tx: &mut Tx| rialto_identity::me(tx, &caller).await).await?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}
