//! After every change of a step: what comes next, and whether the run has ended.

use rialto_kernel::Timestamp;
use rialto_store::Tx;

use crate::{
    dag::{End, Progress},
    definition::Definition,
    end::end,
    error::CoordinatorError,
    model::{Execution, Status, StepRun, StepStatus},
    store::StepStore,
};

/// What comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// The steps to be done now: those that may be started, and those that were and have not ended.
    pub(super) ready: Vec<usize>,
    /// Whether the run has ended.
    pub(super) ended: bool,
}

impl Turn {
    /// Nothing comes next.
    pub(super) const fn ended() -> Self {
        Self { ready: Vec::new(), ended: true }
    }
}

/// Looks at all steps of a locked run that is under way. Steps that are not needed are skipped, and the run is ended if there
/// is nothing left to do, or no time.
pub(super) async fn turn(tx: &mut Tx, run: Execution, definition: &Definition, now: Timestamp) -> Result<Turn, CoordinatorError> {
    let mut steps = tx.list_steps(run.id).await?;
    let progress: Vec<Progress> = steps.iter().map(progress).collect();
    let next = definition.graph.next(&progress);
    for place in &next.skip {
        if let Some(step) = steps.get_mut(*place) {
            step.status = StepStatus::Skipped;
            step.completed_at = Some(now);
            tx.save_step(run.id, step).await?;
        }
    }
    let is_late = run.deadline_at.is_some_and(|deadline| deadline <= now);
    match next.end {
        Some(End::Completed) => end(tx, run, Status::Completed, None, now).await?,
        _ if is_late => end(tx, run, Status::TimedOut, Some("it took longer than it may".to_owned()), now).await?,
        Some(End::Failed(place)) => {
            let why = steps.get(place).map(|step| {
                let error = step.error.as_deref().unwrap_or("it failed");
                // A task has one step, which its owner has not named.
                if run.workflow.is_none() { error.to_owned() } else { format!("step {}: {error}", step.step) }
            });
            end(tx, run, Status::Failed, why, now).await?
        }
        None => {
            let running = steps.iter().filter(|step| step.status == StepStatus::Running).map(|step| step.position);
            return Ok(Turn { ready: running.chain(next.start).collect(), ended: false });
        }
    };
    Ok(Turn::ended())
}

const fn progress(step: &StepRun) -> Progress {
    match step.status {
        StepStatus::Pending => Progress::Waiting,
        StepStatus::Running => Progress::Running,
        StepStatus::Completed => Progress::Completed { chosen: step.chosen },
        StepStatus::Skipped => Progress::Skipped,
        StepStatus::Failed | StepStatus::Cancelled | StepStatus::TimedOut => Progress::Failed,
    }
}
