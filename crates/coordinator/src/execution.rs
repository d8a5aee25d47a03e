//! Runs: starting, finding, and calling them off.

use rialto_kernel::{Caller, Page, PageRequest, Timestamp};
use rialto_store::Tx;
use serde_json::{Map, Value};

use crate::{
    end::end,
    error::CoordinatorError,
    job::enqueue,
    model::{Execution, ExecutionFilter, ExecutionId, Process, Status, Workflow, WorkflowId},
    store::{ExecutionStore, StepStore, WorkflowStore},
    template::{RENDERED_BYTES_MAX, RENDERED_DEPTH_MAX, depth, weight},
    tree,
    workflow::own,
};

/// How many runs and tasks of one owner may be under way or waiting.
pub const OPEN_MAX: u32 = 1_000;

/// A run of the caller's that has not begun, after all that can keep it from beginning; not written yet.
pub(crate) async fn open(
    tx: &mut impl ExecutionStore,
    caller: &Caller,
    input: Value,
    now: Timestamp,
) -> Result<Execution, CoordinatorError> {
    if !caller.may_write(caller.owner) {
        return Err(CoordinatorError::ReadOnly);
    }
    if tx.count_open(caller.owner, OPEN_MAX).await? >= OPEN_MAX {
        return Err(CoordinatorError::TooMany);
    }
    Ok(Execution {
        id: ExecutionId::new(),
        owner: caller.owner,
        workflow: None,
        parent: None,
        root: None,
        depth: 0,
        status: Status::Pending,
        driver: 0,
        input,
        error: None,
        created_at: now,
        admitted_at: None,
        started_at: None,
        deadline_at: None,
        completed_at: None,
    })
}

/// Asks for a run of the newest version of a workflow of the caller. It begins as soon as this transaction commits, unless as
/// many runs of it are under way as its definition allows: then it waits for its turn, first come, first served.
///
/// # Errors
/// [`CoordinatorError::WorkflowUnknown`], [`CoordinatorError::ReadOnly`], [`CoordinatorError::Archived`],
/// [`CoordinatorError::TooMany`], [`CoordinatorError::Invalid`].
pub async fn run(
    tx: &mut Tx,
    caller: &Caller,
    workflow: WorkflowId,
    trigger: &Map<String, Value>,
    now: Timestamp,
) -> Result<Execution, CoordinatorError> {
    let input = Value::Object(trigger.clone());
    if weight(&input) > RENDERED_BYTES_MAX || depth(&input) > RENDERED_DEPTH_MAX {
        let message = format!("must have at most {RENDERED_BYTES_MAX} bytes and {RENDERED_DEPTH_MAX} levels");
        return Err(CoordinatorError::invalid("trigger_data", message));
    }
    let workflow = own(tx.lock_workflow(workflow).await?, caller)?;
    if workflow.archived_at.is_some() {
        return Err(CoordinatorError::Archived);
    }
    let mut execution = open(tx, caller, input, now).await?;
    execution.workflow = Some((workflow.id, workflow.version));
    if has_room(tx, &workflow).await? {
        execution.admitted_at = Some(now);
        enqueue(tx, execution.id, now, now).await?;
    }
    tx.insert_execution(&execution).await?;
    Ok(execution)
}

/// Whether another run of a locked workflow may begin.
pub(crate) async fn has_room(tx: &mut impl ExecutionStore, workflow: &Workflow) -> Result<bool, CoordinatorError> {
    // Not the whole definition: it was checked when it came, and this is done under a lock that all runs of it share.
    let limit = workflow.definition.get("max_concurrent_executions").and_then(Value::as_u64);
    Ok(match limit.and_then(|limit| u32::try_from(limit).ok()) {
        None => true,
        Some(limit) => tx.count_admitted(workflow.id).await? < limit,
    })
}

/// Reads a run of the caller.
///
/// # Errors
/// [`CoordinatorError::ExecutionUnknown`].
pub async fn find(tx: &mut impl ExecutionStore, caller: &Caller, id: ExecutionId) -> Result<Execution, CoordinatorError> {
    readable(tx.find_execution(id).await?, caller)
}

fn readable(found: Option<Execution>, caller: &Caller) -> Result<Execution, CoordinatorError> {
    found.filter(|run| caller.may_read(run.owner)).ok_or(CoordinatorError::ExecutionUnknown)
}

/// Lists the caller's runs of workflows, the newest first.
///
/// # Errors
/// The store's.
pub async fn list(
    tx: &mut impl ExecutionStore,
    caller: &Caller,
    filter: ExecutionFilter,
    page: PageRequest,
) -> Result<Page<Execution>, CoordinatorError> {
    Ok(tx.list_executions(caller.owner, filter, page).await?)
}

/// The process table of a run of the caller: every attempt of every step, and the steps that have had none.
///
/// # Errors
/// [`CoordinatorError::ExecutionUnknown`].
pub async fn processes(
    tx: &mut (impl ExecutionStore + StepStore),
    caller: &Caller,
    id: ExecutionId,
    page: PageRequest,
) -> Result<Page<Process>, CoordinatorError> {
    find(tx, caller, id).await?;
    Ok(tx.list_processes(id, page).await?)
}

/// Calls a run of the caller off, and the runs inside it: if they are many, some of them soon after. Nothing new is started; a call
/// that is under way ends by itself, and is charged if the agent answers well. A run that was called off before stays so.
///
/// # Errors
/// [`CoordinatorError::ExecutionUnknown`], [`CoordinatorError::ReadOnly`], [`CoordinatorError::Ended`] for a run that has ended
/// in another way: the two are decided once, whoever comes first.
pub async fn cancel(tx: &mut Tx, caller: &Caller, id: ExecutionId, now: Timestamp) -> Result<Execution, CoordinatorError> {
    let run = readable(tx.lock_execution(id).await?, caller)?;
    if !caller.may_write(run.owner) {
        return Err(CoordinatorError::ReadOnly);
    }
    match run.status {
        Status::Cancelled => return Ok(run),
        Status::Pending | Status::Running => {}
        ended => return Err(CoordinatorError::Ended(ended.as_str())),
    }
    let root = run.root.unwrap_or(id);
    let cancelled = end(tx, run, Status::Cancelled, None, now).await?;
    tree::call_off(tx, root, now).await?;
    Ok(cancelled)
}
