//! Why the coordinator refuses.

use rialto_registry::RegistryError;
use rialto_store::StoreError;

use crate::definition::Flaw;

/// A refusal, or a failure of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoordinatorError {
    /// No such workflow of the caller.
    #[error("Workflow not found")]
    WorkflowUnknown,
    /// No such run of the caller.
    #[error("Execution not found")]
    ExecutionUnknown,
    /// No such task of the caller.
    #[error("Task not found")]
    TaskUnknown,
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// The workflow was put away.
    #[error("The workflow is archived; create it again under its name to run it")]
    Archived,
    /// The run had ended before it was called off.
    #[error("It is {0} already")]
    Ended(&'static str),
    /// As many runs of the caller are under way, or waiting, as may be.
    #[error("Too many of your runs are under way; try again when one has ended")]
    TooMany,
    /// Another workflow of the owner has this name.
    #[error("You have another workflow with this name")]
    NameTaken,
    /// Fields that are not what they must be.
    #[error("the definition has {} flaws", .0.len())]
    Invalid(Vec<Flaw>),
    /// The registry failed.
    #[error("the registry refused")]
    Registry(#[source] RegistryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl CoordinatorError {
    /// One field that is not what it must be.
    pub(crate) fn invalid(path: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Flaw::new(path, message)])
    }
}

impl From<RegistryError> for CoordinatorError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => Self::Store(error),
            other => Self::Registry(other),
        }
    }
}
