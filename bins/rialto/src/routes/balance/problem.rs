//! How the refusals of deposits look.

use actix_web::http::StatusCode;
use rialto_ledger::{LedgerError, purchase::GatewayError};
use rialto_proxy_billing::payments::{HookError, deposit::DepositError};

use crate::http::Problem;

impl From<DepositError> for Problem {
    fn from(error: DepositError) -> Self {
        let said = error.to_string();
        match error {
            DepositError::Unknown => Self::not_found(said),
            DepositError::Amount => Self::bad_request("bad-amount", said),
            DepositError::NotCents(_) => Self::bad_request("bad-amount", said),
            DepositError::UnknownRail { .. } => Self::bad_request("rail-not-configured", said),
            DepositError::NotCaptured(_) => Self::conflict("deposit-not-captured", said),
            DepositError::Cursor => Self::invalid("query.cursor", said),
            DepositError::NotPending(_) => Self::conflict("deposit-not-pending", said),
            DepositError::Forbidden(_) => Self::forbidden(said),
            DepositError::Gateway(GatewayError::Unavailable(_)) => {
                Self::new(StatusCode::BAD_GATEWAY, "payment-provider-unavailable", said).retry_after(5)
            }
            DepositError::Gateway(GatewayError::Refused(_)) => {
                Self::new(StatusCode::BAD_GATEWAY, "payment-provider-refused", said)
            }
            DepositError::Ledger(LedgerError::BalanceOutOfRange(_)) => {
                Self::bad_request("balance-out-of-range", "The balance would be too large.")
            }
            DepositError::Ledger(LedgerError::AccountNotOpen { .. }) => {
                Self::conflict("balance-not-open", "The balance cannot be used at the moment.")
            }
            DepositError::Ledger(_) => Self::internal(error),
            DepositError::Store(error) => error.into(),
        }
    }
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        let said = error.to_string();
        match error {
            HookError::NotSigned => Self::new(StatusCode::UNAUTHORIZED, "bad-signature", said),
            HookError::Malformed => Self::bad_request("bad-event", said),
            HookError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-events", said).retry_after(5),
            HookError::Gateway(error) => DepositError::from(error).into(),
            HookError::Deposit(error) => error.into(),
        }
    }
}
