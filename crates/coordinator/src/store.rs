//! What the coordinator asks of a transaction.

use std::future::Future;

use rialto_kernel::{OwnerId, Page, PageRequest, Timestamp};
use rialto_store::StoreError;
use serde_json::Value;

use crate::model::{Attempt, AttemptId, Execution, ExecutionFilter, ExecutionId, Process, StepRun, Task, Workflow, WorkflowId};

/// Workflows and their versions.
pub trait WorkflowStore: Send {
    /// Writes a new workflow and its first version. `false` when its owner has one with that name.
    fn insert_workflow(&mut self, new: &Workflow) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads a workflow, and keeps others from changing it until the transaction ends.
    fn lock_workflow(&mut self, id: WorkflowId) -> impl Future<Output = Result<Option<Workflow>, StoreError>> + Send;

    /// Reads a workflow, archived or not.
    fn find_workflow(&mut self, id: WorkflowId) -> impl Future<Output = Result<Option<Workflow>, StoreError>> + Send;

    /// The id of an owner's workflow with this name that is not archived.
    fn find_workflow_named(
        &mut self,
        owner: OwnerId,
        name: &str,
    ) -> impl Future<Output = Result<Option<WorkflowId>, StoreError>> + Send;

    /// Writes the newest version of a locked workflow, its name and its times; the version itself only if `is_new`.
    fn save_workflow(&mut self, workflow: &Workflow, is_new: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The definition of one version.
    fn find_definition(
        &mut self,
        workflow: WorkflowId,
        version: i32,
    ) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// The workflows of an owner that are not archived, the newest first; only those with this name, if there is one.
    fn list_workflows(
        &mut self,
        owner: OwnerId,
        name: Option<&str>,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Workflow>, StoreError>> + Send;
}

/// Runs and tasks.
pub trait ExecutionStore: Send {
    /// Writes a new run.
    fn insert_execution(&mut self, new: &Execution) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a run.
    fn find_execution(&mut self, id: ExecutionId) -> impl Future<Output = Result<Option<Execution>, StoreError>> + Send;

    /// Reads a run, and keeps others from changing it until the transaction ends.
    fn lock_execution(&mut self, id: ExecutionId) -> impl Future<Output = Result<Option<Execution>, StoreError>> + Send;

    /// Forgets runs that ended before `horizon`, with their steps, attempts and tasks, at most `limit`, the inner ones first; returns
    /// how many.
    fn forget_ended(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Writes the state of a locked run: its status, driver, error and times.
    fn save_execution(&mut self, execution: &Execution) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How many runs of an owner have not ended, counted up to `limit`.
    fn count_open(&mut self, owner: OwnerId, limit: u32) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// How many runs of a locked workflow are under way, those inside others aside.
    fn count_admitted(&mut self, workflow: WorkflowId) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// The run of a locked workflow that has waited longest for its turn, and keeps others from changing it. One that somebody
    /// else has locked is passed over: it is being called off.
    fn find_waiting(&mut self, workflow: WorkflowId) -> impl Future<Output = Result<Option<ExecutionId>, StoreError>> + Send;

    /// Runs that were let in before `horizon` and that nobody has begun, the longest waiting first, at most `limit`.
    fn list_unbegun(
        &mut self,
        horizon: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<ExecutionId>, StoreError>> + Send;

    /// Runs that should have ended before `horizon`, at most `limit`.
    fn list_late(&mut self, horizon: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<ExecutionId>, StoreError>> + Send;

    /// The runs of workflows of an owner, the newest first.
    fn list_executions(
        &mut self,
        owner: OwnerId,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Execution>, StoreError>> + Send;
}

/// Runs, and those that are inside of them, at whatever depth.
pub trait TreeStore: Send {
    /// How many runs are or were inside of this one, which is inside of none, counted up to `limit`.
    fn count_inside(&mut self, root: ExecutionId, limit: u32) -> impl Future<Output = Result<u32, StoreError>> + Send;

    /// The runs inside of this one that have not ended although the one around them was called off, the outer ones first, at most
    /// `limit`.
    fn list_called_off(
        &mut self,
        root: ExecutionId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<ExecutionId>, StoreError>> + Send;

    /// Whether one of these runs was called off.
    fn any_called_off(&mut self, runs: &[ExecutionId]) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Goals that were given.
pub trait TaskStore: Send {
    /// Writes what a run is for.
    fn insert_task(&mut self, new: &Task) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a task and its run.
    fn find_task(&mut self, id: ExecutionId) -> impl Future<Output = Result<Option<Task>, StoreError>> + Send;

    /// Writes which conversation a task's calls are part of, if that is not known yet.
    fn set_task_conversation(&mut self, task: &Task) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The tasks of an owner, the newest first.
    fn list_tasks(
        &mut self,
        owner: OwnerId,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Task>, StoreError>> + Send;
}

/// The steps of runs, and their attempts. Whoever writes has locked the run.
pub trait StepStore: Send {
    /// Writes the steps of a run that begins.
    fn insert_steps(&mut self, execution: ExecutionId, steps: &[StepRun]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The steps of a run, in the order of its definition, without their candidates.
    fn list_steps(&mut self, execution: ExecutionId) -> impl Future<Output = Result<Vec<StepRun>, StoreError>> + Send;

    /// Reads a step, with its candidates.
    fn find_step(
        &mut self,
        execution: ExecutionId,
        position: usize,
    ) -> impl Future<Output = Result<Option<StepRun>, StoreError>> + Send;

    /// Writes a step back, all but its candidates.
    fn save_step(&mut self, execution: ExecutionId, step: &StepRun) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes whom a step may call.
    fn set_candidates(&mut self, execution: ExecutionId, step: &StepRun) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes an attempt that begins.
    fn insert_attempt(&mut self, new: &Attempt) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends an attempt that is under way. Whether it was.
    fn finish_attempt(&mut self, attempt: &Attempt) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The attempts of a step, in order, without inputs and outputs.
    fn list_attempts(
        &mut self,
        execution: ExecutionId,
        position: usize,
    ) -> impl Future<Output = Result<Vec<Attempt>, StoreError>> + Send;

    /// The places of the steps of a run that have an attempt under way.
    fn list_running(&mut self, execution: ExecutionId) -> impl Future<Output = Result<Vec<usize>, StoreError>> + Send;

    /// Reads an attempt whole.
    fn find_attempt(&mut self, id: AttemptId) -> impl Future<Output = Result<Option<Attempt>, StoreError>> + Send;

    /// How much that is what the completed ones of these steps came to, in bytes of JSON.
    fn weigh_outputs(
        &mut self,
        execution: ExecutionId,
        positions: &[usize],
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// What the completed ones of these steps came to, by place.
    fn list_outputs(
        &mut self,
        execution: ExecutionId,
        positions: &[usize],
    ) -> impl Future<Output = Result<Vec<(usize, Value)>, StoreError>> + Send;

    /// Attempts and steps without one, in the order of the definition and of the attempts.
    fn list_processes(
        &mut self,
        execution: ExecutionId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Process>, StoreError>> + Send;
}
