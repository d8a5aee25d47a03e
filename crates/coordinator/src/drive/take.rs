//! Taking a run: whoever takes it last drives it.

use std::sync::Arc;

use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx};

use super::{
    Run,
    turn::{Turn, turn},
};
use crate::{
    definition::Definition,
    error::CoordinatorError,
    model::{Execution, ExecutionId, Status, StepId, StepRun, StepStatus},
    store::{ExecutionStore, StepStore, TaskStore, WorkflowStore},
    tree::Tree,
};

/// Takes a run and, if nobody has, begins it. `None` when there is nothing to drive. A run that has ended is taken as well if
/// calls of it may be under way: how they end is written down.
pub(super) async fn take(
    tx: &mut Tx,
    id: ExecutionId,
    tree: &Arc<Tree>,
    now: Timestamp,
) -> Result<Option<(Run, Turn)>, CoordinatorError> {
    let Some(mut execution) = tx.lock_execution(id).await? else { return Ok(None) };
    execution.driver = execution.driver.saturating_add(1);
    let definition = definition(tx, &execution).await?;
    if execution.status == Status::Pending {
        begin(tx, &mut execution, &definition, now).await?;
    }
    tx.save_execution(&execution).await?;
    let next = if execution.status.is_final() {
        let open = tx.list_running(id).await?;
        if open.is_empty() {
            return Ok(None);
        }
        Turn { ready: open, ended: true }
    } else {
        turn(tx, execution.clone(), &definition, now).await?
    };
    let run = Run {
        id,
        owner: execution.owner,
        driver: execution.driver,
        depth: execution.depth,
        deadline: execution.deadline_at.unwrap_or(now),
        input: execution.input,
        is_task: execution.workflow.is_none(),
        definition,
        tree: Arc::clone(tree),
    };
    Ok(Some((run, next)))
}

async fn definition(tx: &mut Tx, execution: &Execution) -> Result<Definition, CoordinatorError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("the run {}: {what}", execution.id));
    match execution.workflow {
        Some((workflow, version)) => {
            let value = tx.find_definition(workflow, version).await?.ok_or_else(|| corrupt("its version is gone"))?;
            Ok(Definition::read(&value).map_err(|_| corrupt("its definition cannot be read any more"))?)
        }
        None => Ok(tx.find_task(execution.id).await?.ok_or_else(|| corrupt("it is of nothing"))?.definition()),
    }
}

async fn begin(tx: &mut Tx, execution: &mut Execution, definition: &Definition, now: Timestamp) -> Result<(), CoordinatorError> {
    let mut deadline = now.after(definition.duration_max);
    if let Some((parent, _)) = &execution.parent
        && let Some(outer) = tx.find_execution(*parent).await?.and_then(|parent| parent.deadline_at)
    {
        deadline = deadline.min(outer);
    }
    execution.status = Status::Running;
    execution.started_at = Some(now);
    execution.deadline_at = Some(deadline);
    let steps: Vec<StepRun> = definition
        .steps
        .iter()
        .enumerate()
        .map(|(position, step)| StepRun {
            position,
            id: StepId::new(),
            step: step.id.clone(),
            kind: step.action.kind().to_owned(),
            target: step.action.target().map(str::to_owned),
            status: StepStatus::Pending,
            chosen: None,
            candidates: None,
            due_at: None,
            error: None,
            started_at: None,
            completed_at: None,
        })
        .collect();
    Ok(tx.insert_steps(execution.id, &steps).await?)
}
