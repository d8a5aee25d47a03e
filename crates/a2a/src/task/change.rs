//! What happens with a task: things are made, and it ends. All of these lock the task first, so that exactly one of several
//! ends comes true.

use rialto_kernel::{Id, Timestamp};
use rialto_store::{StoreError, Tx};

use crate::{
    A2aError,
    executor::{Abandoned, Executor},
    model::{Ended, RunnerId, Scope, StoredTask, TaskId},
    push,
    store::{EventStore, TaskStore},
    wire::{
        TaskState,
        types::{Artifact, ArtifactUpdate, Message, Metadata, Part, StatusUpdate, StreamItem, fold},
    },
};

/// What a task makes, unless it makes several things.
const RESULT: &str = "result";
/// How many events are read at once.
const EVENTS_PAGE: i64 = 200;

/// What a task is told that nobody finished.
const INTERRUPTED: &str = "The task was interrupted and not charged";
/// What it is told when its client did not want it any more.
const CANCELED: &str = "Canceled by its client";

/// Keeps what a task has made. Whether the task is still this process's to work on.
///
/// # Errors
/// The store's.
pub async fn artifact(
    tx: &mut Tx,
    id: TaskId,
    runner: RunnerId,
    artifact: &Artifact,
    append: bool,
    last_chunk: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(mut task) = at_work(tx, id, Some(runner)).await? else { return Ok(false) };
    make(tx, &mut task, artifact.clone(), append, last_chunk, now).await?;
    tx.save_task(&task).await?;
    push::queue(tx, &task, now).await?;
    Ok(true)
}

/// Brings a task to its end, or to rest. `None` when it was there already, or another process works on it.
///
/// # Errors
/// The store's.
pub async fn end(
    tx: &mut Tx,
    id: TaskId,
    runner: RunnerId,
    ended: &Ended,
    now: Timestamp,
) -> Result<Option<StoredTask>, StoreError> {
    match at_work(tx, id, Some(runner)).await? {
        Some(task) => conclude(tx, task, ended.clone(), now).await.map(Some),
        None => Ok(None),
    }
}

/// What came of the wish to cancel a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Canceled {
    /// It is canceled, now or before.
    Done(Box<StoredTask>),
    /// It had come to its end, and that stays.
    TooLate(TaskState),
    /// Its work is just about to begin, and cannot be stopped right now: try again.
    NotYet,
}

/// Cancels a task and whatever it has begun, in one transaction, so that either the work is done and paid, or neither. Once a
/// piece of the work was given, it is not free any more: it goes on without the task, to its end and its pay.
///
/// # Errors
/// [`A2aError::TaskNotFound`] or [`A2aError::ReadOnly`].
pub async fn cancel(tx: &mut Tx, executor: &dyn Executor, scope: &Scope, id: &str, now: Timestamp) -> Result<Canceled, A2aError> {
    let id: TaskId = id.parse().map_err(|_| A2aError::TaskNotFound)?;
    let found = tx.lock_task(id).await?.filter(|task| scope.reaches(task));
    let task = found.ok_or(A2aError::TaskNotFound)?;
    if !scope.caller.may_write(task.owner) {
        return Err(A2aError::ReadOnly);
    }
    if task.state == TaskState::Canceled {
        return Ok(Canceled::Done(Box::new(task)));
    }
    if task.state.is_terminal() {
        return Ok(Canceled::TooLate(task.state));
    }
    let abandoned = if task.state.is_at_rest() {
        // It has nothing begun.
        Abandoned::Stopped
    } else if task.last_event > task.folded_event {
        // Pieces were made since it was at rest the last time, and everybody who follows it has them.
        executor.let_go(tx, id, now).await?
    } else {
        executor.abandon(tx, id, now).await?
    };
    match abandoned {
        Abandoned::NotBegun => Ok(Canceled::NotYet),
        Abandoned::LetGo(ended) => Ok(Canceled::Done(Box::new(conclude(tx, task, ended, now).await?))),
        Abandoned::Stopped => {
            let ended = Ended::saying(TaskState::Canceled, CANCELED);
            Ok(Canceled::Done(Box::new(conclude(tx, task, ended, now).await?)))
        }
        Abandoned::HadEnded(ended) => {
            let state = ended.state;
            conclude(tx, task, ended, now).await?;
            Ok(Canceled::TooLate(state))
        }
    }
}

