//! Webhooks: owners are told of what happens to them.

mod deliveries;
mod dto;
mod problem;

use actix_web::{HttpResponse, delete, get, http::StatusCode, patch, post, put, web::Data};
use rialto_delivery::{self as delivery, NewWebhook, WebhookChanges, WebhookError, WebhookId, check};
use rialto_identity::Secret;
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use self::dto::{SecretRotate, SecretRotated, WebhookCreate, WebhookDeleted, WebhookList, WebhookResponse, WebhookUpdate};
use crate::{
    compose::App,
    http::{Auth, Command, Json, Path, Problem, command::not_stored, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create_webhook)
        .service(list_webhooks)
        .service(read_webhook)
        .service(update_webhook)
        .service(put_webhook)
        .service(delete_webhook)
        .service(rotate_webhook_secret)
        .configure(deliveries::configure);
}

/// No id of a webhook is no webhook's id.
fn id(path: &str) -> Result<WebhookId, WebhookError> {
    path.parse().map_err(|_| WebhookError::Unknown)
}

/// Create a webhook
///
/// From now on its owner is told of these events, where it is a party to them: of a call, both the buyer and the provider are. What is
/// sent is signed: `X-ACF-Signature` is the HMAC-SHA256 of the body under the secret, in hexadecimal; `webhook-signature` is that of
/// Standard Webhooks. The URL is checked now and whenever it is called. 20 webhooks an owner.
#[utoipa::path(
    tag = "Webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first webhook.")),
    request_body = WebhookCreate,
    responses(
        (status = 201, description = "The webhook.", body = WebhookResponse),
        (status = 400, description = "The URL may not be called, there is no such event, the secret is blank, or the owner has 20.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/webhooks")]
pub async fn create_webhook(app: Data<App>, command: Command<WebhookCreate>) -> Result<HttpResponse, Problem> {
    if let Some(answer) = command.earlier_answer(&app).await? {
        return Ok(answer);
    }
    let caller = command.caller;
    app.db.read(async move |tx: &mut Tx| delivery::may_create(tx, &caller).await).await?;
    check::url(app.webhooks.policy(), &command.body.url).await?;
    let (cipher, now) = (app.webhooks.cipher().clone(), app.clock.now());
    let answer = command
        .run(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, body: &WebhookCreate| {
            let made = delivery::create_webhook(tx, &cipher, caller, &NewWebhook::from(body), now).await?;
            Ok(WebhookResponse::from(made))
        })
        .await?;
    app.webhooks.wake();
    Ok(not_stored(answer))
}

/// List your webhooks
///
/// The newest first.
#[utoipa::path(
    tag = "Webhooks",
    responses((status = 200, description = "Your webhooks.", body = WebhookList)),
    security(("token" = [])),
)]
#[get("/api/v1/webhooks")]
pub async fn list_webhooks(app: Data<App>, Auth(caller): Auth) -> Result<HttpResponse, Problem> {
    let found = app.db.read(async move |tx: &mut Tx| delivery::list_webhooks(tx, &caller).await).await?;
    let webhooks: Vec<_> = found.into_iter().map(WebhookResponse::from).collect();
    Ok(HttpResponse::Ok().json(WebhookList { count: webhooks.len(), webhooks }))
}

