//! Why a settlement is refused.

use rialto_kernel::MoneyError;
use rialto_ledger::LedgerError;
use rialto_store::StoreError;

use super::{SettlementId, SettlementState};

/// A refusal, or a failure of a domain underneath. Nothing has changed in any case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettlementError {
    /// Only administrators settle and pay.
    #[error("This takes an administrator.")]
    NotAdmin,
    /// It is another provider's.
    #[error("Not your settlement")]
    NotYours,
    /// A field is not what it must be.
    #[error("{field}: {message}")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// No such settlement.
    #[error("Settlement not found")]
    Unknown,
    /// No such settlement, or one that was paid or has failed.
    #[error("Settlement not found or already paid")]
    NotPayable,
    /// The settlement has come too far for this.
    #[error("The settlement is {}", .0.as_str())]
    WrongState(SettlementState),
    /// There is one of the very same period, and nothing is left to settle.
    #[error("Settlement already exists for this provider and period: {0}")]
    Exists(SettlementId),
    /// The provider's account does not have what the settlement says that it is owed.
    #[error("The provider's account does not cover the settlement")]
    NotCovered,
    /// The ledger refused for a reason that is none of the above.
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl SettlementError {
    pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}

impl From<LedgerError> for SettlementError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::InsufficientFunds { .. } | LedgerError::AccountUnknown { .. } => Self::NotCovered,
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Ledger(other),
        }
    }
}

impl From<MoneyError> for SettlementError {
    fn from(error: MoneyError) -> Self {
        // Nine billion USDC in one settlement: rows that nobody has paid for.
        Self::Store(StoreError::Corrupt(format!("the calls of a settlement: {error}")))
    }
}
