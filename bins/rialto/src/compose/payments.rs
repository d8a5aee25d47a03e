//! Who takes the money for credits, and for balances.

use std::{error::Error, sync::Arc};

use rialto_ledger::purchase::{Packages, PaymentGateway, SimulatedGateway};
use rialto_outbound::OutboundClient;
use rialto_proxy_billing::payments::{
    StripeConfig, StripeGateway,
    deposit::{DepositProvider, Providers, SimulatedDeposits},
    nowpayments::{NowPayments, NowPaymentsConfig},
    paypal::{PayPal, PayPalConfig},
};

use crate::config::Settings;

/// What is on sale, and who takes the money.
#[derive(Clone)]
pub struct Payments {
    /// What is on sale.
    pub packages: Packages,
    /// Opens checkouts.
    pub gateway: Arc<dyn PaymentGateway>,
    /// What brings USDC into balances.
    pub deposits: Providers,
    /// PayPal, if it is one of them.
    pub paypal: Option<PayPal>,
    /// NOWPayments, if it is one of them.
    pub nowpayments: Option<NowPayments>,
    /// What the provider signs its webhooks with; `None` when it is simulated and sends none.
    pub webhook_secret: Option<Arc<str>>,
}

impl Payments {
    /// A Stripe account if there is one, and otherwise the simulated gateway; whatever brings deposits in.
    ///
    /// # Errors
    /// When the packages make no sense, or nobody could hear of payments.
    pub fn new(settings: &Settings, client: &OutboundClient) -> Result<Self, Box<dyn Error>> {
        let packages = settings.credit_packages.as_deref().map_or_else(|| Ok(Packages::default()), Packages::from_json);
        let packages = packages.map_err(|error| format!("--credit-packages: {error}"))?;
        let (paypal, nowpayments) = (paypal(settings, client), nowpayments(settings, client)?);
        let deposits = providers(settings, paypal.as_ref(), nowpayments.as_ref());
        let mut gateway: Arc<dyn PaymentGateway> = Arc::new(SimulatedGateway);
        if let Some(stripe) = &settings.stripe {
            let config = StripeConfig {
                secret_key: stripe.secret_key.clone(),
                api_base: stripe.api_base.clone(),
                public_url: settings.public_url.clone(),
            };
            gateway = Arc::new(StripeGateway::new(client.clone(), config));
        }
        let webhook_secret = settings.stripe.as_ref().map(|stripe| stripe.webhook_secret.as_str().into());
        Ok(Self { packages, gateway, deposits, paypal, nowpayments, webhook_secret })
    }

    /// Says what deposits come in by.
    pub fn announce(&self) {
        tracing::info!(rails = self.deposits.names(), "deposits come in");
        if self.paypal.as_ref().is_some_and(|paypal| !paypal.hears()) {
            tracing::warn!("PayPal is not heard, but asked alone, and refunds stay unknown: set RIALTO_PAYPAL_WEBHOOK_ID");
        }
    }
}

/// Those that take money first. Simulated deposits are there in the sandbox, and where there is nothing else.
fn providers(settings: &Settings, paypal: Option<&PayPal>, nowpayments: Option<&NowPayments>) -> Providers {
    let mut all: Vec<Arc<dyn DepositProvider>> = Vec::new();
    if let Some(paypal) = paypal {
        all.push(Arc::new(paypal.clone()));
    }
    if let Some(nowpayments) = nowpayments {
        all.push(Arc::new(nowpayments.clone()));
    }
    if settings.sandbox || all.is_empty() {
        all.push(Arc::new(SimulatedDeposits));
    }
    Providers::new(all, settings.rails.ask_after)
}

/// Where payers go: to what is set, or here.
fn homes(settings: &Settings) -> (String, String) {
    let home = settings.public_url.trim_end_matches('/');
    let there = |set: &Option<String>, how: &str| set.clone().unwrap_or_else(|| format!("{home}/?checkout={how}"));
    (there(&settings.rails.return_url, "paid"), there(&settings.rails.cancel_url, "cancelled"))
}

fn paypal(settings: &Settings, client: &OutboundClient) -> Option<PayPal> {
    let app = settings.rails.paypal.as_ref()?;
    let (return_url, cancel_url) = homes(settings);
    let config = PayPalConfig {
        client_id: app.client_id.clone(),
        client_secret: app.client_secret.expose().to_owned(),
        webhook_id: app.webhook_id.clone(),
        base_url: app.base_url.clone(),
        return_url,
        cancel_url,
    };
    Some(PayPal::new(client.clone(), config))
}

/// # Errors
/// When neither callbacks can come nor payments can be asked for: all money would be lost sight of.
fn nowpayments(settings: &Settings, client: &OutboundClient) -> Result<Option<NowPayments>, Box<dyn Error>> {
    let Some(account) = settings.rails.nowpayments.as_ref() else { return Ok(None) };
    if account.sign_in.is_none() && !settings.public_url.starts_with("https://") {
        return Err("NOWPayments could not tell of payments: set RIALTO_PUBLIC_URL to an https URL that its callbacks reach, \
                    or RIALTO_NOWPAYMENTS_EMAIL and RIALTO_NOWPAYMENTS_PASSWORD to ask for them"
            .into());
    }
    let (return_url, cancel_url) = homes(settings);
    let config = NowPaymentsConfig {
        api_key: account.api_key.expose().to_owned(),
        ipn_secret: account.ipn_secret.expose().to_owned(),
        sign_in: account.sign_in.as_ref().map(|(email, password)| (email.clone(), password.expose().to_owned())),
        base_url: account.base_url.clone(),
        callback_url: format!("{}/api/v1/deposits/webhooks/nowpayments", settings.public_url.trim_end_matches('/')),
        return_url,
        cancel_url,
    };
    Ok(Some(NowPayments::new(client.clone(), config)))
}