/// Read a webhook
///
/// One of your own.
#[utoipa::path(
    tag = "Webhooks",
    params(("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051")),
    responses(
        (status = 200, description = "The webhook.", body = WebhookResponse),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/webhooks/{webhook_id}")]
pub async fn read_webhook(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    let found = app.db.read(async move |tx: &mut Tx| delivery::find_webhook(tx, &caller, id).await).await?;
    Ok(HttpResponse::Ok().json(WebhookResponse::from(found)))
}

/// Change a webhook
///
/// What is left out, or null, stays as it is. A new URL is checked like that of a new webhook, and takes what is pending, too. One
/// that is switched off gets nothing more; switched on again, it is told of what happens from then on.
#[utoipa::path(
    tag = "Webhooks",
    params(("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051")),
    request_body = WebhookUpdate,
    responses(
        (status = 200, description = "The webhook as it is now.", body = WebhookResponse),
        (status = 400, description = "The URL may not be called, or there is no such event.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/webhooks/{webhook_id}")]
pub async fn update_webhook(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<String>,
    Json(body): Json<WebhookUpdate>,
) -> Result<HttpResponse, Problem> {
    change(&app, caller, id(&path)?, body).await
}

/// Change a webhook by `PUT`
///
/// The same as `PATCH`: what is left out, or null, stays as it is.
#[utoipa::path(
    tag = "Webhooks",
    params(("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051")),
    request_body = WebhookUpdate,
    responses(
        (status = 200, description = "The webhook as it is now.", body = WebhookResponse),
        (status = 400, description = "The URL may not be called, or there is no such event.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[put("/api/v1/webhooks/{webhook_id}")]
pub async fn put_webhook(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<String>,
    Json(body): Json<WebhookUpdate>,
) -> Result<HttpResponse, Problem> {
    change(&app, caller, id(&path)?, body).await
}

/// What `PATCH` and `PUT` do.
async fn change(app: &App, caller: Caller, id: WebhookId, body: WebhookUpdate) -> Result<HttpResponse, Problem> {
    if body.secret.is_some() {
        return Err(Problem::rule("body.secret", "is replaced by POST /api/v1/webhooks/{webhook_id}/rotate-secret"));
    }
    if let Some(url) = &body.url {
        app.db.read(async move |tx: &mut Tx| delivery::may_change(tx, &caller, id).await).await?;
        check::url(app.webhooks.policy(), url).await?;
    }
    let (changes, now) = (WebhookChanges::from(body), app.clock.now());
    let change = async move |tx: &mut Tx| delivery::update_webhook(tx, &caller, id, &changes, now).await;
    let changed = app.db.write(change).await?;
    app.webhooks.rouse(id);
    Ok(HttpResponse::Ok().json(WebhookResponse::from(changed)))
}

/// Delete a webhook
///
/// It gets nothing more, and what is pending for it is cancelled.
#[utoipa::path(
    tag = "Webhooks",
    params(("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051")),
    responses(
        (status = 200, description = "It is gone.", body = WebhookDeleted),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/webhooks/{webhook_id}")]
pub async fn delete_webhook(app: Data<App>, Auth(caller): Auth, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (id, now) = (id(&path)?, app.clock.now());
    app.db.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &caller, id, now).await).await?;
    app.webhooks.rouse(id);
    Ok(HttpResponse::Ok().json(WebhookDeleted { status: "deleted", webhook_id: id }))
}

/// Replace a webhook's secret
///
/// By the given one, or, without a body, by a new one, which is shown once. For a day `webhook-signature` has a signature of the secret before, too;
/// `X-ACF-Signature` is the new one's at once.
#[utoipa::path(
    tag = "Webhooks",
    params(
        ("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    request_body = Option<SecretRotate>,
    responses(
        (status = 200, description = "The new secret is in force.", body = SecretRotated),
        (status = 400, description = "The secret is blank or too long.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/webhooks/{webhook_id}/rotate-secret")]
pub async fn rotate_webhook_secret(
    app: Data<App>,
    path: Path<String>,
    command: Command<Option<SecretRotate>>,
) -> Result<HttpResponse, Problem> {
    let (id, cipher, now) = (id(&path)?, app.webhooks.cipher().clone(), app.clock.now());
    let answer = command
        .run_sealed(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, body: &Option<SecretRotate>| {
            let given = body.as_ref().and_then(|body| body.secret.as_ref()).map(Secret::expose);
            let rotated = delivery::rotate_secret(tx, &cipher, caller, id, given, now).await?;
            Ok(SecretRotated::from(rotated))
        })
        .await?;
    app.webhooks.rouse(id);
    Ok(answer)
}
