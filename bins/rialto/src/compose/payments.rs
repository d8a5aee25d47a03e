//! Who takes the money for credits.

use std::{error::Error, sync::Arc};

use rialto_ledger::purchase::{Packages, PaymentGateway, SimulatedGateway};
use rialto_outbound::OutboundClient;
use rialto_proxy_billing::payments::{
    StripeConfig, StripeGateway,
    deposit::{DepositRail, SimulatedDeposits},
};

use crate::config::Settings;

/// What is on sale, and who takes the money.
#[derive(Clone)]
pub struct Payments {
    /// What is on sale.
    pub packages: Packages,
    /// Opens checkouts.
    pub gateway: Arc<dyn PaymentGateway>,
    /// Brings USDC into balances.
    pub deposits: Arc<dyn DepositRail>,
    /// What the provider signs its webhooks with; `None` when it is simulated and sends none.
    pub webhook_secret: Option<Arc<str>>,
}

impl Payments {
    /// A Stripe account if there is one, and otherwise the simulated gateway.
    ///
    /// # Errors
    /// When the packages make no sense.
    pub fn new(settings: &Settings, client: &OutboundClient) -> Result<Self, Box<dyn Error>> {
        let packages = settings.credit_packages.as_deref().map_or_else(|| Ok(Packages::default()), Packages::from_json);
        let packages = packages.map_err(|error| format!("--credit-packages: {error}"))?;
        let deposits: Arc<dyn DepositRail> = Arc::new(SimulatedDeposits);
        let Some(stripe) = &settings.stripe else {
            return Ok(Self { packages, gateway: Arc::new(SimulatedGateway), deposits, webhook_secret: None });
        };
        let config = StripeConfig {
            secret_key: stripe.secret_key.clone(),
            api_base: stripe.api_base.clone(),
            public_url: settings.public_url.clone(),
        };
        let gateway = Arc::new(StripeGateway::new(client.clone(), config));
        Ok(Self { packages, gateway, deposits, webhook_secret: Some(stripe.webhook_secret.as_str().into()) })
    }
}
