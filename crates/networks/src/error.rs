//! Why networks refuse.

use std::time::Duration;

use rialto_outbound::Crowded;
use rialto_registry::{CipherError, RegistryError};
use rialto_store::StoreError;

use crate::{model::MessageId, topology::Detour};

/// A refusal, or a failure of something underneath.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No such network, or somebody else's.
    #[error("Network not found")]
    NetworkUnknown,
    /// No such participant in this network.
    #[error("Participant not found")]
    ParticipantUnknown,
    /// Whoever is to send is not in this network.
    #[error("Sender participant not found")]
    SenderUnknown,
    /// Whoever is to receive is not in this network.
    #[error("Recipient participant not found")]
    RecipientUnknown,
    /// No such message in this network.
    #[error("Message not found")]
    MessageUnknown,
    /// No such agent.
    #[error("Agent not found")]
    AgentUnknown,
    /// The agent behind the participant was suspended, deactivated or deleted.
    #[error("The agent of this {0} is not active: it neither sends nor receives")]
    AgentNotActive(Whose),
    /// The agent behind the participant is somebody else's, and charges for calls. Messages do not pay.
    #[error(
        "The agent charges for calls, and is not yours: call it through the broker, or join it with a callback_url of its own or polling_enabled"
    )]
    AgentPriced,
    /// The agent speaks A2A, which networks do not.
    #[error(
        "This agent speaks A2A and does not understand the messages of a network: call it through the broker or at its A2A \
         address here, or let it join with a callback_url of its own"
    )]
    AgentSpeaksA2a,
    /// There is nowhere to call the agent.
    #[error("This agent has no endpoint: let it join with a callback_url of its own or polling_enabled")]
    AgentWithoutEndpoint,
    /// The network is paused or closed.
    #[error("Network is not active")]
    NetworkNotActive,
    /// The participant is disconnected or has left.
    #[error("Participant is not active")]
    ParticipantNotActive,
    /// The sender is disconnected or has left.
    #[error("Sender is not active")]
    SenderNotActive,
    /// The recipient is disconnected or has left.
    #[error("Recipient is not active")]
    RecipientNotActive,
    /// The participant would get no messages.
    #[error("Participant must have a callback_url or polling_enabled")]
    Unreachable,
    /// A call needs somewhere to go.
    #[error("Recipient has no callback_url; cannot make a synchronous call")]
    NoCallback,
    /// The agent takes part already.
    #[error("Agent already in network")]
    AgentPresent,
    /// As many take part as may.
    #[error("The network has {0} participants, which is as many as it may have")]
    Full(u32),
    /// The topology has no such way.
    #[error(transparent)]
    Topology(#[from] Detour),
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// The URL proves nothing: it is made up, too old, or was replaced.
    #[error("Invalid or expired callback signature")]
    BadCapability,
    /// A field breaks a rule.
    #[error("{field}: {message}")]
    Invalid {
        /// The field's path in the request.
        field: String,
        /// What it must be.
        message: String,
    },
    /// As many calls are running as may run at once.
    #[error("Too many calls are running; try again in a moment")]
    Busy,
    /// As many calls of the owner are running as one owner may run at once.
    #[error("Too many of your calls are running; try again when one has ended")]
    OwnerBusy,
    /// The server is going down, or the call's task died: the call ends as failed.
    #[error("The call was interrupted")]
    Interrupted,
    /// The recipient did not answer in time.
    #[error("The participant did not answer within {} s", .patience.as_secs())]
    CallTimeout {
        /// The message, which has failed.
        message: MessageId,
        /// For how long it was waited.
        patience: Duration,
    },
    /// The recipient could not be reached, or gave no answer.
    #[error("The participant could not be called: {why}")]
    CallFailed {
        /// The message, which has failed.
        message: MessageId,
        /// What went wrong, fit for a stranger.
        why: String,
    },
    /// A rival request with the same idempotency key has not been answered yet.
    #[error("The first request with this Idempotency-Key is still running")]
    KeyRunning,
    /// The idempotency key was used for another request.
    #[error("This Idempotency-Key was used for another request")]
    KeyReused,
    /// A secret could not be encrypted or decrypted.
    #[error("a secret is out of reach")]
    Cipher(#[from] CipherError),
    /// The registry refused for a reason that should be impossible here.
    #[error("the registry refused")]
    Registry(#[source] RegistryError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Which participant a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The one that there is.
    Participant,
    /// Whoever is to send.
    Sender,
    /// Whoever is to receive.
    Recipient,
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Participant => "participant",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
        })
    }
}

impl NetworkError {
    /// A field that breaks a rule.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }
}

impl From<RegistryError> for NetworkError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => Self::Store(error),
            RegistryError::Cipher(error) => Self::Cipher(error),
            other => Self::Registry(other),
        }
    }
}

impl From<Crowded> for NetworkError {
    fn from(crowded: Crowded) -> Self {
        match crowded {
            Crowded::All => Self::Busy,
            Crowded::Owner => Self::OwnerBusy,
        }
    }
}
