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
    /// The cursor is none that a list of this kind and order gave.
    #[error("the cursor is none of this list")]
    CursorInvalid,
    /// A period that ends before it begins.
    #[error("the period ends before it begins")]
    PeriodInvalid,
    /// More accounts than can be read as one list.
    #[error("these are more than {max} accounts: narrow them down, or read each by itself")]
    TooManyAccounts {
        /// How many can.
        max: u32,
    },
    /// More lines than a statement may have in one piece.
    #[error("the statement has more than {max} lines: ask for a shorter period")]
    StatementTooLong {
        /// How many it may have.
        max: usize,
    },
    /// Whoever was being told has stopped listening.
    #[error("it was stopped halfway")]
    Stopped,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}
