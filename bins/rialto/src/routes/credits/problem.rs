//! How the purchases' refusals look.

use actix_web::http::StatusCode;
use rialto_ledger::purchase::{GatewayError, PurchaseError};

use crate::http::Problem;

impl From<PurchaseError> for Problem {
    fn from(error: PurchaseError) -> Self {
        let said = error.to_string();
        match error {
            PurchaseError::PackageUnknown(_) => Self::bad_request("unknown-package", said),
            PurchaseError::Unknown => Self::not_found(said),
            PurchaseError::NotPending(_) => Self::bad_request("purchase-not-pending", said),
            PurchaseError::Forbidden(_) => Self::forbidden(said),
            PurchaseError::Wallet(error) => error.into(),
            // What the provider said is in the log, where it was heard.
            PurchaseError::Gateway(GatewayError::Unavailable(_)) => {
                Self::new(StatusCode::BAD_GATEWAY, "payment-provider-unavailable", said).retry_after(5)
            }
            PurchaseError::Gateway(GatewayError::Refused(_)) => {
                Self::new(StatusCode::BAD_GATEWAY, "payment-provider-refused", said)
            }
            PurchaseError::Store(error) => error.into(),
        }
    }
}
