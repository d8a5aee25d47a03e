//! Writing down how an attempt ended, and what that means for its step.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_store::Tx;
use serde_json::{Map, Value, json};

use super::{
    Run,
    turn::{Turn, turn},
};
use crate::{
    agents::{Called, Refusal},
    error::CoordinatorError,
    model::{Attempt, AttemptStatus, ExecutionId, Status, StepRun, StepStatus, Task},
    recovery::{Failed, Try},
    store::{ExecutionStore, StepStore, TaskStore},
    template::{depth, weight},
};

/// The largest output that is kept, in bytes of JSON. A larger one reaches nobody: it is replaced by its size.
const OUTPUT_BYTES_MAX: usize = 1_024 * 1_024;
/// How deep an output may be: what is kept has to be read again.
const OUTPUT_DEPTH_MAX: usize = 110;

/// Writes down how an attempt's call ended. `None` when a younger driver has the run: it will ask for itself.
pub(super) async fn finish(
    tx: &mut Tx,
    run: &Run,
    attempt: &Attempt,
    called: &Called,
    now: Timestamp,
) -> Result<Option<Turn>, CoordinatorError> {
    let Some(execution) = tx.lock_execution(run.id).await?.filter(|execution| execution.driver == run.driver) else {
        return Ok(None);
    };
    let ended = ended(attempt, called, now);
    if tx.finish_attempt(&ended).await? {
        remember_conversation(tx, run, called).await?;
    }
    if execution.status.is_final() {
        return Ok(Some(Turn::ended()));
    }
    if let Some(mut step) = tx.find_step(run.id, attempt.position).await?.filter(|step| step.status == StepStatus::Running) {
        settle(tx, run, &mut step, called, now).await?;
    }
    Ok(Some(turn(tx, execution, &run.definition, now).await?))
}

fn ended(attempt: &Attempt, called: &Called, now: Timestamp) -> Attempt {
    let mut ended = Attempt {
        invocation: called.invocation,
        credits_charged: called.credits_charged,
        completed_at: Some(now),
        ..attempt.clone()
    };
    match &called.answer {
        Ok(output) => {
            ended.status = AttemptStatus::Completed;
            ended.output = Some(kept(output.clone()));
        }
        Err(refusal) => {
            ended.status = if refusal.is_timeout { AttemptStatus::TimedOut } else { AttemptStatus::Failed };
            ended.may_pass = refusal.may_pass;
            ended.error = Some(without_nul(&refusal.message));
        }
    }
    ended
}

/// What an attempt's end means for its step.
async fn settle(tx: &mut Tx, run: &Run, step: &mut StepRun, called: &Called, now: Timestamp) -> Result<(), CoordinatorError> {
    let Err(refusal) = &called.answer else {
        return complete(tx, run, step, now).await;
    };
    let error = without_nul(&refusal.message);
    let recovery = run.definition.steps.get(step.position).map(|defined| defined.recovery).unwrap_or_default();
    let attempts = tx.list_attempts(run.id, step.position).await?;
    let failures: Vec<Failed> = attempts.iter().map(|one| Failed { candidate: one.candidate, may_pass: one.may_pass }).collect();
    match recovery.next(&failures, step.candidates.as_ref().map_or(0, Vec::len)) {
        Try::Candidate(_, wait) => {
            step.due_at = (wait > Duration::ZERO).then(|| now.after(wait));
            step.error = Some(error);
            Ok(tx.save_step(run.id, step).await?)
        }
        Try::GiveUp => {
            let status = if refusal.is_timeout { StepStatus::TimedOut } else { StepStatus::Failed };
            fail(tx, run, step, status, error, now).await
        }
    }
}

/// A step did what it was to do.
pub(super) async fn complete(tx: &mut Tx, run: &Run, step: &mut StepRun, now: Timestamp) -> Result<(), CoordinatorError> {
    step.status = StepStatus::Completed;
    step.error = None;
    step.due_at = None;
    step.started_at = step.started_at.or(Some(now));
    step.completed_at = Some(now);
    Ok(tx.save_step(run.id, step).await?)
}

/// A step failed for good.
pub(super) async fn fail(
    tx: &mut Tx,
    run: &Run,
    step: &mut StepRun,
    status: StepStatus,
    error: String,
    now: Timestamp,
) -> Result<(), CoordinatorError> {
    step.status = status;
    step.error = Some(error);
    step.due_at = None;
    step.completed_at = Some(now);
    Ok(tx.save_step(run.id, step).await?)
}

/// The calls of one task are part of one conversation: that which the first of them began.
async fn remember_conversation(tx: &mut Tx, run: &Run, called: &Called) -> Result<(), CoordinatorError> {
    if let Some(conversation) = called.conversation.filter(|_| run.is_task)
        && let Some(task) = tx.find_task(run.id).await?
    {
        tx.set_task_conversation(&Task { conversation: Some(conversation), ..task }).await?;
    }
    Ok(())
}

/// How a run inside this one ended, as if it had been a call. `None` while it has not.
pub(super) async fn inner(tx: &mut Tx, id: ExecutionId) -> Result<Option<Called>, CoordinatorError> {
    let Some(run) = tx.find_execution(id).await?.filter(|run| run.status.is_final()) else { return Ok(None) };
    let answer = if run.status == Status::Completed {
        let steps = tx.list_steps(id).await?;
        let places: Vec<usize> = steps.iter().map(|step| step.position).collect();
        let outputs = tx.list_outputs(id, &places).await?;
        let name = |place: usize| steps.iter().find(|step| step.position == place).map(|step| step.step.clone());
        Ok(Value::Object(outputs.into_iter().filter_map(|(place, output)| Some((name(place)?, output))).collect::<Map<_, _>>()))
    } else {
        let message = run.error.unwrap_or_else(|| format!("it was {}", run.status.as_str()));
        Err(Refusal { message, may_pass: false, is_timeout: run.status == Status::TimedOut })
    };
    Ok(Some(Called { answer, credits_charged: None, invocation: None, conversation: None }))
}

/// An output as it is kept: without NUL, which PostgreSQL stores nowhere, and bounded.
fn kept(output: Value) -> Value {
    if weight(&output) > OUTPUT_BYTES_MAX || depth(&output) > OUTPUT_DEPTH_MAX {
        return json!({"truncated": true, "bytes": weight(&output)});
    }
    clean(output)
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, field)| (without_nul(&name), clean(field))).collect())
        }
        other => other,
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_kept_without_nul_and_bounded() {
        assert_eq!(kept(json!({"a\0": ["\0b"]})), json!({"a\u{fffd}": ["\u{fffd}b"]}));
        let large = json!({"text": "x".repeat(OUTPUT_BYTES_MAX)});
        assert_eq!(kept(large)["truncated"], true);
        let deep = (0..=OUTPUT_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(kept(deep)["truncated"], true);
    }
}
