//! What a step does next, decided under the run's lock.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_store::Tx;

use super::{
    Run,
    decide::{Decided, ask, decide},
    evaluate::Evaluated,
    finish::fail,
    turn::{Turn, turn},
};
use crate::{
    agents::Call,
    definition::Step,
    error::CoordinatorError,
    model::{Attempt, AttemptId, AttemptStatus, Execution, ExecutionId, StepRun, StepStatus},
    store::{ExecutionStore, StepStore},
    tree::is_called_off,
};

/// A call that has less time than this left is not begun.
const TIME_MIN: Duration = Duration::from_millis(50);
/// When to look again whether a run was called off like the one around it.
const SOON: Duration = Duration::from_millis(500);
/// How long answers of calls are kept for whoever asks again, with a margin: they are forgotten after a day. An attempt that is
/// older is not asked to be made any more.
const RECALLED: Duration = Duration::from_secs(12 * 3_600);

/// What a step does next.
pub(super) enum Prepared {
    /// Something was decided; this is what comes next.
    Turn(Turn),
    /// It has to wait until then.
    Wait(Timestamp),
    /// A younger driver has the run.
    Lost,
    /// Agents have to be found for it.
    Find(Wanted),
    /// An agent is to be called.
    Call(Box<Attempt>, Box<Call>),
    /// Its call was made, if it was, by somebody else, and it is too late to make it: how did it end?
    Recall(Box<Attempt>),
    /// A run inside this one is to be driven.
    Child(Box<Attempt>, ExecutionId),
}

/// Whom a step wants to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// This one, and this many alternatives to it.
    Agent(String, u32),
    /// This one if there is one; else whoever fits these words best. And this many alternatives.
    Skill(String, u32),
    /// Those who fit these words best, this many.
    Search(String, u32),
}

/// Decides what the step at `place` does next.
pub(super) async fn prepare(
    tx: &mut Tx,
    run: &Run,
    place: usize,
    evaluated: &Evaluated,
    now: Timestamp,
) -> Result<Prepared, CoordinatorError> {
    let Some(execution) = tx.lock_execution(run.id).await?.filter(|execution| execution.driver == run.driver) else {
        return Ok(Prepared::Lost);
    };
    let (Some(mut step), Some(defined)) = (tx.find_step(run.id, place).await?, run.definition.steps.get(place)) else {
        return Ok(Prepared::Lost);
    };
    let attempts = tx.list_attempts(run.id, place).await?;
    if let Some(last) = attempts.iter().find(|attempt| attempt.status == AttemptStatus::Running) {
        return resume(tx, run, &execution, &step, defined, last.id, now).await;
    }
    if execution.status.is_final() {
        return Ok(Prepared::Turn(Turn::ended()));
    }
    if is_called_off(tx, &execution).await? {
        // It will be as well, in a moment: nothing is begun meanwhile.
        return Ok(Prepared::Wait(now.after(SOON)));
    }
    if !matches!(step.status, StepStatus::Pending | StepStatus::Running) {
        return Ok(Prepared::Turn(turn(tx, execution, &run.definition, now).await?));
    }
    let deadline = deadline(run, &step, defined);
    if deadline <= now.after(TIME_MIN) {
        if now < deadline {
            // Whether the step took too long or the whole run is told by the clock.
            return Ok(Prepared::Wait(deadline));
        }
        fail(tx, run, &mut step, StepStatus::TimedOut, "it took longer than it may".to_owned(), now).await?;
        return Ok(Prepared::Turn(turn(tx, execution, &run.definition, now).await?));
    }
    if let Some(due) = step.due_at.filter(|due| *due > now) {
        return Ok(Prepared::Wait(due.min(deadline)));
    }
    match decide(tx, run, &mut step, defined, &attempts, evaluated, now).await? {
        Decided::Prepared(prepared) => Ok(prepared),
        Decided::Changed => Ok(Prepared::Turn(turn(tx, execution, &run.definition, now).await?)),
    }
}

/// Takes up an attempt that somebody has begun.
async fn resume(
    tx: &mut Tx,
    run: &Run,
    execution: &Execution,
    step: &StepRun,
    defined: &Step,
    id: AttemptId,
    now: Timestamp,
) -> Result<Prepared, CoordinatorError> {
    let Some(attempt) = tx.find_attempt(id).await? else { return Ok(Prepared::Lost) };
    if let Some(child) = attempt.child {
        return Ok(Prepared::Child(Box::new(attempt), child));
    }
    let is_over = execution.status.is_final() || deadline(run, step, defined) <= now.after(TIME_MIN);
    let candidate = step.candidates.as_ref().and_then(|candidates| candidates.get(attempt.candidate));
    match candidate {
        Some(candidate) if !is_over && now.since(attempt.started_at) < RECALLED => {
            let call = ask(tx, run, step, defined, &attempt, candidate, now).await?;
            Ok(Prepared::Call(Box::new(attempt), Box::new(call)))
        }
        _ => Ok(Prepared::Recall(Box::new(attempt))),
    }
}

/// When a step has to be done: its run's deadline, or its own if that is sooner.
pub(super) fn deadline(run: &Run, step: &StepRun, defined: &Step) -> Timestamp {
    let own = step.started_at.zip(defined.time_max).map(|(started, time_max)| started.after(time_max));
    // A step that has not begun would begin now, and has all of its time.
    own.map_or(run.deadline, |own| own.min(run.deadline))
}
