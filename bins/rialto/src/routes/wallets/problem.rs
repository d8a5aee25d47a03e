//! How the ledger's and the wallets' refusals look.

use rialto_ledger::{LedgerError, TransferId, wallet::WalletError};

use crate::http::Problem;

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let said = error.to_string();
        match error {
            LedgerError::AmountZero => Self::invalid("body.amount", "must be at least 1"),
            LedgerError::TextInvalid(_) => Self::invalid("body.description", said),
            LedgerError::TimeOutOfRange(field) => Self::invalid(format!("body.{field}"), said),
            LedgerError::EffectiveInFuture => Self::invalid("body.effective_at", said),
            LedgerError::IdMismatch(_) => Self::conflict("id-mismatch", said),
            LedgerError::HoldUnknown(_) | LedgerError::TransferUnknown(_) => Self::not_found(said),
            LedgerError::HoldResolved { .. } => Self::conflict("hold-resolved", said),
            LedgerError::HoldExpired(_) => Self::conflict("hold-expired", said),
            LedgerError::HoldExceeded { .. } => Self::bad_request("hold-exceeded", said),
            LedgerError::IsReversal(_) => Self::conflict("is-reversal", said),
            LedgerError::AlreadyReversed { .. } => Self::conflict("already-reversed", said),
            LedgerError::AccountUnknown { .. } => Self::not_found("Wallet not found"),
            LedgerError::AssetMismatch { .. } => Self::bad_request("asset-mismatch", said),
            LedgerError::AccountNotOpen { state, .. } => {
                Self::conflict("wallet-not-open", format!("The wallet is {}", state.as_str()))
            }
            LedgerError::InsufficientFunds { .. } => Self::bad_request("insufficient-balance", "Insufficient balance"),
            LedgerError::CreditsExceedDebits { .. } => {
                Self::bad_request("credits-exceed-debits", "The account may not go above zero")
            }
            LedgerError::BalanceOutOfRange(_) => {
                Self::bad_request("balance-too-large", "The wallet's balance would be too large")
            }
            LedgerError::AccountNotEmpty(_) => Self::conflict("wallet-not-empty", said),
            LedgerError::Store(error) => error.into(),
        }
    }
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Self {
        let said = error.to_string();
        match error {
            WalletError::Unknown
            | WalletError::NoUserWallet
            | WalletError::NoAgentWallet
            | WalletError::SourceUnknown
            | WalletError::DestinationUnknown => Self::not_found(said),
            WalletError::Forbidden(_) => Self::forbidden(said),
            WalletError::Ledger(error) => error.into(),
            WalletError::Store(error) => error.into(),
        }
    }
}

/// The refusal of a movement without an `Idempotency-Key`. When nobody knows whether it was made, it names the id that we
/// gave it: whoever just asked again might pay twice.
pub fn in_doubt(id: TransferId) -> impl FnOnce(WalletError) -> Problem {
    move |error| {
        let detail = format!(
            "It is not known whether this was done. If it was, GET /ledger/transfers/{id} has it: look there before you ask \
             again. What is sent with an Idempotency-Key can be repeated safely."
        );
        Problem::from(error).in_doubt(Some(id.to_string()), detail)
    }
}

#[cfg(test)]
mod tests {
    use rialto_store::StoreError;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_movement_in_doubt_is_named() {
        let id = TransferId::new();
        let told = |error: StoreError| {
            let problem = in_doubt(id)(WalletError::Ledger(LedgerError::Store(error)));
            serde_json::to_value(problem.body(None)).unwrap()
        };
        let lost = told(StoreError::Unknown("silence".into()));
        assert_eq!((&lost["status"], &lost["type"], &lost["id"]), (&json!(503), &json!("outcome-unknown"), &json!(id)));
        assert!(lost["detail"].as_str().unwrap().contains(&format!("/ledger/transfers/{id}")), "{lost}");
        let nothing = told(StoreError::Unavailable("away".into()));
        assert_eq!((&nothing["type"], &nothing["id"]), (&json!("database-unavailable"), &Value::Null));
    }
}
