//! What goes over the wire.

use rialto_coordinator::{Execution, ExecutionFilter, ExecutionId, Process, Status, WorkflowId};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_proxy_billing::InvocationId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::Problem;

/// The largest input or output that a process table shows, in bytes of JSON: it has many of them.
const SHOWN_BYTES_MAX: usize = 32 * 1_024;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExecutionQuery {
    /// Only runs of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only runs that are so far: `pending`, `running`, `completed`, `failed`, `cancelled` or `timed_out`.
    pub status: Option<String>,
    /// How many at most, 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(default = 0, minimum = 0)]
    pub offset: Option<i64>,
}

impl ExecutionQuery {
    /// What the runs are filtered by.
    pub fn filter(&self) -> Result<ExecutionFilter, Problem> {
        let wrong = || Problem::invalid("query.status", "must be pending, running, completed, failed, cancelled or timed_out");
        let status = self.status.as_deref().map(|word| Status::from_word(word).ok_or_else(wrong)).transpose()?;
        Ok(ExecutionFilter { workflow: self.workflow_id, status })
    }
}

/// Which lines of a process table to show.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProcessQuery {
    /// How many at most, 1 to 500.
    #[param(default = 200, minimum = 1, maximum = 500)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(default = 0, minimum = 0)]
    pub offset: Option<i64>,
}

/// A run of a workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000022", "workflow_id": "0198c0de-0000-7000-8000-000000000021", "workflow_version": 1,
    "owner_id": "0198c0de-0000-7000-8000-000000000001", "status": "running", "trigger_data": {"text": "Hello"},
    "context_id": "0198c0de-0000-7000-8000-000000000022", "parent_execution_id": null,
    "created_at": "2026-11-22T04:54:03.000001Z", "started_at": "2026-11-22T04:54:03.010001Z",
    "deadline_at": "2026-11-22T05:54:03.010001Z", "completed_at": null, "error": null,
}))]
pub struct ExecutionResponse {
    /// Its id.
    pub id: ExecutionId,
    /// Of which workflow; the id of the task itself for a task's run.
    pub workflow_id: Uuid,
    /// Of which version of it.
    pub workflow_version: Option<i32>,
    /// Whose it is.
    pub owner_id: OwnerId,
    /// `pending`, `running`, `completed`, `failed`, `cancelled` or `timed_out`.
    #[schema(example = "running")]
    pub status: &'static str,
    /// What it was started with.
    #[schema(value_type = Object)]
    pub trigger_data: Value,
    /// Where its steps find each other's outputs: its own id.
    pub context_id: ExecutionId,
    /// The run that it is a part of.
    pub parent_execution_id: Option<ExecutionId>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it has to be done.
    pub deadline_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

impl From<Execution> for ExecutionResponse {
    fn from(run: Execution) -> Self {
        Self {
            id: run.id,
            workflow_id: run.workflow.map_or(run.id.uuid(), |(id, _)| id.uuid()),
            workflow_version: run.workflow.map(|(_, version)| version),
            owner_id: run.owner,
            status: run.status.as_str(),
            trigger_data: run.input,
            context_id: run.id,
            parent_execution_id: run.parent.map(|(id, _)| id),
            created_at: run.created_at,
            started_at: run.started_at,
            deadline_at: run.deadline_at,
            completed_at: run.completed_at,
            error: run.error,
        }
    }
}

/// One line of a process table: an attempt of a step, or a step that has had none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000023", "execution_id": "0198c0de-0000-7000-8000-000000000022", "step_id": "greet",
    "type": "agent", "target_id": "0198c0de-0000-7000-8000-000000000005", "target_name": "Echo Agent", "status": "completed",
    "input": {"message": "Hello"}, "output": {"echo": {"message": "Hello"}}, "error": null, "attempt": 1,
    "started_at": "2026-11-22T04:54:03.020001Z", "completed_at": "2026-11-22T04:54:03.120001Z", "duration_ms": 100,
    "tokens_used": null, "cost": 10, "invocation_id": "0198c0de-0000-7000-8000-000000000004", "child_execution_id": null,
}))]
pub struct ProcessResponse {
    /// The id of the attempt, or of the step that has had none.
    pub id: Uuid,
    /// Of which run.
    pub execution_id: ExecutionId,
    /// What the definition calls the step.
    pub step_id: String,
    /// `agent`, `skill`, `plan`, `condition` or `sub_workflow`.
    #[serde(rename = "type")]
    #[schema(example = "agent")]
    pub kind: String,
    /// The agent that was called, or the workflow that was run.
    pub target_id: Option<String>,
    /// What that is called; what the definition names, or the step itself, while nobody was called.
    pub target_name: String,
    /// `pending`, `running`, `completed`, `failed`, `skipped`, `cancelled` or `timed_out`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// What it was done with. Of what is large, its size.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Value>,
    /// What came of it. Of what is large, its size.
    #[schema(value_type = Option<Object>)]
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Which attempt of its step it is, counted from one; 0 for a step that has had none.
    pub attempt: i32,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// How many tokens the agent says it used: `usage.total_tokens` of its answer.
    pub tokens_used: Option<i64>,
    /// What was paid, in whole credits.
    pub cost: Option<Amount>,
    /// The call in the broker's logs.
    pub invocation_id: Option<InvocationId>,
    /// The run that it was, for a step that is a workflow.
    pub child_execution_id: Option<ExecutionId>,
}

impl ProcessResponse {
    /// A line of the process table of this run.
    pub fn new(execution_id: ExecutionId, line: Process) -> Self {
        let Process { step, attempt } = line;
        let named = step.target.unwrap_or_else(|| step.step.clone());
        let Some(attempt) = attempt else {
            return Self {
                id: step.id.uuid(),
                execution_id,
                step_id: step.step,
                kind: step.kind,
                target_id: None,
                target_name: named,
                status: step.status.as_str(),
                input: None,
                output: None,
                error: step.error,
                attempt: 0,
                started_at: step.started_at,
                completed_at: step.completed_at,
                duration_ms: None,
                tokens_used: None,
                cost: None,
                invocation_id: None,
                child_execution_id: None,
            };
        };
        let tokens = attempt.output.as_ref().and_then(|output| output.get("usage")).and_then(|usage| usage.get("total_tokens"));
        Self {
            id: attempt.id.uuid(),
            execution_id,
            step_id: step.step,
            kind: step.kind,
            target_id: attempt.target.map(|id| id.to_string()),
            target_name: attempt.target_name,
            status: attempt.status.as_str(),
            tokens_used: tokens.and_then(Value::as_i64),
            input: Some(shown(attempt.input)),
            output: attempt.output.map(shown),
            error: attempt.error,
            attempt: attempt.attempt,
            started_at: Some(attempt.started_at),
            completed_at: attempt.completed_at,
            duration_ms: attempt
                .completed_at
                .and_then(|completed| u64::try_from(completed.since(attempt.started_at).as_millis()).ok()),
            cost: attempt.credits_charged,
            invocation_id: attempt.invocation,
            child_execution_id: attempt.child,
        }
    }
}

fn shown(value: Value) -> Value {
    let bytes = value.to_string().len();
    if bytes > SHOWN_BYTES_MAX { json!({"truncated": true, "bytes": bytes}) } else { value }
}
