//! What became of what a webhook was sent, and sending it once more.

use actix_web::{HttpResponse, get, http::StatusCode, post, web::Data};
use rialto_delivery::{self as delivery, DeliveryId, WebhookError, WebhookId};
use rialto_kernel::Caller;
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    dto::{DeliveryDetail, DeliveryList, DeliveryPage, DeliveryResponse},
    id,
};
use crate::{
    compose::App,
    http::{Auth, Command, NoBody, Path, Problem, Query, problem::ProblemBody},
};

/// The log's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_deliveries).service(read_delivery).service(replay_delivery).service(test_webhook);
}

/// The ids of a webhook and of a delivery.
fn ids((webhook, found): &(String, String)) -> Result<(WebhookId, DeliveryId), WebhookError> {
    Ok((id(webhook)?, found.parse().map_err(|_| WebhookError::DeliveryUnknown)?))
}

/// List deliveries
///
/// What a webhook was sent, or is to be sent, the newest first. Those that have ended are kept for 30 days.
#[utoipa::path(
    tag = "Webhooks",
    params(
        ("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051"),
        DeliveryPage,
    ),
    responses(
        (status = 200, description = "A page of deliveries.", body = DeliveryList),
        (status = 400, description = "There is no such status.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/webhooks/{webhook_id}/deliveries")]
pub async fn list_deliveries(
    app: Data<App>,
    Auth(caller): Auth,
    path: Path<String>,
    query: Query<DeliveryPage>,
) -> Result<HttpResponse, Problem> {
    let (id, query) = (id(&path)?, query.query()?);
    let page = app.db.read(async move |tx: &mut Tx| delivery::list_deliveries(tx, &caller, id, &query).await).await?;
    Ok(HttpResponse::Ok().json(DeliveryList::from(page)))
}

/// Read a delivery
///
/// With what is sent, and its attempts.
#[utoipa::path(
    tag = "Webhooks",
    params(
        ("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051"),
        ("delivery_id" = DeliveryId, Path, description = "The delivery's id.", example = "0198c0de-0000-7000-8000-000000000052"),
    ),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryDetail),
        (status = 404, description = "There is no such delivery of yours.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}")]
pub async fn read_delivery(app: Data<App>, Auth(caller): Auth, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (webhook, id) = ids(&path)?;
    let find = async move |tx: &mut Tx| delivery::find_delivery(tx, &caller, webhook, id).await;
    let (found, body, attempts) = app.db.read(find).await?;
    Ok(HttpResponse::Ok().json(DeliveryDetail::new(found, body, attempts)))
}

/// Replay a delivery
///
/// One that has ended, dead or otherwise, is sent again: the same body with the same `webhook-id`, as often as a new one.
#[utoipa::path(
    tag = "Webhooks",
    params(
        ("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051"),
        ("delivery_id" = DeliveryId, Path, description = "The delivery's id.", example = "0198c0de-0000-7000-8000-000000000052"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 202, description = "It is pending again.", body = DeliveryResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such delivery of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is pending still, or the webhook is switched off.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay")]
pub async fn replay_delivery(
    app: Data<App>,
    path: Path<(String, String)>,
    command: Command<NoBody>,
) -> Result<HttpResponse, Problem> {
    let ((webhook, id), now) = (ids(&path)?, app.clock.now());
    let answer = command
        .run(&app, StatusCode::ACCEPTED, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(DeliveryResponse::from(delivery::replay(tx, caller, webhook, id, now).await?))
        })
        .await?;
    app.webhooks.rouse(webhook);
    Ok(answer)
}

/// Test a webhook
///
/// Sends `webhook.test`, whatever events the webhook is told of. What became of it is in the log.
#[utoipa::path(
    tag = "Webhooks",
    params(
        ("webhook_id" = WebhookId, Path, description = "The webhook's id.", example = "0198c0de-0000-7000-8000-000000000051"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer."),
    ),
    responses(
        (status = 202, description = "The test is on its way.", body = DeliveryResponse),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The webhook is switched off.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/webhooks/{webhook_id}/test")]
pub async fn test_webhook(app: Data<App>, path: Path<String>, command: Command<NoBody>) -> Result<HttpResponse, Problem> {
    let (id, now) = (id(&path)?, app.clock.now());
    let answer = command
        .run(&app, StatusCode::ACCEPTED, async move |tx: &mut Tx, caller: &Caller, _: &NoBody| {
            Ok(DeliveryResponse::from(delivery::send_test(tx, caller, id, now).await?))
        })
        .await?;
    app.webhooks.rouse(id);
    Ok(answer)
}
