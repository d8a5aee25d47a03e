//! Why reputation refuses.

use rialto_store::StoreError;

/// A refusal, or a failure of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReputationError {
    /// The text is no period.
    #[error("period must be 'all-time' or 'YYYY-MM'")]
    NoPeriod,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}
