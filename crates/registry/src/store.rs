//! What the registry asks of a transaction.

mod identity;

use std::future::Future;

pub use self::identity::{IdentityStore, ProofStore, StandingStore};

use rialto_embeddings::{Int8Vector, Probe};
use rialto_kernel::{AgentId, Event, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use serde_json::Value;

use crate::{
    Agent, AgentFilter, AgentName, AgentRef, Capability, Quality, Rating, StoredCredential, TextMatch,
    index::{IndexEntry, IndexTexts},
    service::{Service, ServiceFilter, ServiceId},
};

/// One agent at a time. None of these sees an agent that was deleted.
pub trait AgentStore: Send {
    /// Writes a new agent, and returns whether its readable id was free.
    fn insert_agent(&mut self, agent: &Agent, manifest: Option<&Value>) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads an agent, active or not.
    fn find_agent(&mut self, agent: &AgentRef) -> impl Future<Output = Result<Option<Agent>, StoreError>> + Send;

    /// The ids of these agents, in their order; none for one that does not exist.
    fn find_agent_ids(&mut self, agents: &[AgentRef]) -> impl Future<Output = Result<Vec<Option<AgentId>>, StoreError>> + Send;

    /// Agents that were deleted, in the order of their ids, after this one.
    fn deleted_agents(
        &mut self,
        after: Option<AgentId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<AgentId>, StoreError>> + Send;

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

    /// Says that what an agent is found by has changed, and asks for its vector to be made after the commit.
    fn request_vector(&mut self, agent: AgentId, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

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

/// Services. None of these leaves out those that were removed, unless the filter says so.
pub trait ServiceStore: Send {
    /// Writes a new service.
    fn insert_service(&mut self, service: &Service) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a service.
    fn find_service(&mut self, id: ServiceId) -> impl Future<Output = Result<Option<Service>, StoreError>> + Send;

    /// Reads a service and keeps others from changing it until the transaction ends.
    fn lock_service(&mut self, id: ServiceId) -> impl Future<Output = Result<Option<Service>, StoreError>> + Send;

    /// Writes a locked service back.
    fn save_service(&mut self, service: &Service) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists services.
    fn list_services(
        &mut self,
        filter: &ServiceFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Service>, StoreError>> + Send;

    /// Reads these services, in no order.
    fn list_services_by_id(&mut self, ids: &[ServiceId]) -> impl Future<Output = Result<Vec<Service>, StoreError>> + Send;

    /// Counts the active services of each category, the fullest first.
    fn list_service_categories(&mut self, limit: u32) -> impl Future<Output = Result<Vec<(String, i64)>, StoreError>> + Send;
}

/// How far the vectors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorHead {
    /// The number of the last change.
    pub change_no: i64,
    /// Whether an agent changed whose vector was not made yet.
    pub has_stale: bool,
    /// The model that makes vectors now; `None` before the first one did.
    pub model: Option<String>,
}

/// A place in the order of all changes of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The number of the change.
    pub change_no: i64,
    /// One agent of those that changed together.
    pub agent: AgentId,
}

/// What became of an agent's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorChange {
    /// Where it stands among all changes.
    pub at: Cursor,
    /// The vector; `None` when the agent is not to be found any more, or another model made it.
    pub vector: Option<Int8Vector>,
}

/// An agent whose vector is not what its texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleAgent {
    /// The agent.
    pub agent: AgentId,
    /// Which state of its texts this is.
    pub revision: i64,
    /// What it is found by; `None` when it is not to be found.
    pub texts: Option<IndexTexts>,
}

/// A vector that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeVector {
    /// The agent.
    pub agent: AgentId,
    /// The state of its texts that it was made from.
    pub revision: i64,
    /// The vector; `None` when the agent is not to be found.
    pub vector: Option<Int8Vector>,
}

/// What agents mean. The texts are those of [`CatalogStore::put_index`].
pub trait VectorStore: Send {
    /// Reads how far the vectors are.
    fn vector_head(&mut self) -> impl Future<Output = Result<VectorHead, StoreError>> + Send;

    /// Makes `model` the one that makes vectors, and returns whether another one, or none, did before.
    fn set_vector_model(&mut self, model: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Declares vectors of other models than `model` out of date, at most `limit`, and returns how many.
    fn expire_vectors(&mut self, model: &str, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Lists what changed after `after`, in order.
    fn list_vector_changes(
        &mut self,
        model: &str,
        after: Cursor,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<VectorChange>, StoreError>> + Send;

    /// Lists agents whose vectors are out of date, those registered first before others.
    fn list_stale(&mut self, limit: u32) -> impl Future<Output = Result<Vec<StaleAgent>, StoreError>> + Send;

    /// Reads one such agent; `None` when its vector is up to date.
    fn find_stale(&mut self, agent: AgentId) -> impl Future<Output = Result<Option<StaleAgent>, StoreError>> + Send;

    /// Writes vectors as one change, unless another model makes vectors now, and returns whether it did. A vector of an
    /// earlier state of the texts than the stored one is left out.
    fn put_vectors(&mut self, model: &str, made: &[MadeVector]) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads what these agents are found by, in no order; descriptions are cut. Those that are not to be found are left
    /// out.
    fn list_texts(&mut self, agents: &[AgentId]) -> impl Future<Output = Result<Vec<(AgentId, IndexTexts)>, StoreError>> + Send;

    /// Lists agents with exactly this name, in lower case, at most `limit`.
    fn list_named(&mut self, name: &str, limit: u32) -> impl Future<Output = Result<Vec<AgentId>, StoreError>> + Send;
}

/// What vectors can be compared with each other: those of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorSpace {
    /// The model.
    pub model: String,
    /// How many numbers its vectors have.
    pub dimensions: usize,
}

/// Neighbours by an index of the database, where it has one: PostgreSQL with the extension pgvector.
pub trait NeighbourStore: Send {
    /// Whether a model has more than `count` vectors.
    fn has_vectors_beyond(&mut self, model: &str, count: u32) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether the database has pgvector.
    fn has_pgvector(&mut self) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether the index over these vectors is there and whole.
    fn has_vector_index(&mut self, space: &VectorSpace) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Lists agents near to the query with their vectors, at most `count`, the nearest first. It may miss some.
    fn list_neighbours(
        &mut self,
        space: &VectorSpace,
        probe: &Probe,
        count: u32,
    ) -> impl Future<Output = Result<Vec<(AgentId, Int8Vector)>, StoreError>> + Send;
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
