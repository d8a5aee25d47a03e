//! What goes over the wire.

use rialto_coordinator::{
    AttemptStatus, ExecutionId, Process, Status, StepStatus, Task,
    task::{NewTask, TIMEOUT_DEFAULT},
};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_proxy_billing::{ConversationId, IntegrationId, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

/// The longest name of an external user, in characters.
const EXTERNAL_USER_CHARS_MAX: usize = 255;

/// How a task is waited for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskMode {
    /// Whether to be told the task's id at once, instead of waiting for its end.
    #[serde(rename = "async", default)]
    pub is_async: bool,
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only tasks that are so far: `pending`, `running`, `completed`, `failed`, `cancelled` or `timeout`.
    pub status: Option<String>,
    /// How many at most, 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(default = 0, minimum = 0)]
    pub offset: Option<i64>,
}

impl TaskQuery {
    /// The status that is asked for.
    pub fn status(&self) -> Result<Option<Status>, Problem> {
        let Some(word) = &self.status else { return Ok(None) };
        let known = if word == "timeout" { Some(Status::TimedOut) } else { Status::from_word(word) };
        let wrong = || Problem::invalid("query.status", "must be pending, running, completed, failed, cancelled or timeout");
        known.map(Some).ok_or_else(wrong)
    }
}

/// A goal for agents.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"goal": "Echo what I say", "input": {"message": "Hello"}, "max_credits": 50}))]
pub struct TaskCreate {
    /// What is wanted, in plain words. Agents are found by it, and get it with the input.
    #[schema(min_length = 1, max_length = 4_000)]
    pub goal: String,
    /// What the agents get besides the goal: an object.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: Map<String, Value>,
    /// The conversation that the calls are part of. A new one is begun when it is left out.
    pub conversation_id: Option<ConversationId>,
    /// The message of that conversation that asks.
    pub message_id: Option<MessageId>,
    /// Whom you talk for, in your own words; kept with a new conversation.
    #[schema(max_length = 255)]
    pub external_user_id: Option<String>,
    /// The most that a call may cost, in whole credits. Agents above it are passed over. When it is left out it is 100, unless the
    /// server was set up otherwise (`RIALTO_TASK_DEFAULT_MAX_CREDITS`).
    pub max_credits: Option<Amount>,
    /// How long it may take, in seconds.
    #[schema(default = 300, minimum = 1, maximum = 3_600)]
    pub timeout_seconds: Option<i32>,
}

impl TaskCreate {
    /// What the coordinator is asked for; it costs `max_credits` at most if it does not say.
    pub fn to_task(&self, max_credits: Amount) -> Result<NewTask, Problem> {
        if self.external_user_id.as_ref().is_some_and(|user| user.chars().count() > EXTERNAL_USER_CHARS_MAX) {
            let message = format!("must have at most {EXTERNAL_USER_CHARS_MAX} characters");
            return Err(Problem::invalid("body.external_user_id", message));
        }
        Ok(NewTask {
            goal: self.goal.clone(),
            input: self.input.clone(),
            conversation: self.conversation_id,
            message: self.message_id,
            external_user_id: self.external_user_id.clone(),
            max_credits: Some(self.max_credits.unwrap_or(max_credits)),
            timeout_seconds: self.timeout_seconds.unwrap_or(TIMEOUT_DEFAULT),
        })
    }
}

/// A task that was taken.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"task_id": "0198c0de-0000-7000-8000-000000000020"}))]
pub struct TaskAccepted {
    /// Its id, for `GET /tasks/{task_id}`.
    pub task_id: ExecutionId,
}

/// One call of a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskStep {
    /// Which one: the step of the task, and the number of the call.
    #[schema(example = "goal-1")]
    pub step_id: String,
    /// `pending`, `running`, `completed`, `failed`, `cancelled` or `timeout`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// What the agent answered.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// The agent's id; null while nobody was called.
    pub agent_id: Option<String>,
    /// What the agent is called.
    pub agent_name: Option<String>,
    /// What was paid.
    pub credits_charged: Option<Amount>,
}

