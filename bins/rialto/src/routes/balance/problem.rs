//! How the refusals of deposits look.

use actix_web::http::StatusCode;
use rialto_ledger::{LedgerError, purchase::GatewayError};
use rialto_proxy_billing::payments::deposit::DepositError;

use crate::http::Problem;

impl From<DepositError> for Problem {
    fn from(error: DepositError) -> Self {
        let said = error.to_string();
        match error {
            DepositError::Unknown => Self::not_found(said),
            DepositError::Amount => Self::bad_request("bad-amount", said),
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
