//! What the registry asks of a transaction.

use std::future::Future;

use rialto_kernel::{AgentId, Event, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use serde_json::Value;

use crate::{
    Agent, AgentFilter, AgentName, AgentRef, Capability, Quality, Rating, StoredCredential, TextMatch, index::IndexEntry,
};

/// One agent at a time. None of these sees an agent that was deleted.
pub trait AgentStore: Send {
    /// Writes a new agent, and returns whether its readable id was free.
    fn insert_agent(&mut self, agent: &Agent, manifest: Option<&Value>) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads an agent, active or not.
    fn find_agent(&mut self, agent: &AgentRef) -> impl Future<Output = Result<Option<Agent>, StoreError>> + Send;

    /// Reads an agent and keeps others from changing it until the transaction ends.
    fn lock_agent(&mut self, agent: &AgentRef) -> impl Future<Output = Result<Option<Agent>, StoreError>> + Send;

    /// Writes a locked agent back, all but its ratings, and the manifest if there is a new one.
    fn save_agent(&mut self, agent: &Agent, manifest: Option<&Value>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks an agent as deleted, and destroys its credential.
    fn delete_agent(&mut self, agent: AgentId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes what an agent says it can do, in place of what it said before.
    fn replace_capabilities(
        &mut self,
        agent: AgentId,
        capabilities: &[Capability],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads what an agent says it can do, in its owner's order.
    fn list_capabilities(&mut self, agent: AgentId) -> impl Future<Output = Result<Vec<Capability>, StoreError>> + Send;

    /// Writes a fact to the outbox.
    fn append_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Many agents at a time, and what they are found by.
pub trait CatalogStore: Send {
    /// Writes what an agent is found by, in place of what it was found by before.
    fn put_index(&mut self, agent: AgentId, entry: &IndexEntry) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes an agent impossible to find.
    fn remove_index(&mut self, agent: AgentId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists active agents.
    fn list_agents(
        &mut self,
        filter: &AgentFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Agent>, StoreError>> + Send;

    /// Lists an owner's agents, active or not, the newest first.
    fn list_owned(&mut self, owner: OwnerId, page: PageRequest) -> impl Future<Output = Result<Page<Agent>, StoreError>> + Send;

    /// Reads the active ones of these agents, in no order.
    fn list_by_id(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<Agent>, StoreError>> + Send;

    /// Reads what these agents are called, deleted ones too.
    fn list_names(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<(AgentId, AgentName)>, StoreError>> + Send;

    /// Lists active agents that have at least one of `terms` (as [`crate::terms`] makes them), the best first.
    fn list_matches(&mut self, terms: &[String], limit: u32) -> impl Future<Output = Result<Vec<TextMatch>, StoreError>> + Send;
}

/// How agents do. Days are counted from 1970-01-01.
pub trait QualityStore: Send {
    /// Counts a call.
    fn add_call(
        &mut self,
        agent: AgentId,
        day: i32,
        success: bool,
        latency_ms: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sums up the calls of these agents since `day`. Agents without calls are left out.
    fn list_quality(
        &mut self,
        agents: &[AgentId],
        since_day: i32,
    ) -> impl Future<Output = Result<Vec<(AgentId, Quality)>, StoreError>> + Send;

    /// Lists the active agents called most since `day`, with their numbers of calls.
    fn list_most_called(
        &mut self,
        since_day: i32,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(AgentId, i64)>, StoreError>> + Send;

    /// Deletes what was counted before `before_day`, at most `limit` rows, and returns how many.
    fn delete_calls(&mut self, before_day: i32, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// What owners think of agents.
pub trait RatingStore: Send {
    /// Reads an owner's rating of an agent.
    fn find_rating(&mut self, agent: AgentId, owner: OwnerId) -> impl Future<Output = Result<Option<Rating>, StoreError>> + Send;

    /// Writes a rating, in place of one with the same id.
    fn put_rating(&mut self, rating: &Rating) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds to the sums of an agent that is locked.
    fn add_score(&mut self, agent: AgentId, score: i32, count: i32) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists the ratings of an agent, the latest first.
    fn list_ratings(
        &mut self,
        agent: AgentId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Rating>, StoreError>> + Send;
}

/// The credentials of agents, encrypted.
pub trait CredentialStore: Send {
    /// Writes an agent's credential, in place of an earlier one.
    fn put_credential(
        &mut self,
        agent: AgentId,
        credential: &StoredCredential,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads an agent's credential.
    fn find_credential(&mut self, agent: AgentId) -> impl Future<Output = Result<Option<StoredCredential>, StoreError>> + Send;

    /// Destroys an agent's credential, if there is one.
    fn delete_credential(&mut self, agent: AgentId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
