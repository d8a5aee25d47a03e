//! What this domain asks of a transaction.

use std::future::Future;

use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::StoreError;

use crate::{
    model::{ImportedCard, RunnerId, StoredPush, StoredTask, TaskId},
    wire::{
        TaskState,
        types::{Message, StreamItem},
    },
};

/// The cards of imported agents.
pub trait CardStore: Send {
    /// Keeps a card. `false` when its agent has one, or another agent of the owner has the endpoint and the name.
    fn insert_card(&mut self, card: &ImportedCard) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Puts a card in the place of the one that its agent has. `false` when another agent of the owner has the endpoint and the
    /// name.
    fn update_card(&mut self, card: &ImportedCard) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets the card of an agent.
    fn delete_card(&mut self, agent: AgentId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the card of an agent.
    fn find_card(&mut self, agent: AgentId) -> impl Future<Output = Result<Option<ImportedCard>, StoreError>> + Send;

    /// The agent that `owner` imported last by the card at `url`, deleted or not.
    fn find_card_at(&mut self, owner: OwnerId, url: &str) -> impl Future<Output = Result<Option<AgentId>, StoreError>> + Send;

    /// The agent that `owner` has imported by a card with this endpoint and this name, deleted or not.
    fn find_card_named(
        &mut self,
        owner: OwnerId,
        endpoint: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<AgentId>, StoreError>> + Send;
}

/// Where a page of tasks begins: behind the task with this status time and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Since when the last task of the page before stands where it does.
    pub status_at: Timestamp,
    /// Its id.
    pub id: TaskId,
}

/// Which tasks of an owner are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// Only those of this context.
    pub context_id: Option<String>,
    /// Only those that stand there.
    pub state: Option<TaskState>,
    /// Only those whose status is as young.
    pub status_after: Option<Timestamp>,
}

/// Tasks and their messages.
pub trait TaskStore: Send {
    /// Keeps a new task. `false` when the owner has one that began with the same digest.
    fn insert_task(&mut self, task: &StoredTask, digest: Option<&[u8]>) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The task of `owner` that began with this digest.
    fn find_repeat(
        &mut self,
        owner: OwnerId,
        digest: &[u8],
    ) -> impl Future<Output = Result<Option<StoredTask>, StoreError>> + Send;

    /// Reads a task.
    fn find_task(&mut self, id: TaskId) -> impl Future<Output = Result<Option<StoredTask>, StoreError>> + Send;

    /// Reads a task and keeps others from changing it until the transaction ends.
    fn lock_task(&mut self, id: TaskId) -> impl Future<Output = Result<Option<StoredTask>, StoreError>> + Send;

    /// Writes a locked task back.
    fn save_task(&mut self, task: &StoredTask) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The tasks of an owner, those whose status is youngest first.
    fn list_tasks(
        &mut self,
        owner: OwnerId,
        filter: &TaskFilter,
        after: Option<Cursor>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<StoredTask>, StoreError>> + Send;

    /// How many tasks of an owner the filter lets through.
    fn count_tasks(&mut self, owner: OwnerId, filter: &TaskFilter) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Keeps a message of a task.
    fn insert_message(
        &mut self,
        task: TaskId,
        seq: i64,
        message: &Message,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The latest messages of each of these tasks, at most `limit` of each, the oldest first.
    fn list_messages(
        &mut self,
        tasks: &[TaskId],
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(TaskId, Message)>, StoreError>> + Send;

    /// Says again that `runner` works on its tasks.
    fn renew_leases(&mut self, runner: RunnerId, until: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Forgets tasks that have been at rest since before `horizon`, with all that belongs to them, at most `limit`; returns how
    /// many.
    fn forget_tasks(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Tasks whose process has not said so for too long.
    fn list_stale(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<TaskId>, StoreError>> + Send;
}

/// What happened with tasks, in order.
pub trait EventStore: Send {
    /// Keeps an event of a task.
    fn insert_event(
        &mut self,
        task: TaskId,
        seq: i64,
        event: &StreamItem,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The events of a task behind `after`, the oldest first.
    fn list_events(
        &mut self,
        task: TaskId,
        after: i64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(i64, StreamItem)>, StoreError>> + Send;

    /// Forgets events that happened before `horizon`, at most `limit`; returns how many.
    fn forget_events(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// Where to tell of tasks.
pub trait PushStore: Send {
    /// Keeps a configuration, in the place of one with the same id.
    fn put_push(&mut self, push: &StoredPush) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a configuration.
    fn find_push(&mut self, task: TaskId, id: &str) -> impl Future<Output = Result<Option<StoredPush>, StoreError>> + Send;

    /// Reads a configuration, and keeps others from changing it until the transaction ends.
    fn lock_push(&mut self, task: TaskId, id: &str) -> impl Future<Output = Result<Option<StoredPush>, StoreError>> + Send;

    /// The configurations of a task, locked if `lock`, in the order of their ids.
    fn list_pushes(&mut self, task: TaskId, lock: bool) -> impl Future<Output = Result<Vec<StoredPush>, StoreError>> + Send;

    /// Forgets a configuration, if there is one.
    fn delete_push(&mut self, task: TaskId, id: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sets how far a configuration's telling has come.
    fn set_push_progress(
        &mut self,
        task: TaskId,
        id: &str,
        delivered: i64,
        queued: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
