//! Agents as somebody: what they are known by, whether they take part, and who vouches for them.
//!
//! It is the same agent as everywhere else. One that was registered without an endpoint is known, may be verified and may trade,
//! and is not called. What is kept here beside it is an [`Identity`]; an agent without one has the first of everything.
//!
//! - [`Identity::status`]: an agent is active, suspended or deactivated. One that is not active is not found, called or traded
//!   with anywhere. What an administrator switched off, its owner does not switch on again.
//! - [`Verification`]: who vouches for an agent, and how ([`crate::proof`]). It ends by itself when what was shown ends, and at once
//!   when what it was about becomes another: one rule says what that is, whoever changes the agent, and how.
//! - [`Standing`]: how an agent's owner does, as far as that is told here.

mod change;
mod likeness;
mod read;
mod standing;
mod verify;
mod wallet;

use rialto_kernel::{AgentId, Caller, OwnerId, Timestamp, words};
use serde_json::Value;

pub use read::{PROFILES_MAX, Profile, list_profiles, metadata, profile, search_profiles, statuses};
pub use standing::{Leader, Standing, leaders, set_standing};
pub use verify::{
    CHALLENGE_LASTS, CHALLENGES_MAX, Challenge, PROOF_LASTS, admit, challenge, check_owner, forget_proofs, unverify,
    verify_by_admin, verify_by_did, verify_by_token,
};
pub use wallet::eip55;

pub(crate) use change::{change, metadata_text, write_new};
pub(crate) use wallet::checked_wallet;

use crate::{Agent, RegistryError, proof::Trust};

words! {
    /// What an agent is known by.
    IdentityType {
        /// By its owner's credential.
        ApiKeyOnly = "api_key_only",
        /// By a token of an issuer that knows it ("know your agent").
        KyaJwt = "kya_jwt",
        /// By a decentralized identifier, and maybe what others attest of it.
        DidVc = "did_vc",
    }
}

words! {
    /// Whether an agent takes part.
    AgentStatus {
        /// It does.
        Active = "active",
        /// It does not, for now.
        Suspended = "suspended",
        /// It does not.
        Deactivated = "deactivated",
    }
}

words! {
    /// How somebody vouches for an agent.
    Method {
        /// An administrator does.
        Admin = "admin",
        /// A token of an issuer that the operator trusts.
        KyaJwt = "kya_jwt",
        /// Whoever acts for it holds the key of an identifier. Anybody makes one, so that alone verifies nobody unless the operator
        /// says so.
        DidControl = "did_control",
        /// The same, and somebody whom the operator trusts attests something of that identifier.
        DidVc = "did_vc",
    }
}

/// Who vouches for an agent, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How.
    pub method: Method,
    /// Who says so, if it is not an administrator: the issuer of the token, or of the credential.
    pub issuer: Option<String>,
    /// Of whom they say it: the token's subject, or the identifier.
    pub subject: Option<String>,
    /// Who asked for it.
    pub by: OwnerId,
    /// The digest of what was shown.
    pub proof: Option<[u8; 32]>,
    /// Since when.
    pub at: Timestamp,
    /// Until when; `None` for as long as nobody takes it back.
    pub expires_at: Option<Timestamp>,
}

impl Verification {
    /// Whether it holds at this moment.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it holds, and is one that the operator trusts now: what an issuer said ends when it is trusted no more.
    #[must_use]
    pub fn counts(&self, trust: &Trust, now: Timestamp) -> bool {
        self.holds(now) && trust.accepts(self.method, self.issuer.as_deref())
    }
}

/// What is known of an agent as somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Of which agent.
    pub agent: AgentId,
    /// What it is known by.
    pub kind: IdentityType,
    /// Where it is paid on a chain, as its owner says.
    pub wallet_address: Option<String>,
    /// Whether it is deactivated, rather than suspended, while it is not active.
    pub is_deactivated: bool,
    /// Whether an administrator switched it off.
    pub held_by_admin: bool,
    /// Whether an administrator took back what vouched for it: nobody but one makes it verified again.
    pub verification_barred: bool,
    /// Who vouches for it, even if that is over.
    pub verification: Option<Verification>,
}

impl Identity {
    /// Of an agent of which nothing more is known.
    #[must_use]
    pub const fn unknown(agent: AgentId) -> Self {
        Self {
            agent,
            kind: IdentityType::ApiKeyOnly,
            wallet_address: None,
            is_deactivated: false,
            held_by_admin: false,
            verification_barred: false,
            verification: None,
        }
    }

    /// Whether its agent takes part.
    #[must_use]
    pub const fn status(&self, agent: &Agent) -> AgentStatus {
        match (agent.is_active, self.is_deactivated) {
            (true, _) => AgentStatus::Active,
            (false, true) => AgentStatus::Deactivated,
            (false, false) => AgentStatus::Suspended,
        }
    }

    /// Whether somebody whom the operator trusts vouches for it at this moment.
    #[must_use]
    pub fn is_verified(&self, trust: &Trust, now: Timestamp) -> bool {
        self.verification.as_ref().is_some_and(|verification| verification.counts(trust, now))
    }

    /// Makes it take part or not, on behalf of `caller`, who may change it.
    fn set_status(&mut self, agent: &mut Agent, status: AgentStatus, caller: &Caller) -> Result<(), RegistryError> {
        let is_active = status == AgentStatus::Active;
        if is_active && self.held_by_admin && !caller.is_admin() {
            return Err(RegistryError::HeldByAdmin);
        }
        agent.is_active = is_active;
        self.is_deactivated = status == AgentStatus::Deactivated;
        self.held_by_admin = !is_active && (self.held_by_admin || holds(caller, agent));
        Ok(())
    }

    /// Whether deactivating its agent on behalf of `caller`, who may, would change nothing. An administrator holds also what its
    /// owner has deactivated already.
    #[must_use]
    pub fn stays_deactivated(&self, agent: &Agent, caller: &Caller) -> bool {
        self.status(agent) == AgentStatus::Deactivated && (self.held_by_admin || !holds(caller, agent))
    }
}

/// Whether what `caller` switches off stays so for its owner: an administrator's hand, and not the owner's own.
fn holds(caller: &Caller, agent: &Agent) -> bool {
    caller.is_admin() && caller.owner != agent.owner
}

/// An agent to be registered as somebody: it need not have an endpoint or a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// What it is to be known by. That is a wish until somebody vouches for it.
    pub kind: IdentityType,
    /// See [`Identity::wallet_address`].
    pub wallet_address: Option<String>,
    /// What its owner wants to keep with it: a JSON object of at most 16 KiB.
    pub metadata: Option<Value>,
}
