//! Calls for those who do not send the request themselves: they say what it is to be.

use std::cell::Cell;

use actix_web::{HttpResponse, http::StatusCode, web::Bytes};
use rialto_kernel::{Caller, IdempotencyKey};
use rialto_outbound::{HeaderMap, HeaderValue, Method, header};
use rialto_proxy_billing::proxy::{ProxyBody, ProxyRequest};
use rialto_registry::RegistryError;

use super::{
    answer,
    request::{Asked, BodyFault, Target, amount, named},
};
use crate::{
    compose::App,
    http::{Problem, command::bad_key},
};

/// A request that is to be made.
#[derive(Debug)]
pub struct Outgoing {
    /// The service's id.
    pub service: String,
    /// How it is asked.
    pub method: String,
    /// What comes behind the service's endpoint.
    pub path: String,
    /// The query, encoded.
    pub query: Option<String>,
    /// What is sent, and of which kind it is.
    pub body: Option<(String, Bytes)>,
    /// What the buyer pays at most, in USDC.
    pub max_amount: Option<String>,
    /// What a repeat is known by.
    pub idempotency_key: Option<String>,
    /// What the request is called.
    pub request_id: String,
}

/// Makes a call as `ANY /api/v1/proxy/{service_id}/{path}` does, and gives its answer. A repeat of the same request, with the same
/// key, is one and the same call over both.
///
/// # Errors
/// Those of the proxy.
pub async fn call(app: &App, caller: Caller, out: Outgoing) -> Result<HttpResponse, Problem> {
    let path = out.path.strip_prefix('/').unwrap_or(&out.path).to_owned();
    if path.contains(['?', '#']) {
        return Err(Problem::bad_request("path-refused", "the path must hold neither ? nor #: the query is given apart"));
    }
    let service = out.service.parse().map_err(|_| RegistryError::ServiceNotFound)?;
    let target = Target { service, path, query: out.query };
    let (kind, body) = out.body.unwrap_or_default();
    if body.len() > app.settings.service_body_limit_bytes {
        return Err(BodyFault::TooLarge(app.settings.service_body_limit_bytes).into());
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/*;q=0.9, */*;q=0.8"));
    if !kind.is_empty() {
        let refused = || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-content-type", "content_type cannot be one.");
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&kind).map_err(|_| refused())?);
    }
    let length = u64::try_from(body.len()).ok().filter(|length| *length > 0);
    let asked = Asked { method: &out.method, target: &target, kind: kind.as_bytes(), length, first: &body };
    let key = out.idempotency_key.as_deref().map(IdempotencyKey::parse).transpose();
    let key = key
        .map_err(|bad| bad_key("arguments.idempotency_key", bad))?
        .map(|key| asked.bound_to(&app.fingerprints, &caller, named(&key)));
    let method = Method::from_bytes(out.method.as_bytes());
    let proxied = app.proxy.call(
        caller,
        ProxyRequest {
            method: method.map_err(|_| Problem::bad_request("bad-method", "The method cannot be passed on."))?,
            amount_max: out.max_amount.map(|text| amount("max_amount", &text)).transpose()?,
            service: target.service,
            path: target.path,
            query: target.query,
            headers,
            body: ProxyBody::Whole(body),
            request_id: out.request_id,
            key,
            brought: None,
        },
    );
    answer::render(proxied.await?, out.method == "HEAD", &Cell::new(None))
}
