//! What a step's expressions come to.
//!
//! Their authors are anybody, and what they look at can be large: so they are evaluated before the run is locked, on a thread
//! where nobody waits behind them, and with a bound on their work. They look at nothing that changes meanwhile: what the run
//! was started with, and steps that have ended before this one may begin.

use std::sync::Arc;

use rialto_store::{StoreError, Tx};
use serde_json::Value;

use super::{Coordinator, Run};
use crate::{
    definition::{Action, Step},
    error::CoordinatorError,
    expression::{Scope, Work},
    model::StepRun,
    store::StepStore,
};

/// How much of what other steps gave one step may look at, in bytes of JSON: it is all in memory while it does.
pub(super) const READ_BYTES_MAX: i64 = 8 * 1_024 * 1_024;

/// What a step's expressions came to, or why they came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evaluated {
    /// Whether its conditions let it begin.
    pub(super) may_begin: Result<bool, String>,
    /// What it asks for, if it may begin.
    pub(super) asked: Result<Asked, String>,
}

/// What a step asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// The steps behind this way.
    Way(Option<usize>),
    /// A call, or a run inside, with this input.
    Input {
        /// What it is to come to, if it says that in words.
        goal: Option<Value>,
        /// What is sent.
        input: Value,
    },
}

impl Coordinator {
    /// Evaluates the expressions of a step that may begin, or has begun.
    pub(super) async fn evaluate(&self, run: &Arc<Run>, place: usize) -> Result<Evaluated, CoordinatorError> {
        let taken = Arc::clone(run);
        let Some(scope) = self.inner.db.read(async move |tx: &mut Tx| scope(tx, &taken, place).await).await? else {
            let error = format!("it looks at more than {READ_BYTES_MAX} bytes of what other steps gave");
            return Ok(Evaluated { may_begin: Err(error.clone()), asked: Err(error) });
        };
        let run = Arc::clone(run);
        let work = move || run.definition.steps.get(place).map(|step| evaluate(step, &scope));
        let evaluated = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Panicked)?;
        Ok(evaluated.ok_or_else(|| StoreError::Corrupt(format!("the step at {place} is not in its definition")))?)
    }
}

fn evaluate(step: &Step, scope: &Scope) -> Evaluated {
    let mut work = Work::default();
    let conditions = |error| format!("its condition: {error}");
    for guard in &step.guards {
        match guard.holds(scope, &mut work).map_err(conditions) {
            Ok(true) => {}
            other => return Evaluated { may_begin: other, asked: Err("its conditions do not hold".to_owned()) },
        }
    }
    Evaluated { may_begin: Ok(true), asked: asked(step, scope, &mut work) }
}

fn asked(step: &Step, scope: &Scope, work: &mut Work) -> Result<Asked, String> {
    let goal = match &step.action {
        Action::Condition(branches) => {
            for branch in branches {
                let holds = branch.condition.as_ref().map_or(Ok(true), |condition| condition.holds(scope, work));
                if holds.map_err(|error| format!("its condition: {error}"))? {
                    return Ok(Asked::Way(Some(branch.target)));
                }
            }
            return Ok(Asked::Way(None));
        }
        Action::Goal(goal) => Some(goal.render(scope, work).map_err(|error| format!("its goal: {error}"))?),
        Action::Agent(_) | Action::Skill(_) | Action::SubWorkflow(_) => None,
    };
    let input = step.input.render(scope, work).map_err(|error| format!("its input: {error}"))?;
    Ok(Asked::Input { goal, input })
}

/// What a step may look at; `None` when that is too much.
async fn scope(tx: &mut Tx, run: &Run, place: usize) -> Result<Option<Scope>, CoordinatorError> {
    let mut scope = Scope { trigger: run.input.clone(), ..Scope::default() };
    let Some(defined) = run.definition.steps.get(place).filter(|step| !step.reads.is_empty()) else { return Ok(Some(scope)) };
    let steps = tx.list_steps(run.id).await?;
    let read: Vec<&StepRun> = steps.iter().filter(|step| defined.reads.contains(&step.step)).collect();
    let places: Vec<usize> = read.iter().map(|step| step.position).collect();
    if tx.weigh_outputs(run.id, &places).await? > READ_BYTES_MAX {
        return Ok(None);
    }
    let mut outputs = tx.list_outputs(run.id, &places).await?;
    for step in read {
        let at = outputs.iter().position(|(place, _)| *place == step.position);
        let output = at.map(|at| outputs.swap_remove(at).1);
        scope.insert(step.step.clone(), step.status.as_str(), output);
    }
    Ok(Some(scope))
}
