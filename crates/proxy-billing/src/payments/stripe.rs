//! Checkout sessions at Stripe, or at anything that speaks like it.

use std::time::Duration;

use rialto_ledger::purchase::{Checkout, Draft, GatewayError, GatewayFuture, PaymentGateway};
use rialto_outbound::{
    CallLimits, HeaderValue, Method, OutboundClient, OutboundError, OutboundRequest, StatusCode, WholeResponse, header,
};
use serde::Deserialize;
use url::form_urlencoded;

/// The provider's name of [`StripeGateway`].
pub const STRIPE: &str = "stripe";
/// The version of the API that this was written against, so that an account's default cannot change the answers.
const API_VERSION: &str = "2024-06-20";
/// How long opening a checkout may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most of an answer that is read, in bytes. A session is a few kilobytes.
const RESPONSE_BYTES_MAX: u64 = 256 * 1024;

/// How to reach the account.
#[derive(Clone)]
pub struct StripeConfig {
    /// The account's secret key.
    pub secret_key: String,
    /// Where the API is, without a slash at the end: `https://api.stripe.com`.
    pub api_base: String,
    /// Where this server is, as buyers see it; they come back there after paying.
    pub public_url: String,
}

impl std::fmt::Debug for StripeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StripeConfig").field("api_base", &self.api_base).finish_non_exhaustive()
    }
}

/// Opens checkout sessions. The buyer pays there, on the provider's own page; no card number ever comes here.
#[derive(Clone)]
pub struct StripeGateway {
    client: OutboundClient,
    config: StripeConfig,
}

impl StripeGateway {
    /// A gateway to this account.
    #[must_use]
    pub const fn new(client: OutboundClient, config: StripeConfig) -> Self {
        Self { client, config }
    }

    async fn create(&self, draft: &Draft) -> Result<Checkout, GatewayError> {
        let response = self.client.fetch(self.request(draft)?).await.map_err(|error| {
            tracing::warn!(%error, detail = error.detail(), "the payment provider did not answer");
            GatewayError::Unavailable(error.to_string())
        })?;
        let session = read_session(&response)?;
        Ok(Checkout { provider: STRIPE, provider_reference: session.id, checkout_url: session.url })
    }

    fn request(&self, draft: &Draft) -> Result<OutboundRequest, GatewayError> {
        let refused = |error: OutboundError| GatewayError::Refused(error.detail().to_owned());
        let limits = CallLimits { first_byte: TIMEOUT, idle: TIMEOUT, total: TIMEOUT, response_bytes_max: RESPONSE_BYTES_MAX };
        let url = format!("{}/v1/checkout/sessions", self.config.api_base.trim_end_matches('/'));
        OutboundRequest::new(Method::POST, url)
            .text_header("Authorization", &format!("Bearer {}", self.config.secret_key))
            .and_then(|request| request.text_header("Idempotency-Key", &draft.id().to_string()))
            .and_then(|request| request.text_header("Stripe-Version", API_VERSION))
            .map(|request| {
                request
                    .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
                    .body(self.form(draft))
                    .limits(limits)
            })
            .map_err(refused)
    }

    /// The session that is wanted. It names the purchase twice, because each of the two survives where the other may not.
    fn form(&self, draft: &Draft) -> String {
        let package = draft.package();
        let (id, home) = (draft.id().to_string(), self.config.public_url.trim_end_matches('/'));
        form_urlencoded::Serializer::new(String::new())
            .append_pair("mode", "payment")
            .append_pair("client_reference_id", &id)
            .append_pair("metadata[purchase_id]", &id)
            .append_pair("line_items[0][quantity]", "1")
            .append_pair("line_items[0][price_data][currency]", "usd")
            .append_pair("line_items[0][price_data][unit_amount]", &package.price_cents.to_string())
            .append_pair("line_items[0][price_data][product_data][name]", &format!("{} credits", package.credits))
            .append_pair("success_url", &format!("{home}/?purchase={id}&checkout=paid"))
            .append_pair("cancel_url", &format!("{home}/?purchase={id}&checkout=cancelled"))
            .finish()
    }
}

impl PaymentGateway for StripeGateway {
    fn create_checkout<'a>(&'a self, draft: &'a Draft) -> GatewayFuture<'a> {
        Box::pin(self.create(draft))
    }
}

#[derive(Deserialize)]
struct Session {
    id: String,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    message: Option<String>,
}

/// The longest session id, in bytes; Stripe's are about 66.
const SESSION_ID_BYTES_MAX: usize = 255;

fn read_session(response: &WholeResponse) -> Result<Session, GatewayError> {
    let status = response.status;
    if !status.is_success() {
        let said = serde_json::from_slice::<Refusal>(&response.body).ok().and_then(|refusal| refusal.error.message);
        let why = format!("{status}: {}", said.as_deref().unwrap_or("no reason given"));
        tracing::warn!(%status, why, "the payment provider refused a checkout");
        let passes = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT);
        return Err(if passes { GatewayError::Unavailable(why) } else { GatewayError::Refused(why) });
    }
    let session: Option<Session> = serde_json::from_slice(&response.body).ok();
    let plain = |text: &str| !text.contains('\0');
    session
        .filter(|session| (1..=SESSION_ID_BYTES_MAX).contains(&session.id.len()) && plain(&session.id))
        .filter(|session| session.url.as_deref().is_none_or(plain))
        .ok_or_else(|| GatewayError::Unavailable(format!("{status}, but no checkout session in it")))
}
