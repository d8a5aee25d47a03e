//! What a step does that may go on: skip, choose a way, call the next candidate, or begin a run inside.

use rialto_kernel::{Amount, Timestamp};
use rialto_store::Tx;
use serde_json::{Map, Value, json};

use super::{
    DEPTH_MAX, Run,
    evaluate::{Asked, Evaluated},
    finish::{complete, fail},
    prepare::{Prepared, Wanted, deadline},
};
use crate::{
    agents::Call,
    definition::{Action, Step},
    error::CoordinatorError,
    model::{Attempt, AttemptId, AttemptStatus, Candidate, Execution, ExecutionId, Status, StepRun, StepStatus, Workflow},
    recovery::{Failed, Try},
    store::{ExecutionStore, StepStore, TaskStore, WorkflowStore},
    tree::refusal,
};

/// What is decided of a step that may go on.
pub(super) enum Decided {
    Prepared(Prepared),
    /// The step has ended.
    Changed,
}

/// Decides what a step that has time left, and no attempt under way, does next.
pub(super) async fn decide(
    tx: &mut Tx,
    run: &Run,
    step: &mut StepRun,
    defined: &Step,
    attempts: &[Attempt],
    evaluated: &Evaluated,
    now: Timestamp,
) -> Result<Decided, CoordinatorError> {
    if step.status == StepStatus::Pending {
        match &evaluated.may_begin {
            Ok(true) => {}
            Ok(false) => {
                step.status = StepStatus::Skipped;
                step.completed_at = Some(now);
                tx.save_step(run.id, step).await?;
                return Ok(Decided::Changed);
            }
            Err(error) => return failed(tx, run, step, error.clone(), now).await,
        }
    }
    let asked = match &evaluated.asked {
        Ok(asked) => asked,
        Err(error) => return failed(tx, run, step, error.clone(), now).await,
    };
    match (&defined.action, asked) {
        (_, Asked::Way(chosen)) => choose(tx, run, step, *chosen, now).await,
        (Action::SubWorkflow(target), Asked::Input { input, .. }) => enter(tx, run, step, target, attempts, input, now).await,
        (_, Asked::Input { goal, input }) => {
            let Some(candidates) = step.candidates.clone() else {
                return match wanted(defined, goal.as_ref()) {
                    Ok(wanted) => Ok(Decided::Prepared(Prepared::Find(wanted))),
                    Err(error) => failed(tx, run, step, error, now).await,
                };
            };
            call(tx, run, step, defined, attempts, &candidates, input, now).await
        }
    }
}

async fn failed(tx: &mut Tx, run: &Run, step: &mut StepRun, error: String, now: Timestamp) -> Result<Decided, CoordinatorError> {
    fail(tx, run, step, StepStatus::Failed, error, now).await?;
    Ok(Decided::Changed)
}

fn wanted(defined: &Step, goal: Option<&Value>) -> Result<Wanted, String> {
    let alternatives = defined.recovery.alternatives_max;
    let searched = |text: &str| text.strip_prefix("search:").map(|words| words.trim().to_owned());
    Ok(match &defined.action {
        Action::Agent(target) => match searched(target) {
            Some(words) => Wanted::Search(words, alternatives.saturating_add(1)),
            None => Wanted::Agent(target.clone(), alternatives),
        },
        Action::Skill(target) => match searched(target) {
            Some(words) => Wanted::Search(words, alternatives.saturating_add(1)),
            None => Wanted::Skill(target.clone(), alternatives),
        },
        Action::Goal(_) => Wanted::Search(goal.map(words).unwrap_or_default(), crate::task::CANDIDATES_MAX),
        Action::Condition(_) | Action::SubWorkflow(_) => return Err("it calls nobody".to_owned()),
    })
}

/// What a goal comes to, as a text to search with.
fn words(goal: &Value) -> String {
    let text = goal.as_str().map_or_else(|| goal.to_string(), str::to_owned);
    text.chars().take(crate::task::GOAL_CHARS_MAX).collect()
}

/// Goes the first way that is open.
async fn choose(
    tx: &mut Tx,
    run: &Run,
    step: &mut StepRun,
    chosen: Option<usize>,
    now: Timestamp,
) -> Result<Decided, CoordinatorError> {
    let name = chosen.and_then(|place| run.definition.steps.get(place)).map(|target| target.id.clone());
    let mut attempt = attempt(run, step, 0, Value::Object(Map::new()), now);
    attempt.attempt = 1;
    attempt.status = AttemptStatus::Completed;
    attempt.output = Some(json!({ "chosen": name }));
    attempt.completed_at = Some(now);
    tx.insert_attempt(&attempt).await?;
    step.chosen = chosen;
    complete(tx, run, step, now).await?;
    Ok(Decided::Changed)
}

/// An attempt of this step that begins now; its number and its target are still to be said.
fn attempt(run: &Run, step: &StepRun, candidate: usize, input: Value, now: Timestamp) -> Attempt {
    Attempt {
        id: AttemptId::new(),
        execution: run.id,
        position: step.position,
        attempt: 0,
        candidate,
        target: None,
        target_name: step.target.clone().unwrap_or_else(|| step.step.clone()),
        status: AttemptStatus::Running,
        may_pass: false,
        input,
        output: None,
        error: None,
        invocation: None,
        child: None,
        credits_charged: None,
        started_at: now,
        completed_at: None,
    }
}

