//! How the proxy's refusals look.

use actix_web::http::StatusCode;
use rialto_kernel::{Amount, Asset};
use rialto_proxy_billing::{proxy::ProxyError, usage::UsageReason};
use serde_json::json;

use crate::http::{
    Problem,
    command::{key_reused, key_running},
};

impl From<ProxyError> for Problem {
    fn from(error: ProxyError) -> Self {
        let said = error.to_string();
        match error {
            ProxyError::ReadOnly => Self::forbidden(said),
            ProxyError::ServiceUnknown => Self::not_found(said),
            ProxyError::ServicePaused => Self::conflict("service-not-active", said),
            ProxyError::ServiceRemoved => Self::new(StatusCode::GONE, "service-removed", said),
            ProxyError::Path(_) => Self::bad_request("path-refused", said),
            ProxyError::Insufficient { available, price } => insufficient(available, price),
            ProxyError::AboveMax { price, most } => Self::new(StatusCode::PAYMENT_REQUIRED, "price-above-max", said)
                .with("required", json!(price.to_decimal(Asset::USDC)))
                .with("max_amount", json!(most.to_decimal(Asset::USDC)))
                .with("currency", json!("USDC")),
            ProxyError::BalanceNotOpen => Self::conflict("balance-not-open", said),
            ProxyError::KeyRunning => key_running(),
            ProxyError::KeyReused => key_reused(),
            ProxyError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "proxy-busy", said).retry_after(1),
            ProxyError::OwnerBusy => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-calls", said).retry_after(1),
            ProxyError::Interrupted => Self::new(StatusCode::SERVICE_UNAVAILABLE, "interrupted", said).retry_after(1),
            ProxyError::Ledger(_) => Self::internal(error),
            ProxyError::Store(error) => error.into(),
        }
    }
}

/// 402, with what is missing and how to get it.
fn insufficient(available: i64, price: Amount) -> Problem {
    let decimal = |amount: Amount| amount.to_decimal(Asset::USDC);
    let required = decimal(price);
    let detail = format!("Insufficient balance. Required: ${required} USDC. Deposit funds via POST /api/v1/deposits");
    Problem::new(StatusCode::PAYMENT_REQUIRED, "insufficient-balance", detail)
        .with("required", json!(required))
        .with("available", json!(decimal(Amount::new(available.max(0)).unwrap_or_default())))
        .with("currency", json!("USDC"))
        .with("how_to_fund", json!("POST /api/v1/deposits"))
}

/// Why there is no answer.
pub fn failure(reason: UsageReason) -> Problem {
    let (bad_gateway, unavailable) = (StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE);
    match reason {
        UsageReason::Timeout => {
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "provider-timeout", "The provider did not answer in time.")
        }
        UsageReason::Unreachable => Problem::new(bad_gateway, "provider-unreachable", "The provider cannot be reached."),
        UsageReason::Refused => Problem::new(bad_gateway, "provider-refused", "The provider's address may not be called."),
        UsageReason::CircuitOpen => {
            let detail = "The provider failed too often lately, and is left in peace for a while.";
            Problem::new(unavailable, "circuit-open", detail).retry_after(10)
        }
        UsageReason::BrokenAnswer | UsageReason::ProviderError | UsageReason::BuyerLeft => {
            Problem::new(bad_gateway, "provider-broken-answer", "The provider's answer broke off, or was none.")
        }
        UsageReason::AnswerTooLarge => {
            Problem::new(bad_gateway, "provider-answer-too-large", "The provider's answer is larger than answers may be.")
        }
        UsageReason::BrokenRequest => Problem::bad_request("body-broken", "The body broke off."),
        UsageReason::Interrupted => {
            Problem::new(unavailable, "interrupted", "The call was interrupted, and is not charged.").retry_after(1)
        }
    }
}
