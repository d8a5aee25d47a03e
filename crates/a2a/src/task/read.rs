//! Reading tasks.

use std::collections::HashMap;

use rialto_kernel::Timestamp;
use rialto_store::StoreError;

use super::change::made_so_far;
use crate::{
    A2aError,
    model::{Scope, StoredTask, TaskId},
    store::{Cursor, EventStore, TaskFilter, TaskStore},
    wire::{
        params::ListTasks,
        types::{Message, Task},
    },
};

/// The most messages that a task is shown with; it has no more.
const HISTORY_MAX: u32 = 100;
/// The most messages of each task in a list.
const LISTED_HISTORY_MAX: u32 = 10;
/// How many tasks a page has.
const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;
/// How many it has at most when the tasks come with what was said or made.
const FULL_PAGE_MAX: u32 = 20;

/// No token of ours is of a later time: the year 3000.
const TOKEN_MICROS_MAX: i64 = 32_503_680_000_000_000;

/// A page of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Where the next page begins; empty at the end.
    pub next_page_token: String,
    /// How many tasks a page has at most.
    pub page_size: u32,
    /// How many there are in all.
    pub total_size: i64,
}

/// The task as its client sees it now, with at most so many of its messages.
///
/// # Errors
/// The store's.
pub async fn snapshot(
    tx: &mut (impl TaskStore + EventStore),
    task: StoredTask,
    history_length: Option<u32>,
) -> Result<Task, StoreError> {
    let artifacts = made_so_far(tx, &task).await?;
    let limit = history_length.unwrap_or(HISTORY_MAX).min(HISTORY_MAX);
    let history = tx.list_messages(&[task.id], limit.into()).await?;
    Ok(task.into_wire(Some(artifacts), history.into_iter().map(|(_, message)| message).collect()))
}

/// A task of the caller.
///
/// # Errors
/// [`A2aError::TaskNotFound`].
pub async fn find(tx: &mut impl TaskStore, scope: &Scope, id: &str) -> Result<StoredTask, A2aError> {
    let id: TaskId = id.parse().map_err(|_| A2aError::TaskNotFound)?;
    tx.find_task(id).await?.filter(|task| scope.reaches(task)).ok_or(A2aError::TaskNotFound)
}

/// The caller's tasks, those first whose status is youngest.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub async fn list(tx: &mut (impl TaskStore + EventStore), scope: &Scope, asked: &ListTasks) -> Result<Listed, A2aError> {
    let page_size = asked.page_size.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&page_size) {
        return Err(A2aError::invalid("pageSize", format!("must be between 1 and {PAGE_MAX}")));
    }
    let history = asked.history_length.unwrap_or(0).min(LISTED_HISTORY_MAX);
    let is_full = asked.include_artifacts || history > 0;
    let page_size = if is_full { page_size.min(FULL_PAGE_MAX) } else { page_size };
    let after = asked.page_token.as_deref().map(cursor).transpose()?;
    let filter = TaskFilter {
        agent: scope.agent,
        context_id: asked.context_id.clone(),
        state: asked.state,
        status_after: asked.status_after,
    };
    let owner = scope.caller.owner;
    // One more than is shown tells whether there is a next page.
    let mut found = tx.list_tasks(owner, &filter, after, i64::from(page_size) + 1).await?;
    let shown = usize::try_from(page_size).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let next_page_token = found.last().filter(|_| !is_last).map(token).unwrap_or_default();
    let total_size = tx.count_tasks(owner, &filter).await?;
    let tasks = shape(tx, found, history, asked.include_artifacts).await?;
    Ok(Listed { tasks, next_page_token, page_size, total_size })
}

async fn shape(
    tx: &mut (impl TaskStore + EventStore),
    found: Vec<StoredTask>,
    history: u32,
    with_artifacts: bool,
) -> Result<Vec<Task>, StoreError> {
    let ids: Vec<TaskId> = found.iter().map(|task| task.id).collect();
    let mut said: HashMap<TaskId, Vec<Message>> = HashMap::new();
    for (task, message) in tx.list_messages(&ids, history.into()).await? {
        said.entry(task).or_default().push(message);
    }
    let mut tasks = Vec::with_capacity(found.len());
    for task in found {
        // Only a task that is being worked on has made more than its row says.
        let artifacts = if with_artifacts { Some(made_so_far(tx, &task).await?) } else { None };
        let history = said.remove(&task.id).unwrap_or_default();
        tasks.push(task.into_wire(artifacts, history));
    }
    Ok(tasks)
}

fn token(task: &StoredTask) -> String {
    format!("{}.{}", task.status_at.micros(), task.id)
}

fn cursor(token: &str) -> Result<Cursor, A2aError> {
    let read = || {
        let (micros, id) = token.split_once('.')?;
        let micros = micros.parse().ok().filter(|micros| (0..=TOKEN_MICROS_MAX).contains(micros))?;
        let status_at = Timestamp::from_micros(micros);
        Some(Cursor { status_at, id: id.parse().ok()? })
    };
    read().ok_or_else(|| A2aError::invalid("pageToken", "is not one that an earlier page ended with"))
}
