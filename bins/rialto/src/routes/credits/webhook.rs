//! What the payment provider tells us.

use actix_web::{HttpRequest, HttpResponse, post, web, web::Data};
use rialto_proxy_billing::payments::webhook::{EventError, Settled, SignatureError, StripeEvent, settle, verify};
use rialto_store::Tx;

use super::dto::WebhookResponse;
use crate::{
    compose::App,
    http::{Problem, body, problem::ProblemBody},
};

/// The largest event that is read, in bytes; Stripe's are a few kilobytes.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Receive a Stripe event
///
/// Called by the payment provider when a checkout was paid or has expired. No credential is needed: the `Stripe-Signature`
/// header proves where it comes from. An event may come any number of times.
#[utoipa::path(
    tag = "Credits",
    params(("Stripe-Signature" = String, Header, description = "`t=<seconds>,v1=<HMAC-SHA256 of \"t.body\">`.")),
    request_body(content = Object, description = "An event of Stripe's API.", example = json!({
        "id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1", "payment_status": "paid"}},
    })),
    responses(
        (status = 200, description = "It has arrived, whether or not it means anything to us.", body = WebhookResponse),
        (status = 400, description = "It is not signed by the provider, or is no event.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such provider here.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/credits/webhooks/stripe")]
pub async fn receive_stripe_event(app: Data<App>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let Some(secret) = app.payments.webhook_secret.clone() else {
        return Err(Problem::not_found("No Stripe account is configured here."));
    };
    let bytes = body::read(&request, &mut payload.into_inner(), EVENT_BYTES_MAX).await?;
    let header = request.headers().get("Stripe-Signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = app.clock.now();
    verify(&secret, header, &bytes, now).map_err(not_signed)?;
    if let Some(event) = StripeEvent::parse(&bytes).map_err(no_event)? {
        let session = event.session.clone();
        match app.db.write(async move |tx: &mut Tx| settle(tx, &event, now).await).await? {
            Settled::Followed(purchase) => {
                tracing::info!(purchase.id = %purchase.id, status = purchase.status.as_str(), "the payment provider has decided");
            }
            Settled::Ignored(why) => tracing::warn!(session, why, "an event of the payment provider was ignored"),
        }
    }
    Ok(HttpResponse::Ok().json(WebhookResponse { received: true }))
}

fn not_signed(error: SignatureError) -> Problem {
    Problem::bad_request("bad-signature", error.to_string())
}

fn no_event(error: EventError) -> Problem {
    Problem::bad_request("bad-event", error.to_string())
}