/// Ends a task whose process has died: as its work ended, if it did; failed otherwise. Whether it was one.
///
/// # Errors
/// The store's.
pub async fn fail_stale(tx: &mut Tx, executor: &dyn Executor, id: TaskId, now: Timestamp) -> Result<bool, A2aError> {
    let Some(task) = at_work(tx, id, None).await? else { return Ok(false) };
    if task.lease.is_some_and(|(_, until)| until >= now) {
        return Ok(false);
    }
    let ended = match executor.abandon(tx, id, now).await? {
        Abandoned::HadEnded(ended) | Abandoned::LetGo(ended) => ended,
        Abandoned::Stopped | Abandoned::NotBegun => Ended::saying(TaskState::Failed, INTERRUPTED),
    };
    conclude(tx, task, ended, now).await?;
    Ok(true)
}

/// The task, locked, if it is being worked on, by `runner` if one is named.
async fn at_work(tx: &mut Tx, id: TaskId, runner: Option<RunnerId>) -> Result<Option<StoredTask>, StoreError> {
    let task = tx.lock_task(id).await?;
    let is_ours = |task: &StoredTask| runner.is_none_or(|runner| task.lease.is_some_and(|(leased, _)| leased == runner));
    Ok(task.filter(|task| !task.state.is_at_rest() && is_ours(task)))
}

async fn make(
    tx: &mut Tx,
    task: &mut StoredTask,
    artifact: Artifact,
    append: bool,
    last_chunk: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (task_id, context_id) = (task.id.to_string(), task.context_id.clone());
    let update = ArtifactUpdate { task_id, context_id, artifact, append, last_chunk, metadata: None };
    task.last_event += 1;
    tx.insert_event(task.id, task.last_event, &StreamItem::ArtifactUpdate(update), now).await
}

async fn conclude(tx: &mut Tx, mut task: StoredTask, ended: Ended, now: Timestamp) -> Result<StoredTask, StoreError> {
    if !ended.made.is_empty() {
        make(tx, &mut task, result(ended.made), false, true, now).await?;
    }
    task.artifacts = made_so_far(tx, &task).await?;
    task.folded_event = task.last_event;
    task.state = ended.state;
    // Never earlier than it was: replicas' clocks differ.
    task.status_at = now.max(task.status_at);
    task.status_message = (!ended.says.is_empty()).then(|| said(&task, ended.says));
    if !ended.metadata.is_empty() {
        task.metadata.get_or_insert_with(Metadata::new).extend(ended.metadata);
    }
    task.lease = None;
    task.last_event += 1;
    let update = StatusUpdate {
        task_id: task.id.to_string(),
        context_id: task.context_id.clone(),
        status: task.status(),
        metadata: task.metadata.clone(),
    };
    tx.insert_event(task.id, task.last_event, &StreamItem::StatusUpdate(update), now).await?;
    task.folded_event = task.last_event;
    tx.save_task(&task).await?;
    push::queue(tx, &task, now).await?;
    Ok(task)
}

/// An artifact with all that was made.
#[must_use]
pub fn result(parts: Vec<Part>) -> Artifact {
    let (name, description, metadata) = (None, None, None);
    Artifact { artifact_id: RESULT.to_owned(), name, description, parts, metadata, extensions: Vec::new() }
}

fn said(task: &StoredTask, parts: Vec<Part>) -> Message {
    Message {
        context_id: Some(task.context_id.clone()),
        task_id: Some(task.id.to_string()),
        ..Message::of_agent(Id::<()>::new().to_string(), parts)
    }
}

/// What a task has made: what its row says, and what was made since.
pub(crate) async fn made_so_far(tx: &mut impl EventStore, task: &StoredTask) -> Result<Vec<Artifact>, StoreError> {
    let (mut artifacts, mut seen) = (task.artifacts.clone(), task.folded_event);
    while seen < task.last_event {
        let events = tx.list_events(task.id, seen, EVENTS_PAGE).await?;
        let Some((last, _)) = events.last() else { break };
        seen = *last;
        for (seq, event) in events {
            if let (true, StreamItem::ArtifactUpdate(update)) = (seq <= task.last_event, event) {
                fold(&mut artifacts, update);
            }
        }
    }
    artifacts.iter_mut().for_each(|artifact| join_texts(&mut artifact.parts));
    Ok(artifacts)
}

/// Text that came in pieces is one text.
fn join_texts(parts: &mut Vec<Part>) {
    let is_plain = |part: &Part| part.text.is_some() && part.metadata.is_none() && part.filename.is_none();
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        match joined.last_mut().filter(|last| is_plain(last) && is_plain(&part)).and_then(|last| last.text.as_mut()) {
            Some(text) => text.push_str(part.text.as_deref().unwrap_or_default()),
            None => joined.push(part),
        }
    }
    *parts = joined;
}
