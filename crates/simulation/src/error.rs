//! Why a simulation refuses, or ends.

use rialto_ledger::LedgerError;
use rialto_store::StoreError;

/// Why an operation was refused, or a run could not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// A figure of the configuration is out of bounds.
    #[error("{field} must be between {low} and {high}")]
    Invalid {
        /// Which, as clients know it.
        field: &'static str,
        /// The least that it may be.
        low: i64,
        /// The most.
        high: i64,
    },
    /// One simulation runs at a time.
    #[error("A simulation is already running. Stop it first.")]
    AlreadyRunning,
    /// There is nothing to stop.
    #[error("No simulation is running")]
    NotRunning,
    /// There is no such run.
    #[error("there is no such run")]
    RunUnknown,
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The simulation contradicts itself: a defect of ours.
    #[error("the simulation contradicts itself: {0}")]
    Broken(String),
    /// The ledger refused what it must not refuse: a defect of ours.
    #[error("the ledger refused: {0}")]
    Ledger(LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<LedgerError> for SimulationError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Ledger(other),
        }
    }
}
