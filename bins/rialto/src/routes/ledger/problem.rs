//! How refusals to show something look.

use rialto_ledger::history::HistoryError;

use crate::http::Problem;

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::AccountUnknown => Self::not_found("Account not found"),
            HistoryError::TransferUnknown => Self::not_found("Transfer not found"),
            HistoryError::HoldUnknown => Self::not_found("Hold not found"),
            HistoryError::Forbidden(said) => Self::forbidden(said),
            HistoryError::Store(error) => error.into(),
        }
    }
}
