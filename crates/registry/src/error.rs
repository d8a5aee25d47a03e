//! What can go wrong in the registry.

use rialto_store::StoreError;

use crate::{cipher::CipherError, proof::ProofError};

/// Why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No such agent, or it was deleted.
    #[error("Agent not found")]
    NotFound,
    /// The agent is somebody else's.
    #[error("Not authorized to {action} this agent")]
    NotOwner {
        /// What was tried, as a verb.
        action: &'static str,
    },
    /// No such service.
    #[error("Service not found")]
    ServiceNotFound,
    /// The service was removed, and stays so.
    #[error("This service was removed")]
    ServiceRemoved,
    /// The service is somebody else's.
    #[error("Only the service owner can {action}")]
    NotYourService {
        /// What was tried, as a verb.
        action: &'static str,
    },
    /// It takes a provider's credential.
    #[error("Provider access required")]
    NotSeller,
    /// The caller may only look.
    #[error("This account may only read")]
    ReadOnly,
    /// A field breaks a rule.
    #[error("{field}: {message}")]
    Invalid {
        /// The field's path in the request.
        field: String,
        /// What it must be.
        message: String,
    },
    /// The manifest's readable id was given to an agent before, maybe one that is deleted.
    #[error("The agent_id {0} is taken")]
    AgentIdTaken(String),
    /// It takes an administrator.
    #[error("Admin access required")]
    AdminOnly,
    /// An administrator switched the agent off.
    #[error("An administrator has suspended this agent; its owner cannot make it active")]
    HeldByAdmin,
    /// What was shown proves nothing.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The token is about somebody else.
    #[error("The token's sub is neither an id nor the wallet address of this agent")]
    WrongSubject,
    /// The token has vouched for an agent before, or has ended meanwhile.
    #[error("The token was used before, or has expired; ask its issuer for a new one")]
    ProofUsed,
    /// An administrator took back what vouched for the agent.
    #[error("An administrator took this agent's verification back; only one verifies it again")]
    VerificationBarred,
    /// What vouches for the agent is more than what was shown, or holds longer.
    #[error("What vouches for this agent is stronger than this, or holds longer")]
    WeakerProof,
    /// The agent was changed since an administrator looked at it.
    #[error("This agent was changed since it was looked at")]
    NotAsSeen,
    /// The identifier stands for another agent.
    #[error("This identifier stands for another agent")]
    DidTaken,
    /// The challenge was not made for this agent, is over, or was answered before.
    #[error("The challenge is unknown, over, or was answered before; ask for a new one")]
    ChallengeUnknown,
    /// Nobody rates their own agent.
    #[error("You cannot rate your own agent")]
    OwnAgent,
    /// A credential could not be encrypted or decrypted.
    #[error("the agent's credential is out of reach")]
    Cipher(#[from] CipherError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// A field that breaks a rule.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), message: message.into() }
    }
}
