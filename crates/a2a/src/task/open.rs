//! Opening a task, and saying more in one that asks.

use rialto_kernel::{Id, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    A2aError,
    model::{RunnerId, Scope, StoredPush, StoredTask, TaskId},
    push,
    store::{PushStore, TaskStore},
    wire::{
        TaskState,
        params::Send,
        types::{Message, Metadata},
    },
};

/// The most messages of one task.
const MESSAGES_MAX: i64 = 100;

/// What is to be opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// By whom, and where.
    pub scope: Scope,
    /// The id of a new task.
    pub id: TaskId,
    /// What is said; checked.
    pub send: Send,
    /// Where to tell of it; checked, and for the task that is opened.
    pub push: Option<StoredPush>,
    /// Whether the same message again is a repeat. Work that costs money is not to be done twice.
    pub once: bool,
    /// The process that will work on it, and until when that is believed.
    pub lease: (RunnerId, Timestamp),
}

/// What an opening finds.
#[derive(Debug, Clone, PartialEq)]
pub enum Opened {
    /// There is work to do.
    Begun(StoredTask),
    /// The same message came before: this is its task.
    Repeated(StoredTask),
}

/// Opens a task, or goes on with the one that the message names.
///
/// # Errors
/// [`A2aError::ReadOnly`]; [`A2aError::TaskNotFound`]; [`A2aError::Unsupported`] when the task takes no more messages;
/// [`A2aError::InvalidParams`] when the message names another context than its task's.
pub async fn open(tx: &mut (impl TaskStore + PushStore), opening: &Opening, now: Timestamp) -> Result<Opened, A2aError> {
    if !opening.scope.caller.may_write(opening.scope.caller.owner) {
        return Err(A2aError::ReadOnly);
    }
    match &opening.send.message.task_id {
        Some(task) => go_on(tx, opening, task, now).await,
        None => begin(tx, opening, now).await,
    }
}

async fn begin(tx: &mut (impl TaskStore + PushStore), opening: &Opening, now: Timestamp) -> Result<Opened, A2aError> {
    let message = &opening.send.message;
    let digest = opening.once.then(|| digest(opening));
    let task = StoredTask {
        id: opening.id,
        owner: opening.scope.caller.owner,
        agent: opening.scope.agent,
        context_id: message.context_id.clone().unwrap_or_else(|| Id::<()>::new().to_string()),
        state: TaskState::Working,
        last_event: 0,
        folded_event: 0,
        last_message: 1,
        lease: Some(opening.lease),
        created_at: now,
        status_at: now,
        status_message: None,
        metadata: None,
        artifacts: Vec::new(),
    };
    if !tx.insert_task(&task, digest.as_deref()).await? {
        let repeated = match &digest {
            Some(digest) => tx.find_repeat(task.owner, digest).await?,
            None => None,
        };
        return repeated.map(Opened::Repeated).ok_or(A2aError::Raced);
    }
    tx.insert_message(task.id, 1, &belonging(message.clone(), &task)).await?;
    keep_push(tx, opening, &task).await?;
    Ok(Opened::Begun(task))
}

async fn go_on(tx: &mut (impl TaskStore + PushStore), opening: &Opening, task: &str, now: Timestamp) -> Result<Opened, A2aError> {
    let message = &opening.send.message;
    let id: TaskId = task.parse().map_err(|_| A2aError::TaskNotFound)?;
    let found = tx.lock_task(id).await?.filter(|task| opening.scope.reaches(task));
    let mut task = found.ok_or(A2aError::TaskNotFound)?;
    if message.context_id.as_ref().is_some_and(|context| *context != task.context_id) {
        return Err(A2aError::invalid("message.contextId", "is not the context of the task"));
    }
    if task.state.is_terminal() {
        return Err(A2aError::Unsupported(format!("The task is {} and takes no more messages", task.state.legacy())));
    }
    if !task.state.is_at_rest() {
        return Err(A2aError::Unsupported("The task is being worked on, and asks nothing".to_owned()));
    }
    if task.last_message >= MESSAGES_MAX {
        return Err(A2aError::Unsupported(format!("A task has at most {MESSAGES_MAX} messages")));
    }
    // What was asked is said now.
    if let Some(asked) = task.status_message.take() {
        task.last_message += 1;
        tx.insert_message(id, task.last_message, &asked).await?;
    }
    task.last_message += 1;
    tx.insert_message(id, task.last_message, &belonging(message.clone(), &task)).await?;
    (task.state, task.status_at, task.lease) = (TaskState::Working, now.max(task.status_at), Some(opening.lease));
    tx.save_task(&task).await?;
    keep_push(tx, opening, &task).await?;
    Ok(Opened::Begun(task))
}

/// The message with the ids of what it belongs to.
fn belonging(message: Message, task: &StoredTask) -> Message {
    Message { context_id: Some(task.context_id.clone()), task_id: Some(task.id.to_string()), ..message }
}

async fn keep_push(tx: &mut impl PushStore, opening: &Opening, task: &StoredTask) -> Result<(), A2aError> {
    let Some(push) = &opening.push else { return Ok(()) };
    push::keep(tx, task, push).await.map(drop)
}

/// What makes a message the same: who is asked, and every word of it.
fn digest(opening: &Opening) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Same<'a> {
        agent: Option<String>,
        message: &'a Message,
        metadata: &'a Option<Metadata>,
    }
    let same = Same {
        agent: opening.scope.agent.map(|agent| agent.to_string()),
        message: &opening.send.message,
        metadata: &opening.send.metadata,
    };
    Sha256::digest(serde_json::to_vec(&same).unwrap_or_default()).to_vec()
}
