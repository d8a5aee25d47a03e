//! What happens between two transactions: agents are found, and called.

use std::{sync::Arc, time::Duration};

use rialto_store::Tx;

use super::{
    Coordinator, Drove, Run, Went,
    afford::Found,
    finish,
    prepare::{self, Prepared, Wanted},
};
use crate::{
    agents::{Call, Called, NotYet, Refusal},
    error::CoordinatorError,
    model::{Attempt, ExecutionId},
    store::{ExecutionStore, StepStore},
};

/// When to ask again after an answer that is not known yet.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Coordinator {
    /// Does the next thing of one step.
    pub(super) async fn step(&self, run: &Arc<Run>, place: usize) -> Result<Went, CoordinatorError> {
        let evaluated = Arc::new(self.evaluate(run, place).await?);
        loop {
            let (now, taken, evaluated) = (self.now(), Arc::clone(run), Arc::clone(&evaluated));
            let work = async move |tx: &mut Tx| prepare::prepare(tx, &taken, place, &evaluated, now).await;
            match self.inner.db.write(work).await? {
                Prepared::Turn(turn) => return Ok(Went::Turn(turn)),
                Prepared::Wait(until) => return Ok(Went::Wait(until)),
                Prepared::Lost => return Ok(Went::Lost),
                Prepared::Find(wanted) => match self.candidates(&wanted).await {
                    Ok(found) => {
                        if !self.keep_candidates(run, place, found).await? {
                            return Ok(Went::Lost);
                        }
                    }
                    Err(not_yet) => return Ok(self.later(run, &not_yet)),
                },
                Prepared::Call(attempt, call) => return self.call(run, *attempt, *call).await,
                Prepared::Recall(attempt) => {
                    return match self.inner.agents.recall(run.owner, attempt.id).await {
                        Ok(called) => self.finish(run, *attempt, called.unwrap_or_else(unknown)).await,
                        Err(not_yet) => Ok(self.later(run, &not_yet)),
                    };
                }
                Prepared::Child(attempt, child) => return self.child(run, *attempt, child).await,
            }
        }
    }

    fn later(&self, run: &Run, not_yet: &NotYet) -> Went {
        tracing::debug!(execution.id = %run.id, reason = not_yet.reason, "an answer is not known yet");
        Went::Wait(self.now().after(ASK_AGAIN))
    }

    async fn call(&self, run: &Arc<Run>, attempt: Attempt, call: Call) -> Result<Went, CoordinatorError> {
        match self.inner.agents.call(call).await {
            Ok(called) => self.finish(run, attempt, called).await,
            Err(not_yet) => Ok(self.later(run, &not_yet)),
        }
    }

    async fn child(&self, run: &Arc<Run>, attempt: Attempt, child: ExecutionId) -> Result<Went, CoordinatorError> {
        match self.drive(child, Arc::clone(&run.tree)).await? {
            Drove::Pause(until) => return Ok(Went::Wait(until)),
            Drove::Lost => return Ok(Went::Lost),
            Drove::Ended => self.inner.waiters.tell(child),
        }
        match self.inner.db.read(async move |tx: &mut Tx| finish::inner(tx, child).await).await? {
            Some(called) => self.finish(run, attempt, called).await,
            None => Ok(Went::Wait(self.now().after(ASK_AGAIN))),
        }
    }

    async fn finish(&self, run: &Arc<Run>, attempt: Attempt, called: Called) -> Result<Went, CoordinatorError> {
        let (now, taken) = (self.now(), Arc::clone(run));
        let work = async move |tx: &mut Tx| finish::finish(tx, &taken, &attempt, &called, now).await;
        Ok(self.inner.db.write(work).await?.map_or(Went::Lost, Went::Turn))
    }

    /// Whom a step may call, in order, each once.
    async fn candidates(&self, wanted: &Wanted) -> Result<Found, NotYet> {
        let agents = &self.inner.agents;
        let searched = async |words: &str, count| Ok(Found { named: None, others: agents.discover(words, count).await? });
        let (named, words, more) = match wanted {
            Wanted::Search(words, count) => return searched(words, *count).await,
            Wanted::Agent(target, more) => (agents.find(target).await?, target, *more),
            Wanted::Skill(target, more) => match agents.find(target).await? {
                Some(found) => (Some(found), target, *more),
                None => return searched(target, more.saturating_add(1)).await,
            },
        };
        let Some(named) = named else { return Ok(Found { named: None, others: Vec::new() }) };
        if more == 0 {
            return Ok(Found { named: Some(named), others: Vec::new() });
        }
        // Others that do what its name says. It is among them itself.
        let words = if named.name.trim().is_empty() { words } else { &named.name };
        let mut others = agents.discover(words, more.saturating_add(1)).await?;
        others.retain(|other| other.id != named.id);
        others.truncate(usize::try_from(more).unwrap_or(0));
        Ok(Found { named: Some(named), others })
    }

    /// Keeps whom a step may call, for all its attempts. Whether this driver still has the run.
    async fn keep_candidates(&self, run: &Arc<Run>, place: usize, found: Found) -> Result<bool, CoordinatorError> {
        let spend_max = run.definition.steps.get(place).and_then(|step| step.spend_max);
        let (taken, found) = (Arc::clone(run), found.affordable(spend_max, self.inner.unnamed_max));
        let keep = async move |tx: &mut Tx| {
            let ours = tx.lock_execution(taken.id).await?.is_some_and(|execution| execution.driver == taken.driver);
            if let Some(mut step) = tx.find_step(taken.id, place).await?.filter(|step| ours && step.candidates.is_none()) {
                step.candidates = Some(found.clone());
                tx.set_candidates(taken.id, &step).await?;
            }
            Ok::<_, CoordinatorError>(ours)
        };
        self.inner.db.write(keep).await
    }
}

/// A call of which nobody knows anything: the process died before it was made.
fn unknown() -> Called {
    let refusal = Refusal { message: "The call was not made in time".to_owned(), may_pass: false, is_timeout: true };
    Called { answer: Err(refusal), credits_charged: None, invocation: None, conversation: None }
}
