//! Who takes the money.

use std::{future::ready, pin::Pin};

use uuid::Uuid;

use super::Draft;

/// The provider's name of [`SimulatedGateway`].
pub const SIMULATED: &str = "simulated";

/// A checkout that is open at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Which provider.
    pub provider: &'static str,
    /// What the provider calls it.
    pub provider_reference: String,
    /// Where the buyer pays; `None` when there is nothing to pay.
    pub checkout_url: Option<String>,
}

/// Why there is no checkout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It did not answer, or not in a way that makes sense. Trying again may help.
    #[error("the payment provider is not available")]
    Unavailable(String),
    /// It understood and said no. The text is for the log.
    #[error("the payment provider refused the checkout")]
    Refused(String),
}

/// What a gateway's answer arrives in.
pub type GatewayFuture<'a> = Pin<Box<dyn Future<Output = Result<Checkout, GatewayError>> + Send + 'a>>;

/// A provider of payments. Chosen at run time, so it is used as `dyn`.
pub trait PaymentGateway: Send + Sync {
    /// Opens a checkout for a purchase. Called outside any transaction; asking again for the same draft opens no other.
    fn create_checkout<'a>(&'a self, draft: &'a Draft) -> GatewayFuture<'a>;
}

/// A gateway that takes no money: its purchases are confirmed by hand. For sandboxes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SimulatedGateway;

impl PaymentGateway for SimulatedGateway {
    fn create_checkout<'a>(&'a self, _draft: &'a Draft) -> GatewayFuture<'a> {
        let digits = Uuid::new_v4().simple().to_string();
        let reference = format!("sim_pi_{}", digits.get(..16).unwrap_or(&digits));
        Box::pin(ready(Ok(Checkout { provider: SIMULATED, provider_reference: reference, checkout_url: None })))
    }
}
