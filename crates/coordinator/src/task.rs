//! Tasks: a goal is given, agents are found for it and called in order, until one succeeds.

use std::time::Duration;

use rialto_kernel::{Amount, Caller, Id, Page, PageRequest, Timestamp, nouns};
use rialto_store::Tx;
use serde_json::{Map, Value};

use crate::{
    definition::Definition,
    error::CoordinatorError,
    execution::{self, open},
    job::enqueue,
    model::{Execution, ExecutionFilter, ExecutionId, Process, Status, Task},
    store::{StepStore, TaskStore},
    template::{RENDERED_BYTES_MAX, RENDERED_DEPTH_MAX, depth, weight},
};

/// The longest goal, in characters.
pub const GOAL_CHARS_MAX: usize = 4_000;
/// How long a task may take that says nothing else, in seconds.
pub const TIMEOUT_DEFAULT: i32 = 300;
/// How long a task may take, in seconds.
pub const TIMEOUT_MAX: i32 = 3_600;
/// How many agents are tried for one task.
pub const CANDIDATES_MAX: u32 = 5;

/// A goal that is given.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// In words, 1 to [`GOAL_CHARS_MAX`] characters.
    pub goal: String,
    /// What the agents get besides the goal.
    pub input: Map<String, Value>,
    /// The conversation that the calls are part of; a new one when absent.
    pub conversation: Option<Id<nouns::Conversation>>,
    /// The message of that conversation that asks.
    pub message: Option<Id<nouns::Message>>,
    /// Whom the caller talks for.
    pub external_user_id: Option<String>,
    /// The most that it may cost; agents above it are passed over.
    pub max_credits: Option<Amount>,
    /// How long it may take, in seconds, 1 to [`TIMEOUT_MAX`].
    pub timeout_seconds: i32,
}

impl NewTask {
    fn check(&self) -> Result<(), CoordinatorError> {
        if self.goal.trim().is_empty() || self.goal.chars().count() > GOAL_CHARS_MAX {
            return Err(CoordinatorError::invalid("goal", format!("must have 1 to {GOAL_CHARS_MAX} characters")));
        }
        if !(1..=TIMEOUT_MAX).contains(&self.timeout_seconds) {
            return Err(CoordinatorError::invalid("timeout_seconds", format!("must be between 1 and {TIMEOUT_MAX}")));
        }
        // The goal goes with it, and both together have to fit.
        let input = Value::Object(self.input.clone());
        if weight(&input) > RENDERED_BYTES_MAX / 2 || depth(&input) > RENDERED_DEPTH_MAX {
            let message = format!("must have at most {} bytes and {RENDERED_DEPTH_MAX} levels", RENDERED_BYTES_MAX / 2);
            return Err(CoordinatorError::invalid("input", message));
        }
        Ok(())
    }
}

/// Takes a task. It is begun by whichever worker is free, as soon as this transaction commits.
///
/// # Errors
/// [`CoordinatorError::Invalid`], [`CoordinatorError::ReadOnly`], [`CoordinatorError::TooMany`].
pub async fn create(tx: &mut Tx, caller: &Caller, new: &NewTask, now: Timestamp) -> Result<Task, CoordinatorError> {
    new.check()?;
    let run = Execution { admitted_at: Some(now), ..open(tx, caller, Value::Object(new.input.clone()), now).await? };
    crate::store::ExecutionStore::insert_execution(tx, &run).await?;
    let task = Task {
        run,
        goal: new.goal.clone(),
        conversation: new.conversation,
        message: new.message,
        external_user_id: new.external_user_id.clone(),
        max_credits: new.max_credits,
        timeout_seconds: new.timeout_seconds,
    };
    tx.insert_task(&task).await?;
    enqueue(tx, task.run.id, now, now).await?;
    Ok(task)
}

impl Task {
    /// What it consists of.
    pub(crate) fn definition(&self) -> Definition {
        let duration = Duration::from_secs(u64::try_from(self.timeout_seconds).unwrap_or(1));
        Definition::of_goal(&self.goal, &self.run.input, self.max_credits, duration)
    }
}

/// Reads a task of the caller and its steps: one a call, or the one that has not begun.
///
/// # Errors
/// [`CoordinatorError::TaskUnknown`].
pub async fn find(
    tx: &mut (impl TaskStore + StepStore),
    caller: &Caller,
    id: ExecutionId,
) -> Result<(Task, Vec<Process>), CoordinatorError> {
    let task = tx.find_task(id).await?.filter(|task| caller.may_read(task.run.owner)).ok_or(CoordinatorError::TaskUnknown)?;
    let steps = tx.list_processes(id, PageRequest::first(CANDIDATES_MAX * 2)).await?.items;
    Ok((task, steps))
}

/// Lists the caller's tasks, the newest first, without their steps.
///
/// # Errors
/// The store's.
pub async fn list(
    tx: &mut impl TaskStore,
    caller: &Caller,
    status: Option<Status>,
    page: PageRequest,
) -> Result<Page<Task>, CoordinatorError> {
    Ok(tx.list_tasks(caller.owner, ExecutionFilter { workflow: None, status }, page).await?)
}

/// Calls a task of the caller off. A call that is under way ends by itself, and is charged if the agent answers well.
///
/// # Errors
/// [`CoordinatorError::TaskUnknown`], [`CoordinatorError::ReadOnly`], [`CoordinatorError::Ended`].
pub async fn cancel(tx: &mut Tx, caller: &Caller, id: ExecutionId, now: Timestamp) -> Result<(), CoordinatorError> {
    if tx.find_task(id).await?.is_none() {
        return Err(CoordinatorError::TaskUnknown);
    }
    match execution::cancel(tx, caller, id, now).await {
        Err(CoordinatorError::ExecutionUnknown) => Err(CoordinatorError::TaskUnknown),
        done => done.map(drop),
    }
}
