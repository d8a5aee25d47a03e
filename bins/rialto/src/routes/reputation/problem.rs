//! How refusals of reputation look.

use rialto_reputation::ReputationError;

use crate::http::Problem;

impl From<ReputationError> for Problem {
    fn from(error: ReputationError) -> Self {
        match error {
            // The reference answers it with 400.
            ReputationError::NoPeriod => Self::rule("query.period", "must be 'all-time' or 'YYYY-MM'"),
            ReputationError::Store(error) => error.into(),
        }
    }
}
