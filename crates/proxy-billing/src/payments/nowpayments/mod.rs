//! Deposits by NOWPayments: invoices, and callbacks that are signed.
//!
//! An invoice is opened for each deposit, and its owner pays it in whatever coin. What became of it is heard from callbacks
//! ([`hear`]), and asked for where none came.

mod canonical;
mod payment;

use std::{collections::HashSet, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use rialto_kernel::{Amount, Asset, Clock};
use rialto_ledger::purchase::{Checkout, GatewayError, GatewayFuture};
use rialto_outbound::{Method, OutboundClient, OutboundRequest, StatusCode, WholeResponse};
use rialto_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use sha2::Sha512;

use self::{
    canonical::{Lists, canonical},
    payment::{Payment, judge, judge_all},
};
use super::{
    deposit::{Deposit, DepositDraft, DepositError, DepositId, DepositProvider, DepositStore, News, NewsFuture, check_cents},
    hook::{Heard, HookError, followed},
    provider::{self, Tokens},
};

/// The name of the rail.
pub const NOWPAYMENTS: &str = "nowpayments";
/// How many payments of one invoice are looked at. A payer may begin several.
const PAYMENTS_MAX: u32 = 50;
/// How many that are not on the list are asked for one by one.
const KNOWN_MAX: usize = 10;
/// How long a sign-in lasts.
const SIGN_IN_LIFE: Duration = Duration::from_secs(300);

/// How to reach the account.
#[derive(Clone)]
pub struct NowPaymentsConfig {
    /// The account's key.
    pub api_key: String,
    /// What its callbacks are signed with.
    pub ipn_secret: String,
    /// Who signs in to list the payments of an invoice, and with which password: the key alone does not let one.
    pub sign_in: Option<(String, String)>,
    /// Where the API is: `https://api.nowpayments.io`.
    pub base_url: String,
    /// Where its callbacks come.
    pub callback_url: String,
    /// Where payers go after they have paid; the deposit's id is added.
    pub return_url: String,
    /// Where they go when they have not.
    pub cancel_url: String,
}

impl std::fmt::Debug for NowPaymentsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NowPaymentsConfig").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Opens invoices. Cheap to clone.
#[derive(Clone)]
pub struct NowPayments(Arc<Inner>);

struct Inner {
    client: OutboundClient,
    config: NowPaymentsConfig,
    tokens: Tokens,
}

#[derive(Serialize)]
struct NewInvoice<'n> {
    price_amount: Box<RawValue>,
    price_currency: &'n str,
    order_id: &'n str,
    order_description: &'n str,
    ipn_callback_url: &'n str,
    success_url: String,
    cancel_url: String,
}

#[derive(Deserialize)]
struct Invoice {
    id: Value,
    invoice_url: String,
}

#[derive(Deserialize)]
struct SignedIn {
    token: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Payment>,
}

impl NowPayments {
    /// A rail by this account.
    #[must_use]
    pub fn new(client: OutboundClient, config: NowPaymentsConfig) -> Self {
        Self(Arc::new(Inner { client, config, tokens: Tokens::default() }))
    }

    fn request(&self, method: Method, path: &str) -> Result<OutboundRequest, GatewayError> {
        let url = format!("{}{path}", self.0.config.base_url.trim_end_matches('/'));
        let request = OutboundRequest::new(method, url).text_header("x-api-key", &self.0.config.api_key);
        request.map_err(|error| provider::unsendable(&error))
    }

