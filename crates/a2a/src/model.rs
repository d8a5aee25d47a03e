//! Cards, tasks and push notification configurations as they are kept.

use rialto_kernel::{AgentId, Caller, Id, OwnerId, Timestamp};
use rialto_registry::cipher::Sealed;

use crate::{
    card::Signature,
    wire::{
        TaskState, Version,
        types::{Artifact, Message, Metadata, Part, Task, TaskStatus, moment},
    },
};

/// The noun that task ids name.
pub enum A2aTask {}
/// The id of a task, which is the id of the call that it makes.
pub type TaskId = Id<A2aTask>;

/// The noun that ids of processes name which work on tasks.
pub enum Runner {}
/// The id of a process that works on tasks.
pub type RunnerId = Id<Runner>;

/// The card of an imported agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedCard {
    /// Whose card.
    pub agent: AgentId,
    /// Whose agent.
    pub owner: OwnerId,
    /// Where it is called.
    pub endpoint: String,
    /// What the card calls its agent.
    pub name: String,
    /// Where the card was found.
    pub url: String,
    /// Whether it is what somebody signed.
    pub signature: Signature,
    /// When it was found.
    pub fetched_at: Timestamp,
    /// The card, byte for byte.
    pub bytes: Vec<u8>,
}

/// A task as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTask {
    /// Its id.
    pub id: TaskId,
    /// Who asked for it.
    pub owner: OwnerId,
    /// Of which agent; `None` when the platform itself was asked.
    pub agent: Option<AgentId>,
    /// The context that it belongs to.
    pub context_id: String,
    /// Where it stands.
    pub state: TaskState,
    /// The number of its latest event.
    pub last_event: i64,
    /// The number of the latest event that `artifacts` has in it.
    pub folded_event: i64,
    /// The number of its latest message.
    pub last_message: i64,
    /// Which process works on it, and until when that is believed.
    pub lease: Option<(RunnerId, Timestamp)>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Since when it stands there.
    pub status_at: Timestamp,
    /// What the agent says about it.
    pub status_message: Option<Message>,
    /// What else is known about it.
    pub metadata: Option<Metadata>,
    /// What was made, as far as it is in here.
    pub artifacts: Vec<Artifact>,
}

impl StoredTask {
    /// Where it stands, in the words of the wire.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        TaskStatus { state: self.state, message: self.status_message.clone(), timestamp: Some(moment(self.status_at)) }
    }

    /// The task as its client sees it.
    pub(crate) fn into_wire(self, artifacts: Option<Vec<Artifact>>, history: Vec<Message>) -> Task {
        let status = self.status();
        Task { id: self.id.to_string(), context_id: self.context_id, status, artifacts, history, metadata: self.metadata }
    }
}

/// How a task ends, or comes to rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Where it stands from then on.
    pub state: TaskState,
    /// What the agent says about it; nothing when empty.
    pub says: Vec<Part>,
    /// What was made, in one piece; nothing when empty.
    pub made: Vec<Part>,
    /// What else is known about it now.
    pub metadata: Metadata,
}

impl Ended {
    /// Comes to this state, saying this.
    #[must_use]
    pub fn saying(state: TaskState, words: impl Into<String>) -> Self {
        Self { state, says: vec![Part::text(words)], made: Vec::new(), metadata: Metadata::new() }
    }
}

/// Whose tasks are meant: the caller's, of one agent or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Who asks.
    pub caller: Caller,
    /// At which agent's address; `None` at the platform's, where all tasks of the caller can be reached.
    pub agent: Option<AgentId>,
}

impl Scope {
    /// Whether a task can be reached from here.
    #[must_use]
    pub fn reaches(&self, task: &StoredTask) -> bool {
        task.owner == self.caller.owner && (self.agent.is_none() || task.agent == self.agent)
    }
}

/// Where to tell of a task, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPush {
    /// Of which task.
    pub task: TaskId,
    /// Its id within the task.
    pub id: String,
    /// Where to tell.
    pub url: String,
    /// In which words.
    pub version: Version,
    /// The scheme of the `Authorization` header.
    pub scheme: Option<String>,
    /// The token and the credentials, encrypted.
    pub secrets: Option<Sealed>,
    /// The number of the latest event that was told.
    pub delivered: i64,
    /// Whether a job is at it.
    pub queued: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for StoredPush {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredPush").field("task", &self.task).field("id", &self.id).finish_non_exhaustive()
    }
}
