//! How a run ends, and whose turn it is then.

use rialto_kernel::{Event, Timestamp};
use rialto_store::{Tx, outbox};
use serde_json::json;

use crate::{
    error::CoordinatorError,
    execution::has_room,
    job::enqueue,
    model::{Execution, Status, StepStatus, WorkflowId},
    store::{ExecutionStore, StepStore, WorkflowStore},
};

/// How many runs of a workflow are let in at once when there is room.
const ADMITTED_MAX: u32 = 100;

/// Ends a locked run that has not ended: what its steps have become is written, the fact is told, and the next run of its
/// workflow that waits for its turn gets it.
pub(crate) async fn end(
    tx: &mut Tx,
    mut run: Execution,
    status: Status,
    error: Option<String>,
    now: Timestamp,
) -> Result<Execution, CoordinatorError> {
    run.status = status;
    run.error = error;
    run.completed_at = Some(now);
    tx.save_execution(&run).await?;
    for mut step in tx.list_steps(run.id).await? {
        step.status = match step.status {
            StepStatus::Running if status == Status::TimedOut => StepStatus::TimedOut,
            StepStatus::Pending | StepStatus::Running => StepStatus::Cancelled,
            _ => continue,
        };
        step.completed_at = Some(now);
        tx.save_step(run.id, &step).await?;
    }
    outbox::append(tx, event(&run, now)).await?;
    if let (Some((workflow, _)), None) = (run.workflow, &run.parent) {
        admit(tx, workflow, now).await?;
    }
    Ok(run)
}

/// Lets in those who wait for their turn, as long as there is room.
///
/// The lock is taken even if nobody seems to wait: a run that comes right now looks for room under it, and has either seen
/// that this one left or is seen here.
pub(crate) async fn admit(tx: &mut Tx, workflow: WorkflowId, now: Timestamp) -> Result<(), CoordinatorError> {
    let Some(workflow) = tx.lock_workflow(workflow).await? else { return Ok(()) };
    for _ in 0..ADMITTED_MAX {
        let Some(next) = tx.find_waiting(workflow.id).await? else { return Ok(()) };
        if !has_room(tx, &workflow).await? {
            return Ok(());
        }
        if let Some(run) = tx.find_execution(next).await? {
            tx.save_execution(&Execution { admitted_at: Some(now), ..run }).await?;
            enqueue(tx, next, now, now).await?;
        }
    }
    Ok(())
}

fn event(run: &Execution, now: Timestamp) -> Event {
    let kind = match run.status {
        Status::Completed => "execution.completed",
        Status::Failed => "execution.failed",
        Status::TimedOut => "execution.timed-out",
        Status::Cancelled | Status::Pending | Status::Running => "execution.cancelled",
    };
    let data = json!({
        "execution_id": run.id,
        "workflow_id": run.workflow.map(|(id, _)| id),
        "version": run.workflow.map(|(_, version)| version),
        "status": run.status.as_str(),
        "error": run.error,
    });
    Event { kind, subject: run.id.uuid(), owner: Some(run.owner), data, at: now }
}
