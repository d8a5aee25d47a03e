//! How refusals to settle look.

use rialto_proxy_billing::settlement::SettlementError;

use crate::http::Problem;

impl From<SettlementError> for Problem {
    fn from(error: SettlementError) -> Self {
        let said = error.to_string();
        match error {
            SettlementError::NotAdmin | SettlementError::NotYours => Self::forbidden(said),
            // The reference answers a field that breaks a rule with 400.
            SettlementError::Invalid { field, message } => Self::rule(format!("body.{field}"), message),
            SettlementError::Unknown | SettlementError::NotPayable => Self::not_found(said),
            SettlementError::WrongState(_) => Self::conflict("settlement-state", said),
            SettlementError::Exists(id) => Self::conflict("settlement-exists", said).with("settlement_id", id.to_string().into()),
            SettlementError::NotCovered => Self::conflict("payable-short", said),
            SettlementError::Ledger(error) => error.into(),
            SettlementError::Store(error) => error.into(),
        }
    }
}
