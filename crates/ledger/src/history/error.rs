//! Why something is not shown.

use rialto_store::StoreError;

/// A refusal to show something, or a failure of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No such account.
    #[error("there is no such account")]
    AccountUnknown,
    /// No such transfer.
    #[error("there is no such transfer")]
    TransferUnknown,
    /// No such hold.
    #[error("there is no such hold")]
    HoldUnknown,
    /// It is somebody else's.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}