/// The next candidate, or the end of it.
#[expect(clippy::too_many_arguments, reason = "all of it is what one decision looks at")]
async fn call(
    tx: &mut Tx,
    run: &Run,
    step: &mut StepRun,
    defined: &Step,
    attempts: &[Attempt],
    candidates: &[Candidate],
    input: &Value,
    now: Timestamp,
) -> Result<Decided, CoordinatorError> {
    let failures: Vec<Failed> = attempts.iter().map(|one| Failed { candidate: one.candidate, may_pass: one.may_pass }).collect();
    let next = match defined.recovery.next(&failures, candidates.len()) {
        Try::Candidate(next, _) => candidates.get(next).map(|candidate| (next, candidate)),
        Try::GiveUp => None,
    };
    let Some((place, candidate)) = next else {
        let error = attempts.last().and_then(|last| last.error.clone());
        return failed(tx, run, step, error.unwrap_or_else(|| nobody(defined)), now).await;
    };
    let mut attempt = attempt(run, step, place, input.clone(), now);
    attempt.attempt = number(attempts);
    attempt.target = Some(candidate.id.cast());
    attempt.target_name.clone_from(&candidate.name);
    start(tx, run, step, &attempt, now).await?;
    let call = ask(tx, run, step, defined, &attempt, candidate, now).await?;
    Ok(Decided::Prepared(Prepared::Call(Box::new(attempt), Box::new(call))))
}

/// Why there was nobody to call.
fn nobody(defined: &Step) -> String {
    match (&defined.action, defined.spend_max) {
        (Action::Agent(target), None) if !target.starts_with("search:") => "Agent not found or inactive".to_owned(),
        (Action::Agent(_), Some(_)) => "Agent not found or inactive, or above the spending cap".to_owned(),
        (_, None) => "No agent was found for it at a price that may be paid without max_credits".to_owned(),
        (_, Some(_)) => "No agent was found for it within the spending cap".to_owned(),
    }
}

fn number(attempts: &[Attempt]) -> i32 {
    attempts.last().map_or(1, |last| last.attempt.saturating_add(1))
}

async fn start(tx: &mut Tx, run: &Run, step: &mut StepRun, attempt: &Attempt, now: Timestamp) -> Result<(), CoordinatorError> {
    tx.insert_attempt(attempt).await?;
    step.status = StepStatus::Running;
    step.started_at = step.started_at.or(Some(now));
    step.due_at = None;
    Ok(tx.save_step(run.id, step).await?)
}

/// What the agent is asked.
pub(super) async fn ask(
    tx: &mut Tx,
    run: &Run,
    step: &StepRun,
    defined: &Step,
    attempt: &Attempt,
    candidate: &Candidate,
    now: Timestamp,
) -> Result<Call, CoordinatorError> {
    let task = if run.is_task { tx.find_task(run.id).await? } else { None };
    Ok(Call {
        owner: run.owner,
        agent: candidate.id,
        attempt: attempt.id,
        input: attempt.input.clone(),
        spend_max: defined.spend_max.or_else(|| candidate.spend_max.and_then(|cap| Amount::new(cap).ok())),
        time_max: deadline(run, step, defined).since(now),
        conversation: task.as_ref().and_then(|task| task.conversation),
        message: task.as_ref().and_then(|task| task.message),
        external_user_id: task.and_then(|task| task.external_user_id),
    })
}

/// Begins a run inside this one.
async fn enter(
    tx: &mut Tx,
    run: &Run,
    step: &mut StepRun,
    target: &str,
    attempts: &[Attempt],
    input: &Value,
    now: Timestamp,
) -> Result<Decided, CoordinatorError> {
    if let Some(last) = attempts.last() {
        // What is inside has had its own attempts.
        let error = last.error.clone().unwrap_or_else(|| "the workflow failed".to_owned());
        return failed(tx, run, step, error, now).await;
    }
    let Some(workflow) = inner(tx, run, target).await? else {
        return failed(tx, run, step, format!("there is no workflow {target}"), now).await;
    };
    if run.depth >= DEPTH_MAX {
        return failed(tx, run, step, format!("workflows are more than {DEPTH_MAX} deep inside each other"), now).await;
    }
    if let Some(error) = refusal(tx, run.owner, &run.tree).await? {
        return failed(tx, run, step, error, now).await;
    }
    let child = Execution {
        id: ExecutionId::new(),
        owner: run.owner,
        workflow: Some((workflow.id, workflow.version)),
        parent: Some((run.id, step.step.clone())),
        root: Some(run.tree.root()),
        depth: run.depth.saturating_add(1),
        status: Status::Pending,
        driver: 0,
        input: input.clone(),
        error: None,
        created_at: now,
        admitted_at: Some(now),
        started_at: None,
        deadline_at: None,
        completed_at: None,
    };
    tx.insert_execution(&child).await?;
    let mut attempt = attempt(run, step, 0, input.clone(), now);
    attempt.attempt = number(attempts);
    attempt.target = Some(workflow.id.cast());
    attempt.target_name = workflow.name;
    attempt.child = Some(child.id);
    start(tx, run, step, &attempt, now).await?;
    Ok(Decided::Prepared(Prepared::Child(Box::new(attempt), child.id)))
}

/// A workflow of the run's owner, by its id or its name.
async fn inner(tx: &mut Tx, run: &Run, target: &str) -> Result<Option<Workflow>, CoordinatorError> {
    let by_id = match target.parse() {
        Ok(id) => tx.find_workflow(id).await?,
        Err(_) => None,
    };
    let found = match by_id {
        Some(found) => Some(found),
        None => match tx.find_workflow_named(run.owner, target).await? {
            Some(id) => tx.find_workflow(id).await?,
            None => None,
        },
    };
    Ok(found.filter(|found| found.owner == run.owner && found.archived_at.is_none()))
}
