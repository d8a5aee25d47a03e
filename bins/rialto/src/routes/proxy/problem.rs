//! How the proxy's refusals look.

use actix_web::http::{StatusCode, header::HeaderName};
use rialto_kernel::{Amount, Asset};
use rialto_proxy_billing::{
    payments::x402::{Offer, Receipt, Unreadable},
    proxy::ProxyError,
    usage::{UsageId, UsageReason},
};
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
            ProxyError::Insufficient { available, price, offer } => {
                let problem = insufficient(available, price);
                match offer {
                    Some(offer) => payable(problem, &offer).with("how_to_pay", json!("PAYMENT-SIGNATURE")),
                    None => problem,
                }
            }
            ProxyError::PaymentRefused(offer) => {
                payable(Self::new(StatusCode::PAYMENT_REQUIRED, "payment-refused", said), &offer)
            }
            ProxyError::PaymentUnreadable(why) => why.into(),
            ProxyError::PayerBusy => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-payments", said).retry_after(2),
            ProxyError::PaymentUnclear(usage) => match usage {
                Some(usage) => of_call(unclear(), usage),
                None => unclear(),
            },
            ProxyError::PaymentUsed => {
                let detail = "This payment was used before (nonce already used). Whoever may have to repeat a request sends an \
                              Idempotency-Key with it, and gets the first answer again.";
                Self::conflict("payment-used", detail)
            }
            ProxyError::PaymentRunning => Self::conflict("payment-running", said).retry_after(2),
            ProxyError::FacilitatorSilent => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "facilitator-unavailable", said).retry_after(5)
            }
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

impl From<Unreadable> for Problem {
    fn from(why: Unreadable) -> Self {
        Self::bad_request("bad-payment", why.to_string())
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

/// Says how the call can be paid with the call itself: in a header as version 2 of x402 has it, in the body as version 1 does.
fn payable(problem: Problem, offer: &Offer) -> Problem {
    let problem = problem.header(HeaderName::from_static("payment-required"), offer.header());
    offer.members().into_iter().fold(problem, |problem, (name, value)| problem.with(name, value))
}

/// The answer is here, but was not paid.
pub fn unpaid(offer: &Offer) -> Problem {
    let detail = format!("The payment was not settled ({}). The answer is withheld, and the call is not charged.", offer.error);
    let problem = payable(Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-failed", detail), offer);
    let receipt = offer.receipt.as_ref().map(Receipt::headers).unwrap_or_default();
    receipt.into_iter().fold(problem, |problem, (name, value)| problem.header(HeaderName::from_static(name), value))
}

/// Says which call it is about, as an operator who is asked has to know.
fn of_call(problem: Problem, usage: UsageId) -> Problem {
    problem.header(HeaderName::from_static("x-acf-usage-id"), usage.to_string())
}

/// The answer is here, but nobody knows yet whether it is paid.
pub fn pending() -> Problem {
    let detail = "It is not known yet whether the payment was settled. Do not sign another one: repeat this request, with the same \
                  Idempotency-Key or the same payment. Once the payment is settled the answer is there. One that was too large, or \
                  too live, to be kept is lost, even if it turns out to be paid: ask the operator then, with X-ACF-Usage-Id.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "payment-pending", detail).retry_after(10)
}

/// The answer is here, but that its payment is asked for could not be written down, and so, as far as we know, it was not.
pub fn unasked() -> Problem {
    let detail = "The database failed before the payment was asked for, so most likely it will not be: then this call ends as \
                  interrupted, is not charged, and the payment can be used again. Do not sign another one until that is known: \
                  repeat this request, with the same Idempotency-Key or the same payment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "payment-pending", detail).retry_after(10)
}

/// The answer is here, but nobody can say any more whether it is paid.
pub fn unclear() -> Problem {
    let detail = "The service has answered, but nobody can say whether the payment was settled, or it was settled after the call had \
                  ended as not paid. Do not sign another one: ask the operator, with X-ACF-Usage-Id, who can look at the chain, and \
                  decides.";
    Problem::conflict("payment-unclear", detail)
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
        UsageReason::BuyerLeft => {
            let detail =
                "You left before the answer began, which was too large, or too live, to be kept. The call is not charged.";
            Problem::conflict("buyer-left", detail)
        }
        UsageReason::BrokenAnswer | UsageReason::ProviderError => {
            Problem::new(bad_gateway, "provider-broken-answer", "The provider's answer broke off, or was none.")
        }
        UsageReason::AnswerTooLarge => {
            Problem::new(bad_gateway, "provider-answer-too-large", "The provider's answer is larger than answers may be.")
        }
        UsageReason::PaymentFailed => {
            Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-failed", "The payment was not settled. The call is not charged.")
        }
        UsageReason::AnswerLost => {
            let detail = "The payment was settled after the answer had been withheld, which was too large, or too live, to be kept. \
                          The call is charged, and its answer is lost: ask the operator, with X-ACF-Usage-Id, for your money.";
            Problem::conflict("answer-lost", detail)
        }
        UsageReason::BrokenRequest => Problem::bad_request("body-broken", "The body broke off."),
        UsageReason::Interrupted => {
            Problem::new(unavailable, "interrupted", "The call was interrupted, and is not charged.").retry_after(1)
        }
    }
}