impl From<Process> for TaskStep {
    fn from(line: Process) -> Self {
        let Some(attempt) = line.attempt else {
            return Self {
                step_id: format!("{}-1", line.step.step),
                status: step_word(line.step.status),
                result: None,
                error: line.step.error,
                agent_id: None,
                agent_name: None,
                credits_charged: None,
            };
        };
        Self {
            step_id: format!("{}-{}", line.step.step, attempt.attempt),
            status: attempt_word(attempt.status),
            result: attempt.output,
            error: attempt.error,
            agent_id: attempt.target.map(|id| id.to_string()),
            agent_name: Some(attempt.target_name),
            credits_charged: attempt.credits_charged,
        }
    }
}

const fn attempt_word(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::TimedOut => "timeout",
        other => other.as_str(),
    }
}

const fn step_word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::TimedOut => "timeout",
        other => other.as_str(),
    }
}

/// A task, and what has come of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000020", "user_id": "0198c0de-0000-7000-8000-000000000001", "integration_id": null,
    "status": "completed", "goal": "Echo what I say", "input": {"message": "Hello"},
    "result": {"echo": {"goal": "Echo what I say", "message": "Hello"}}, "error_message": null,
    "conversation_id": "0198c0de-0000-7000-8000-000000000003", "message_id": null, "external_user_id": null,
    "max_credits": 50, "credits_charged": 10,
    "steps": [{"step_id": "goal-1", "status": "completed", "result": {"echo": {"goal": "Echo what I say", "message": "Hello"}},
        "error": null, "agent_id": "0198c0de-0000-7000-8000-000000000005", "agent_name": "Echo Agent", "credits_charged": 10}],
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.200001Z",
}))]
pub struct TaskResponse {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is.
    pub user_id: OwnerId,
    /// Through which integration it came.
    pub integration_id: Option<IntegrationId>,
    /// `pending`, `running`, `completed`, `failed`, `cancelled` or `timeout`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// What is wanted.
    pub goal: String,
    /// What the agents get besides the goal.
    #[schema(value_type = Object)]
    pub input: Value,
    /// What the agent that succeeded answered; null until then.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// The conversation that its calls are part of.
    pub conversation_id: Option<ConversationId>,
    /// The message that asks.
    pub message_id: Option<MessageId>,
    /// Whom its owner talks for.
    pub external_user_id: Option<String>,
    /// The most that it may cost.
    pub max_credits: Option<Amount>,
    /// What it has cost.
    pub credits_charged: Amount,
    /// Its calls, in order. Lists of tasks leave them out.
    pub steps: Vec<TaskStep>,
    /// When it was given.
    pub created_at: Timestamp,
    /// When it began or ended, whichever was last.
    pub updated_at: Timestamp,
}

impl From<(Task, Vec<Process>)> for TaskResponse {
    fn from((task, lines): (Task, Vec<Process>)) -> Self {
        let steps: Vec<TaskStep> = lines.into_iter().map(TaskStep::from).collect();
        let charged = steps.iter().filter_map(|step| step.credits_charged);
        let run = task.run;
        Self {
            id: run.id,
            user_id: run.owner,
            integration_id: None,
            status: if run.status == Status::TimedOut { "timeout" } else { run.status.as_str() },
            goal: task.goal,
            input: run.input,
            result: steps.iter().rev().find_map(|step| step.result.clone()),
            error_message: run.error,
            conversation_id: task.conversation,
            message_id: task.message,
            external_user_id: task.external_user_id,
            max_credits: task.max_credits,
            credits_charged: charged.fold(Amount::ZERO, |sum, one| sum.plus(one).unwrap_or(sum)),
            steps,
            created_at: run.created_at,
            updated_at: run.completed_at.or(run.started_at).unwrap_or(run.created_at),
        }
    }
}
