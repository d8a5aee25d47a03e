//! Deposits by PayPal: orders of version 2, or of anything that speaks like it.
//!
//! An order is opened for each deposit, its owner approves it on PayPal's page, and it is captured: when PayPal says that it was
//! approved ([`hear`]), when the owner asks for it, or when nobody did and it is asked for ([`super::deposit::ask_due`]). What is
//! believed is what the API says of the order, never the body of an event.

mod event;
mod order;

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
pub use event::{PayPalHeaders, hear};
use rialto_kernel::{Amount, Asset};
use rialto_ledger::purchase::{Checkout, GatewayError, GatewayFuture};
use rialto_outbound::{HeaderValue, Method, OutboundClient, OutboundRequest, StatusCode, WholeResponse, header};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use self::order::{Order, judge};
use super::{
    deposit::{Deposit, DepositDraft, DepositError, DepositProvider, Fate, News, NewsFuture, check_cents},
    provider::{self, Tokens},
};

/// The name of the rail.
pub const PAYPAL: &str = "paypal";
/// How many events are verified at once. Anybody can send some.
const VERIFIED_AT_ONCE: usize = 16;

/// How to reach the account.
#[derive(Clone)]
pub struct PayPalConfig {
    /// The client of the account's app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The webhook of that app that events come by; without one none is believed.
    pub webhook_id: Option<String>,
    /// Where the API is: `https://api-m.paypal.com`.
    pub base_url: String,
    /// Where payers go after they have approved; the deposit's id is added.
    pub return_url: String,
    /// Where they go when they have not.
    pub cancel_url: String,
}

impl std::fmt::Debug for PayPalConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayPalConfig").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Opens orders, and captures them. Cheap to clone.
#[derive(Clone)]
pub struct PayPal(Arc<Inner>);

struct Inner {
    client: OutboundClient,
    config: PayPalConfig,
    tokens: Tokens,
    verifying: Semaphore,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: u64,
}

/// A call of the API.
struct Call<'c> {
    method: Method,
    path: &'c str,
    /// Makes a repeat the same call.
    request_id: Option<&'c str>,
    body: Option<String>,
}

impl PayPal {
    /// A rail by this account.
    #[must_use]
    pub fn new(client: OutboundClient, config: PayPalConfig) -> Self {
        let verifying = Semaphore::new(VERIFIED_AT_ONCE);
        Self(Arc::new(Inner { client, config, tokens: Tokens::default(), verifying }))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.config.base_url.trim_end_matches('/'))
    }

    async fn fetch_token(&self) -> Result<(String, Duration), GatewayError> {
        let PayPalConfig { client_id, client_secret, .. } = &self.0.config;
        let basic = STANDARD.encode(format!("{client_id}:{client_secret}"));
        let request = OutboundRequest::new(Method::POST, self.url("/v1/oauth2/token"))
            .text_header("Authorization", &format!("Basic {basic}"))
            .map_err(|error| provider::unsendable(&error))?
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body("grant_type=client_credentials");
        let response = provider::call(&self.0.client, request).await?;
        let token: Token = provider::read(&response)?;
        Ok((token.access_token, Duration::from_secs(token.expires_in)))
    }

    /// Makes a call, once more with a new token when the one that was kept is not accepted any more.
    async fn call(&self, call: Call<'_>) -> Result<WholeResponse, GatewayError> {
        let token = self.0.tokens.get(self.fetch_token()).await?;
        let response = self.send(&call, &token).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.0.tokens.forget(&token).await;
        let token = self.0.tokens.get(self.fetch_token()).await?;
        self.send(&call, &token).await
    }

    async fn send(&self, call: &Call<'_>, token: &str) -> Result<WholeResponse, GatewayError> {
        let mut request = OutboundRequest::new(call.method.clone(), self.url(call.path))
            .text_header("Authorization", &format!("Bearer {token}"))
            .and_then(|request| request.text_header("Prefer", "return=representation"))
            .map_err(|error| provider::unsendable(&error))?;
        if let Some(id) = call.request_id {
            request = request.text_header("PayPal-Request-Id", id).map_err(|error| provider::unsendable(&error))?;
        }
        if let Some(body) = &call.body {
            request = request.json(body.clone());
        }
        provider::call(&self.0.client, request).await
    }

    async fn open(&self, draft: &DepositDraft) -> Result<Checkout, GatewayError> {
        let (id, config) = (draft.id.to_string(), &self.0.config);
        let body = json!({
            "intent": "CAPTURE",
            "purchase_units": [{
                "custom_id": id,
                "description": "USDC to buy calls with",
                "amount": { "currency_code": "USD", "value": draft.amount.to_decimal(Asset::USDC) },
            }],
            "payment_source": { "paypal": { "experience_context": {
                "user_action": "PAY_NOW",
                "shipping_preference": "NO_SHIPPING",
                "return_url": super::with_deposit(&config.return_url, &id),
                "cancel_url": super::with_deposit(&config.cancel_url, &id),
            } } },
        });
        let call =
            Call { method: Method::POST, path: "/v2/checkout/orders", request_id: Some(&id), body: Some(body.to_string()) };
        let response = self.call(call).await?;
        let order: Order = provider::read(&response)?;
        let reference = provider::word(&order.id).ok_or_else(|| provider::odd("the id of an order"))?;
        let url = order.checkout_url().ok_or_else(|| provider::odd("an order that nobody can approve"))?;
        Ok(Checkout { provider: PAYPAL, provider_reference: reference, checkout_url: Some(url) })
    }

    /// Where the order stands, captured if it was approved.
    pub(super) async fn look(&self, deposit: &Deposit) -> Result<News, GatewayError> {
        let Some(order) = self.find(deposit).await? else {
            return Ok(News::of(Fate::Open).saying("PayPal does not know this order any more."));
        };
        if !order.is_approved() {
            return Ok(judge(&order, deposit));
        }
        let id = format!("{}-capture", deposit.id);
        let path = format!("/v2/checkout/orders/{}/capture", deposit.rail_reference);
        let response =
            self.call(Call { method: Method::POST, path: &path, request_id: Some(&id), body: Some("{}".into()) }).await?;
        if response.status != StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(judge(&provider::read(&response)?, deposit));
        }
        match provider::issue(&response).as_deref() {
            // Somebody else was faster.
            Some("ORDER_ALREADY_CAPTURED") => {
                let order = self.find(deposit).await?.ok_or_else(|| provider::odd("a captured order that is gone"))?;
                Ok(judge(&order, deposit))
            }
            // The payer may choose another way to pay on PayPal's page.
            issue => {
                Ok(News::of(Fate::Open).saying(format!("PayPal did not capture it: {}", issue.unwrap_or("no reason given"))))
            }
        }
    }

    async fn find(&self, deposit: &Deposit) -> Result<Option<Order>, GatewayError> {
        let path = format!("/v2/checkout/orders/{}", deposit.rail_reference);
        let response = self.call(Call { method: Method::GET, path: &path, request_id: None, body: None }).await?;
        if response.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        provider::read(&response).map(Some)
    }
}

impl DepositProvider for PayPal {
    fn name(&self) -> &'static str {
        PAYPAL
    }

    fn check(&self, amount: Amount) -> Result<(), DepositError> {
        check_cents(PAYPAL, amount)
    }

    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a> {
        Box::pin(self.open(draft))
    }

    fn ask<'a>(&'a self, deposit: &'a Deposit, _known: &'a [String]) -> NewsFuture<'a> {
        Box::pin(async { self.look(deposit).await.map(|news| vec![news]) })
    }
}
