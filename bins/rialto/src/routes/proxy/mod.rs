//! Calling a service, and paying for it.

mod answer;
mod circuits;
mod outgoing;
mod payments;
mod problem;
mod request;

use actix_web::{
    HttpRequest, HttpResponse, route,
    web::{self, Data},
};
use rialto_proxy_billing::proxy::ProxyRequest;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::outgoing::{Outgoing, call};
use self::request::{Target, receive};
use crate::{
    compose::App,
    http::{Auth, Problem, middleware::RequestId, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(call_service).service(call_service_at).service(circuits::list_circuits).configure(payments::configure);
}

/// Call a service
///
/// Passes the request on to the service's endpoint: method, query and body as they are, the headers without credentials and
/// cookies. The answer is the provider's, with its cost beside it. You are charged when it is delivered whole, with a status below
/// 500; otherwise the call costs nothing, and the usage record says why. A repeat with the same `Idempotency-Key` (or
/// `X-Request-ID`, when there is none) has the first answer, and is not charged again. HEAD is passed on too.
#[utoipa::path(
    method(get, post, put, patch, delete),
    path = "/api/v1/proxy/{service_id}",
    tag = "Proxy",
    params(
        ("service_id" = String, Path, description = "The service.", example = "0198c0de-0000-7000-8000-000000000031"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second call."),
        ("X-Request-ID" = Option<String>, Header, description = "What the request is called. It is the key when there is no `Idempotency-Key`."),
        ("PAYMENT-SIGNATURE" = Option<String>, Header, description = "A payment by x402 version 2, base64 JSON: pays for this call instead of the balance, where the server takes such payments and the service's payment method is x402. `X-PAYMENT` is one of version 1."),
        ("X-ACF-Max-Amount" = Option<String>, Header, description = "What you pay at most, in USDC: \"0.05\". Prices change; a call that costs more is refused (402, `price-above-max`)."),
    ),
    responses(
        (status = 200, description = "The provider's answer, whatever its status.", body = String, content_type = "application/octet-stream", headers(
            ("X-ACF-Usage-Id" = String, description = "The usage record."),
            ("X-ACF-Amount" = String, description = "What is charged, in USDC: \"0.05\"."),
            ("X-ACF-Free-Tier" = String, description = "\"true\" for a call of the free tier."),
            ("X-ACF-Latency-Ms" = String, description = "How long the provider took, in milliseconds."),
            ("PAYMENT-RESPONSE" = String, description = "The receipt of a payment by x402, base64 JSON (`X-PAYMENT-RESPONSE` for one of version 1)"),
        )),
        (status = 400, description = "The path leads out of the service's endpoint, or the body broke off.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "Your balance does not cover the price: `required` and `available` say by how much, `how_to_fund` what to do, and `PAYMENT-REQUIRED` how to pay with the call itself, if that is possible. Or the payment that came with the call was refused, or not settled.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Your role may only read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The service is paused; or the first request with this key is still running; or its answer was not kept; or this payment was used before, is being used, or nobody can say what became of it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The service was removed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The provider cannot be reached, or broke off. You are not charged.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The provider failed too often lately, or too many calls are running; or the payment could not be checked, and nothing was called. You are not charged. `payment-pending`: it is not known yet whether the payment has come, so repeat the request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "The provider did not answer in time. You are not charged.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[route(
    "/api/v1/proxy/{service_id}",
    method = "GET",
    method = "HEAD",
    method = "POST",
    method = "PUT",
    method = "PATCH",
    method = "DELETE"
)]
pub async fn call_service(
    app: Data<App>,
    request: HttpRequest,
    auth: Auth,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    forward(app, request, auth, payload).await
}

/// Call a service at a path
///
/// The same, with more path behind the endpoint. It goes out byte for byte, and may not lead out of it.
#[utoipa::path(
    method(get, post, put, patch, delete),
    path = "/api/v1/proxy/{service_id}/{path}",
    tag = "Proxy",
    params(
        ("service_id" = String, Path, description = "The service.", example = "0198c0de-0000-7000-8000-000000000031"),
        ("path" = String, Path, description = "What comes behind the service's endpoint; it may have slashes.", example = "analyze"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer, without a second call."),
        ("X-Request-ID" = Option<String>, Header, description = "What the request is called. It is the key when there is no `Idempotency-Key`."),
        ("PAYMENT-SIGNATURE" = Option<String>, Header, description = "A payment by x402 version 2, base64 JSON: pays for this call instead of the balance, where the server takes such payments and the service's payment method is x402. `X-PAYMENT` is one of version 1."),
        ("X-ACF-Max-Amount" = Option<String>, Header, description = "What you pay at most, in USDC: \"0.05\". Prices change; a call that costs more is refused (402, `price-above-max`)."),
    ),
    responses(
        (status = 200, description = "The provider's answer, whatever its status.", body = String, content_type = "application/octet-stream"),
        (status = 400, description = "The path leads out of the service's endpoint, or the body broke off.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "Your balance does not cover the price.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "As for the call without a path.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The provider cannot be reached, or broke off. You are not charged.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The provider failed too often lately, or too many calls are running. You are not charged.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "The provider did not answer in time. You are not charged.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[route(
    "/api/v1/proxy/{service_id}/{path:.*}",
    method = "GET",
    method = "HEAD",
    method = "POST",
    method = "PUT",
    method = "PATCH",
    method = "DELETE"
)]
pub async fn call_service_at(
    app: Data<App>,
    request: HttpRequest,
    auth: Auth,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    forward(app, request, auth, payload).await
}

async fn forward(
    app: Data<App>,
    request: HttpRequest,
    Auth(caller): Auth,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    use actix_web::HttpMessage;

    let target = Target::of(&request)?;
    let received = receive(&request, payload, app.settings.service_body_limit_bytes).await?;
    let fingerprints = &app.fingerprints;
    let key = request::key(fingerprints, &request, &caller, &target, &received)?;
    let brought = request::payment(fingerprints, &request, &caller, &target, &received);
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let is_head = request.method() == actix_web::http::Method::HEAD;
    let asked = ProxyRequest {
        service: target.service,
        method: request::method(&request)?,
        path: target.path,
        query: target.query,
        headers: request::headers(&request),
        body: received.body,
        request_id,
        key,
        amount_max: request::amount_max(&request)?,
        brought,
    };
    let proxied = app.proxy.call(caller, asked).await?;
    answer::render(proxied, is_head, &received.fault)
}
