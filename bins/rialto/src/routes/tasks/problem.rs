//! How the coordinator's refusals look.

use actix_web::http::StatusCode;
use rialto_coordinator::CoordinatorError;

use crate::http::{Problem, problem::FieldError};

impl From<CoordinatorError> for Problem {
    fn from(error: CoordinatorError) -> Self {
        let said = error.to_string();
        match error {
            CoordinatorError::WorkflowUnknown | CoordinatorError::ExecutionUnknown | CoordinatorError::TaskUnknown => {
                Self::not_found(said)
            }
            CoordinatorError::ReadOnly => Self::forbidden(said),
            CoordinatorError::Archived => Self::conflict("workflow-archived", said),
            CoordinatorError::Ended(_) => Self::conflict("already-ended", said),
            CoordinatorError::NameTaken => Self::conflict("name-taken", said),
            CoordinatorError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-executions", said).retry_after(5),
            CoordinatorError::Invalid(flaws) => Self::invalid_all(
                flaws
                    .into_iter()
                    .map(|flaw| {
                        let dot = if flaw.path.is_empty() { "" } else { "." };
                        FieldError { field: format!("body{dot}{}", flaw.path), message: flaw.message }
                    })
                    .collect(),
            ),
            CoordinatorError::Registry(_) => Self::internal(error),
            CoordinatorError::Store(error) => error.into(),
        }
    }
}
