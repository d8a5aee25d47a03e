//! Why the broker refuses.

use rialto_ledger::{LedgerError, wallet::WalletError};
use rialto_outbound::Crowded;
use rialto_registry::RegistryError;
use rialto_store::StoreError;

/// A refusal, or a failure of a domain underneath. Nothing has been charged in any case.
///
/// A call that was made and failed is not an error: it is a [`crate::invoke::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// No such agent, or its owner has switched it off.
    #[error("Agent not found or inactive")]
    AgentNotCallable,
    /// The agent is only somebody: there is nowhere to call it.
    #[error("This agent has no endpoint, and cannot be called")]
    AgentWithoutEndpoint,
    /// No such agent, not even a deleted one.
    #[error("Agent not found")]
    AgentUnknown,
    /// No such conversation, or somebody else's.
    #[error("Conversation not found")]
    ConversationUnknown,
    /// No such message in the conversation.
    #[error("Message not found")]
    MessageUnknown,
    /// The caller's wallet does not cover the price.
    #[error("Insufficient credits")]
    InsufficientCredits,
    /// The agent costs more than the caller would pay for this call.
    #[error("The agent's price is above the spending cap")]
    PriceAboveCap,
    /// The caller's or the agent's wallet is frozen or closed.
    #[error("The wallet cannot be used at the moment")]
    WalletNotOpen,
    /// The agent asks for a credential that its owner has not stored.
    #[error("Agent requires credentials; set via POST /registry/agents/{{uuid}}/credentials")]
    CredentialsMissing,
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// A rival request with the same idempotency key has not been answered yet.
    #[error("The first request with this Idempotency-Key is still running")]
    KeyRunning,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for another request")]
    KeyReused,
    /// As many calls are running as may run at once.
    #[error("Too many calls are running; try again in a moment")]
    Busy,
    /// As many calls of the caller are running as one owner may run at once.
    #[error("Too many of your calls are running; try again when one has ended")]
    OwnerBusy,
    /// The server is going down, or the call's task died: the call ends as interrupted, and is not charged.
    #[error("The call was interrupted")]
    Interrupted,
    /// The registry refused.
    #[error("the registry refused")]
    Registry(#[source] RegistryError),
    /// The ledger refused for a reason that the broker should have made impossible.
    #[error("the ledger refused")]
    Ledger(#[source] LedgerError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl From<Crowded> for BrokerError {
    fn from(crowded: Crowded) -> Self {
        match crowded {
            Crowded::All => Self::Busy,
            Crowded::Owner => Self::OwnerBusy,
        }
    }
}

impl From<RegistryError> for BrokerError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => Self::Store(error),
            other => Self::Registry(other),
        }
    }
}

impl From<LedgerError> for BrokerError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::InsufficientFunds { .. } => Self::InsufficientCredits,
            LedgerError::AccountNotOpen { .. } => Self::WalletNotOpen,
            LedgerError::Store(error) => Self::Store(error),
            other => Self::Ledger(other),
        }
    }
}

impl From<WalletError> for BrokerError {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::Store(error) => Self::Store(error),
            WalletError::Ledger(error) => error.into(),
            // The broker opens wallets and asks for nobody's leave, so that none of the others can be the reason.
            other => Self::Store(StoreError::Corrupt(other.to_string())),
        }
    }
}
