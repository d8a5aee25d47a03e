//! Who agents are.

use std::future::Future;

use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use serde_json::Value;

use crate::{
    Agent,
    identity::{AgentStatus, Identity, Standing},
};

/// Who agents are, who vouches for them, and what was shown for it.
pub trait IdentityStore: Send {
    /// Reads what is known of an agent.
    fn find_identity(&mut self, agent: AgentId) -> impl Future<Output = Result<Identity, StoreError>> + Send;

    /// Writes what is known of an agent, all but its metadata.
    fn put_identity(&mut self, identity: &Identity) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads what is known of these agents, in no order. Those of which nothing was written are left out.
    fn list_identities(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<Identity>, StoreError>> + Send;

    /// Reads the metadata of an agent.
    fn find_metadata(&mut self, agent: AgentId) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// Writes the metadata of an agent whose identity is written.
    fn put_metadata(&mut self, agent: AgentId, metadata: &Value) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists what these agents say they can do, by name, each one's in its owner's order.
    fn list_capability_names(
        &mut self,
        agents: &[AgentId],
    ) -> impl Future<Output = Result<Vec<(AgentId, String)>, StoreError>> + Send;

    /// Lists agents of a status, the newest first.
    fn list_by_status(
        &mut self,
        status: AgentStatus,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Agent>, StoreError>> + Send;

    /// How these agents stand, in no order. Those that were deleted are left out.
    fn list_statuses(
        &mut self,
        agents: &[AgentId],
    ) -> impl Future<Output = Result<Vec<(AgentId, AgentStatus)>, StoreError>> + Send;

    /// Lists active agents with this text in their name or readable id, whatever the case of its ASCII letters, or with this id;
    /// those first whose owners do best. It looks where an index leads, among the agents of those owners, and among the newest: it
    /// may miss an agent that is none of those and has the text in the middle of a word, and some where very many begin alike.
    fn search_named(&mut self, text: &str, limit: u32) -> impl Future<Output = Result<Vec<Agent>, StoreError>> + Send;
}

/// What was asked of agents and shown for them.
pub trait ProofStore: Send {
    /// Ends what another agent shows with this identifier, if that is over or the agent was deleted: it stands for one agent, and
    /// [`Self::put_identity`] with one that stands for another is [`StoreError::Unique`].
    fn free_did(&mut self, did: &str, agent: AgentId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a challenge, and forgets those of the agent that are over, and the oldest beyond `most`.
    fn put_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        expires_at: Timestamp,
        most: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether `asked_by` was given this challenge for the agent, and it is not over.
    fn has_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes such a challenge away, and returns whether it was there and not over.
    fn take_challenge(
        &mut self,
        agent: AgentId,
        asked_by: OwnerId,
        digest: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Marks a proof as used until it ends anyway, and returns whether it was not used before.
    fn use_proof(&mut self, digest: &[u8; 32], expires_at: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets challenges and used proofs whose time is over, at most `limit` of each, and returns how many.
    fn forget_proofs(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// How the owners of agents do.
pub trait StandingStore: Send {
    /// Writes how an owner does.
    fn put_standing(&mut self, owner: OwnerId, standing: Standing) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists the active agents whose owners do best, the best first; of equals those first whose owners were called more.
    fn list_leaders(&mut self, limit: u32) -> impl Future<Output = Result<Vec<(Agent, Standing)>, StoreError>> + Send;
}
