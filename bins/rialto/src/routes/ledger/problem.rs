//! How refusals to show something look.

use rialto_ledger::history::HistoryError;

use crate::http::Problem;

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let said = error.to_string();
        match error {
            HistoryError::AccountUnknown => Self::not_found("Account not found"),
            HistoryError::TransferUnknown => Self::not_found("Transfer not found"),
            HistoryError::HoldUnknown => Self::not_found("Hold not found"),
            HistoryError::Forbidden(said) => Self::forbidden(said),
            HistoryError::CursorInvalid => Self::invalid("query.cursor", "must be a `next_cursor` of this list, in this order"),
            HistoryError::PeriodInvalid => Self::invalid("query.from", "must not be later than `to`"),
            HistoryError::TooManyAccounts { .. } => Self::bad_request("too-many-accounts", said),
            HistoryError::StatementTooLong { .. } => Self::bad_request("statement-too-long", said),
            // Only commands read on after they have stopped listening.
            HistoryError::Stopped => Self::internal(error),
            HistoryError::Store(error) => error.into(),
        }
    }
}
