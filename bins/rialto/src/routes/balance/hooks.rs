//! What those who bring deposits tell us.

use actix_web::{HttpRequest, HttpResponse, post, web, web::Data};
use rialto_proxy_billing::payments::{
    Heard, HookError,
    nowpayments::{self, NOWPAYMENTS},
    paypal::{self, PAYPAL, PayPalHeaders},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    compose::App,
    http::{Problem, body, problem::ProblemBody},
};

/// The largest event that is read, in bytes; theirs are a few kilobytes.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// This part's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(receive_paypal_event).service(receive_nowpayments_event);
}

/// That an event has arrived.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"received": true}))]
pub struct DepositEventResponse {
    /// Always true.
    pub received: bool,
}

fn header(request: &HttpRequest, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn answer(rail: &str, heard: Result<Heard, HookError>) -> Result<HttpResponse, Problem> {
    match heard? {
        Heard::Followed(deposit) => {
            tracing::info!(rail, deposit.id = %deposit.id, status = deposit.status.as_str(), "a deposit was told of");
        }
        Heard::Ignored(why) => tracing::warn!(rail, why, "an event of a payment provider was ignored"),
    }
    Ok(HttpResponse::Ok().json(DepositEventResponse { received: true }))
}

/// Receive a PayPal event
///
/// Called by PayPal when an order was approved, and when the payment for it came, or went back. No credential is needed: PayPal is
/// asked whether it has signed the event, and what it knows of the order. An event may come any number of times.
#[utoipa::path(
    tag = "Balance",
    params(
        ("PayPal-Transmission-Id" = String, Header, description = "Which transmission it is."),
        ("PayPal-Transmission-Time" = String, Header, description = "When it was sent."),
        ("PayPal-Transmission-Sig" = String, Header, description = "The signature."),
        ("PayPal-Cert-Url" = String, Header, description = "Where its certificate is."),
        ("PayPal-Auth-Algo" = String, Header, description = "How it is signed."),
    ),
    request_body(content = Object, description = "An event of PayPal's API.", example = json!({
        "id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": "5O190127TN364715T", "status": "APPROVED"},
    })),
    responses(
        (status = 200, description = "It has arrived, whether or not it means anything to us.", body = DepositEventResponse),
        (status = 400, description = "It is no event.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It is not signed by PayPal.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such rail here.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "PayPal cannot be asked: send it again.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many events are being verified: send it again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/api/v1/deposits/webhooks/paypal")]
pub async fn receive_paypal_event(app: Data<App>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let paypal = app.payments.paypal.as_ref().filter(|paypal| paypal.hears());
    let paypal = paypal.ok_or_else(|| Problem::not_found("PayPal is not heard here."))?;
    let bytes = body::read(&request, &mut payload.into_inner(), EVENT_BYTES_MAX).await?;
    let headers = PayPalHeaders {
        transmission_id: header(&request, "PayPal-Transmission-Id"),
        transmission_time: header(&request, "PayPal-Transmission-Time"),
        transmission_sig: header(&request, "PayPal-Transmission-Sig"),
        cert_url: header(&request, "PayPal-Cert-Url"),
        auth_algo: header(&request, "PayPal-Auth-Algo"),
    };
    answer(PAYPAL, paypal::hear(&app.db, paypal, &headers, &bytes, &app.clock).await)
}

/// Receive a NOWPayments callback
///
/// Called by NOWPayments when a payment goes on. No credential is needed: the `x-nowpayments-sig` header proves where it comes
/// from. A callback may come any number of times.
#[utoipa::path(
    tag = "Balance",
    params(("x-nowpayments-sig" = String, Header, description = "HMAC-SHA512 of the body with its keys sorted, in hex.")),
    request_body(content = Object, description = "A payment of NOWPayments' API.", example = json!({
        "payment_id": 5_077_125_051_i64, "payment_status": "finished", "invoice_id": 4_522_625_843_i64,
        "order_id": "0198c0de-0000-7000-8000-000000000041", "price_amount": 10, "price_currency": "usd",
    })),
    responses(
        (status = 200, description = "It has arrived, whether or not it means anything to us.", body = DepositEventResponse),
        (status = 400, description = "It is no callback.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It is not signed by NOWPayments.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such rail here.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[post("/api/v1/deposits/webhooks/nowpayments")]
pub async fn receive_nowpayments_event(
    app: Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let Some(rail) = &app.payments.nowpayments else {
        return Err(Problem::not_found("NOWPayments is not heard here."));
    };
    let bytes = body::read(&request, &mut payload.into_inner(), EVENT_BYTES_MAX).await?;
    let signature = header(&request, "x-nowpayments-sig");
    answer(NOWPAYMENTS, nowpayments::hear(&app.db, rail, &signature, &bytes, &app.clock).await)
}