    async fn open(&self, draft: &DepositDraft) -> Result<Checkout, GatewayError> {
        let (id, config) = (draft.id.to_string(), &self.0.config);
        // A number, exactly as it is.
        let price = RawValue::from_string(draft.amount.to_decimal(Asset::USDC));
        let invoice = NewInvoice {
            price_amount: price.map_err(|_| provider::odd("an amount"))?,
            price_currency: "usd",
            order_id: &id,
            order_description: "USDC to buy calls with",
            ipn_callback_url: &config.callback_url,
            success_url: super::with_deposit(&config.return_url, &id),
            cancel_url: super::with_deposit(&config.cancel_url, &id),
        };
        let body = serde_json::to_string(&invoice).map_err(|_| provider::odd("an invoice"))?;
        let response = provider::call(&self.0.client, self.request(Method::POST, "/v1/invoice")?.json(body)).await?;
        let invoice: Invoice = provider::read(&response)?;
        let reference = provider::word_of(Some(&invoice.id)).ok_or_else(|| provider::odd("the id of an invoice"))?;
        let url = provider::checkout_url(&invoice.invoice_url).ok_or_else(|| provider::odd("the URL of an invoice"))?;
        Ok(Checkout { provider: NOWPAYMENTS, provider_reference: reference, checkout_url: Some(url) })
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<(String, Duration), GatewayError> {
        let body = json!({"email": email, "password": password}).to_string();
        let response = provider::call(&self.0.client, self.request(Method::POST, "/v1/auth")?.json(body)).await?;
        let said: SignedIn = provider::read(&response)?;
        Ok((said.token, SIGN_IN_LIFE))
    }

    /// Asks with a sign-in, once more with a new one when it is not accepted any more; with the key alone where there is none.
    async fn get(&self, path: &str) -> Result<WholeResponse, GatewayError> {
        let Some((email, password)) = &self.0.config.sign_in else {
            return provider::call(&self.0.client, self.request(Method::GET, path)?).await;
        };
        let mut refused = None;
        loop {
            let token = self.0.tokens.get(self.sign_in(email, password)).await?;
            let request = self.request(Method::GET, path)?.text_header("Authorization", &format!("Bearer {token}"));
            let request = request.map_err(|error| provider::unsendable(&error))?;
            let response = provider::call(&self.0.client, request).await?;
            if response.status != StatusCode::UNAUTHORIZED || refused.is_some() {
                return Ok(response);
            }
            self.0.tokens.forget(&token).await;
            refused = Some(token);
        }
    }

    /// The payments of a deposit's invoice that a sign-in lets one list.
    async fn listed(&self, deposit: &Deposit) -> Result<Vec<Payment>, GatewayError> {
        let path = format!("/v1/payment/?limit={PAYMENTS_MAX}&page=0&orderBy=desc&invoiceId={}", deposit.rail_reference);
        let response = self.get(&path).await?;
        // Without a sign-in most accounts do not tell.
        let may_not = matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if may_not && self.0.config.sign_in.is_none() {
            return Ok(Vec::new());
        }
        Ok(provider::read::<List>(&response)?.data)
    }

    /// A payment that is known; the key alone lets one read it.
    async fn one(&self, payment: &str) -> Result<Option<Payment>, GatewayError> {
        let response = provider::call(&self.0.client, self.request(Method::GET, &format!("/v1/payment/{payment}"))?).await?;
        if response.status == StatusCode::NOT_FOUND { Ok(None) } else { provider::read(&response).map(Some) }
    }

    /// What is known and not listed is asked for by itself: a list that fails keeps nobody's money from being seen.
    async fn look(&self, deposit: &Deposit, known: &[String]) -> Result<Vec<News>, GatewayError> {
        let (mut payments, mut failed) = (Vec::new(), None);
        match self.listed(deposit).await {
            Ok(found) => payments.extend(found),
            Err(error) => {
                tracing::warn!(deposit.id = %deposit.id, why = provider::why(&error), "NOWPayments did not list the payments of an invoice");
                failed = Some(error);
            }
        }
        let listed: HashSet<String> = payments.iter().filter_map(Payment::id).collect();
        for payment in known.iter().filter(|payment| !listed.contains(*payment)).take(KNOWN_MAX) {
            match self.one(payment).await {
                Ok(found) => payments.extend(found),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if payments.is_empty() => Err(error),
            _ => Ok(judge_all(&payments, deposit)),
        }
    }

    /// The body in the form that was signed, if it was.
    fn verified(&self, signature: &str, body: &[u8]) -> Result<String, HookError> {
        let signature = hex::decode(signature).map_err(|_| HookError::NotSigned)?;
        // HMAC takes a key of any length. It is compared in constant time.
        let mac = Hmac::<Sha512>::new_from_slice(self.0.config.ipn_secret.as_bytes()).map_err(|_| HookError::NotSigned)?;
        let is_signed = |text: &str| mac.clone().chain_update(text).verify_slice(&signature).is_ok();
        let plain = canonical(body, Lists::Plain).ok_or(HookError::Malformed)?;
        let keyed = canonical(body, Lists::Keyed).ok_or(HookError::Malformed)?;
        if is_signed(&plain) || is_signed(&keyed) { Ok(plain) } else { Err(HookError::NotSigned) }
    }
}

impl DepositProvider for NowPayments {
    fn name(&self) -> &'static str {
        NOWPAYMENTS
    }

    fn check(&self, amount: Amount) -> Result<(), DepositError> {
        check_cents(NOWPAYMENTS, amount)
    }

    fn open_checkout<'a>(&'a self, draft: &'a DepositDraft) -> GatewayFuture<'a> {
        Box::pin(self.open(draft))
    }

    fn ask<'a>(&'a self, deposit: &'a Deposit, known: &'a [String]) -> NewsFuture<'a> {
        Box::pin(self.look(deposit, known))
    }
}

/// Hears a callback: `signature` is its `x-nowpayments-sig`. It may come twice, late, or in another order.
///
/// # Errors
/// [`HookError`]; it is sent again.
pub async fn hear(db: &Db, provider: &NowPayments, signature: &str, body: &[u8], clock: &Clock) -> Result<Heard, HookError> {
    if signature.is_empty() {
        return Err(HookError::NotSigned);
    }
    let text = provider.verified(signature, body)?;
    let payment: Payment = serde_json::from_str(&text).map_err(|_| HookError::Malformed)?;
    let Some(id) = payment.order().and_then(|order| order.parse::<DepositId>().ok()) else {
        return Ok(Heard::Ignored("it names no deposit"));
    };
    let found = db.read(async move |tx: &mut Tx| tx.find_deposit(id).await).await?;
    let Some(deposit) = found.filter(|deposit| deposit.rail == NOWPAYMENTS) else {
        return Ok(Heard::Ignored("it belongs to no deposit of ours"));
    };
    let Some(news) = judge(&payment, &deposit) else { return Ok(Heard::Ignored("it is of another invoice")) };
    followed(db, id, news, clock).await
}
