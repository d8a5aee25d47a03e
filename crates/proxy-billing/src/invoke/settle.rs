//! After the call: the money, the answer, the log, the agent's record and the event, in one transaction.

use std::time::Duration;

use rialto_kernel::{AgentId, Amount, Event, OwnerId, Timestamp};
use rialto_ledger::LedgerError;
use rialto_registry::record_call;
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Key},
    outbox,
};
use serde_json::{Value, json};

use super::{Inner, Outcome, Render, abandon::CANCELED, call::Called, open::Ticket};
use crate::{
    error::BrokerError,
    model::{ConversationId, Finish, InvocationId, Message, MessageId, Speaker},
    store::{ConversationStore, InvocationStore},
};

/// What a call is told that nobody finished.
pub const INTERRUPTED: &str = "The call was interrupted and not charged";
/// The status of such a call.
const INTERRUPTED_STATUS: u16 = 503;
/// How long to wait before a call is settled again, at first and at most. Each wait is twice the one before.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);
const SETTLE_PAUSE_MAX: Duration = Duration::from_secs(7);

/// Whether a call that its agent answered is still to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Its hold lasts, as far as is known.
    Lasts,
    /// Its hold is over: it is not paid, and its answer is withheld.
    Over,
}

impl Inner {
    /// Settles a call, whatever came of it: posts the hold if the agent answered well, voids it otherwise.
    ///
    /// A store that fails is asked again for as long as the hold lasts: the work is done, and it is not to be lost.
    pub(super) async fn settle(&self, ticket: Ticket, called: Called) -> Result<Outcome, BrokerError> {
        let mut pause = SETTLE_PAUSE;
        loop {
            match self.try_settle(&ticket, &called).await {
                Err(error) if may_pass(&error) && self.now() < ticket.expires_at => {
                    tracing::warn!(%error, invocation.id = %ticket.invocation, "a call could not be settled yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SETTLE_PAUSE_MAX);
                }
                done => return done,
            }
        }
    }

    async fn try_settle(&self, ticket: &Ticket, called: &Called) -> Result<Outcome, BrokerError> {
        let (now, id) = (self.now(), ticket.invocation);
        for hold in [Hold::Lasts, Hold::Over] {
            let (ours, theirs) = (ticket.clone(), called.clone());
            match self.db.write(async move |tx: &mut Tx| settle(tx, &ours, &theirs, hold, now).await).await {
                Err(BrokerError::Interrupted) => break,
                Err(BrokerError::Ledger(LedgerError::HoldExpired(_) | LedgerError::HoldResolved { .. })) => {
                    tracing::warn!(invocation.id = %id, "the hold of a call is over; its answer is withheld, and it is not charged");
                }
                done => return done,
            }
        }
        // Either this process stood still for longer than the hold lasts and the janitor was faster, or a COMMIT of ours
        // came through although the store said that it had failed.
        let written = self.db.read(async move |tx: &mut Tx| tx.find_ended(id).await).await?;
        Ok(match written {
            Some(call) if !was_stopped(&call.finish) => outcome(ticket, called, call.finish.credits_charged),
            _ => interrupted(id, ticket.conversation, called.latency),
        })
    }
}

/// Whether a call ended without its agent having a say.
fn was_stopped(finish: &Finish) -> bool {
    finish.error.as_deref().is_some_and(|why| [INTERRUPTED, CANCELED].contains(&why))
}

/// Whether the same work may go well when it is done again.
fn may_pass(error: &BrokerError) -> bool {
    let lasting = |error: &StoreError| {
        matches!(
            error,
            StoreError::Unique(_)
                | StoreError::ForeignKey(_)
                | StoreError::Check(_)
                | StoreError::Corrupt(_)
                | StoreError::Schema(_)
        )
    };
    StoreError::find(error).is_some_and(|error| !lasting(error))
}

/// Rows are locked in the order call, conversation, claim, quality, hold, wallets: what many calls share comes last, so that
/// each keeps it from the others for as short as can be. Whoever opens or abandons a call does it in the same order.
async fn settle(tx: &mut Tx, ticket: &Ticket, called: &Called, hold: Hold, now: Timestamp) -> Result<Outcome, BrokerError> {
    let answer = called.result.as_ref().ok();
    let withheld = hold == Hold::Over && answer.is_some();
    let outcome = if withheld {
        interrupted(ticket.invocation, ticket.conversation, called.latency)
    } else {
        outcome(ticket, called, answer.filter(|_| !ticket.price.is_zero()).map(|_| ticket.price))
    };
    let response = answer.filter(|_| !withheld).map(|answer| answer.kept.clone());
    if !tx.finish_invocation(ticket.invocation, &finish(&outcome, response), now).await? {
        return Err(BrokerError::Interrupted);
    }
    if let Some(answer) = answer.filter(|_| outcome.success) {
        reply(tx, ticket, answer.words.clone(), &outcome, now).await?;
    }
    outbox::append(tx, event(ticket, &outcome, now)).await?;
    if let Some(idempotent) = &ticket.idempotent {
        idempotency::finish(tx, &idempotent.key, &(idempotent.render)(&outcome)).await?;
    }
    // A call that we were too late for says nothing about its agent.
    if !withheld {
        record_call(tx, ticket.agent.id, outcome.success, called.latency, now).await?;
    }
    if !ticket.price.is_zero() && !withheld {
        pay(tx, ticket, outcome.success, now).await?;
    }
    Ok(outcome)
}

/// Posts the hold if the agent answered well, and gives the money back otherwise. A hold that is over stays over: who fails is
/// not charged either way, and an answer that it was to pay for must not be given.
async fn pay(tx: &mut Tx, ticket: &Ticket, success: bool, now: Timestamp) -> Result<(), BrokerError> {
    let hold = ticket.invocation.cast();
    if success {
        rialto_ledger::post(tx, hold, None, now).await?;
        return Ok(());
    }
    match rialto_ledger::void(tx, hold, now).await {
        Ok(_) | Err(LedgerError::HoldExpired(_) | LedgerError::HoldResolved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn outcome(ticket: &Ticket, called: &Called, credits_charged: Option<Amount>) -> Outcome {
    Outcome {
        invocation: ticket.invocation,
        conversation: ticket.conversation,
        success: called.result.is_ok(),
        data: called.result.as_ref().ok().map(|answer| answer.data.clone()),
        error: called.result.as_ref().err().cloned(),
        status_code: called.status_code,
        latency_ms: millis(called.latency),
        credits_charged,
    }
}

pub(super) fn finish(outcome: &Outcome, response: Option<Value>) -> Finish {
    Finish {
        success: outcome.success,
        status_code: outcome.status_code,
        credits_charged: outcome.credits_charged,
        latency_ms: outcome.latency_ms,
        error: outcome.error.clone(),
        response,
    }
}

/// Keeps what the agent said, unless its conversation was deleted meanwhile.
async fn reply(tx: &mut Tx, ticket: &Ticket, words: String, outcome: &Outcome, now: Timestamp) -> Result<(), BrokerError> {
    if !tx.touch_conversation(ticket.conversation, now).await? {
        return Ok(());
    }
    let message = Message {
        id: MessageId::new(),
        conversation: ticket.conversation,
        role: Speaker::Assistant,
        content: words,
        metadata: Some(json!({"invocation_id": ticket.invocation, "credits_charged": outcome.credits_charged})),
        agent: Some(ticket.agent.id),
        created_at: now,
    };
    Ok(tx.insert_message(&message).await?)
}

fn event(ticket: &Ticket, outcome: &Outcome, now: Timestamp) -> Event {
    let data = json!({
        "invocation_id": ticket.invocation,
        "agent_id": ticket.agent.id,
        "agent_slug": ticket.agent.slug,
        "agent_owner_id": ticket.agent.owner,
        "conversation_id": ticket.conversation,
        "status_code": outcome.status_code,
        "latency_ms": outcome.latency_ms,
        "credits_charged": outcome.credits_charged,
        "error": outcome.error,
    });
    ended(ticket.invocation, ticket.caller, outcome.success, data, now)
}

fn ended(invocation: InvocationId, caller: OwnerId, success: bool, data: Value, now: Timestamp) -> Event {
    let kind = if success { "invocation.completed" } else { "invocation.failed" };
    Event { kind, subject: invocation.uuid(), owner: Some(caller), data, at: now }
}

pub(super) fn interrupted(invocation: InvocationId, conversation: ConversationId, latency: Duration) -> Outcome {
    Outcome {
        invocation,
        conversation,
        success: false,
        data: None,
        error: Some(INTERRUPTED.to_owned()),
        status_code: INTERRUPTED_STATUS,
        latency_ms: millis(latency),
        credits_charged: None,
    }
}

/// Ends calls that nobody will finish any more, because their process died: failed, and not charged. At most `limit` of
/// them; returns how many, so call it again while it returns as many as it may.
///
/// Their holds are given back by [`rialto_ledger::expire_holds`]. Their idempotency keys are answered, not freed: whether
/// the agent did the work is unknown, and a repeat must not do it again.
///
/// # Errors
/// The store's.
pub async fn close_interrupted(tx: &mut Tx, render: Render, now: Timestamp, limit: u32) -> Result<usize, BrokerError> {
    let stale = tx.list_stale(now, limit).await?;
    for call in &stale {
        let outcome = interrupted(call.id, call.conversation, now.since(call.created_at));
        if !tx.finish_invocation(call.id, &finish(&outcome, None), now).await? {
            continue;
        }
        if let Some(claim) = &call.claim {
            let key = Key { scope: claim.scope.clone(), key: claim.key.clone(), fingerprint: Vec::new() };
            idempotency::finish(tx, &key, &render(&outcome)).await?;
        }
        outbox::append(tx, interruption(call.id, call.caller, call.agent, &outcome, now)).await?;
    }
    Ok(stale.len())
}

pub(super) fn interruption(id: InvocationId, caller: OwnerId, agent: AgentId, outcome: &Outcome, now: Timestamp) -> Event {
    let data = json!({
        "invocation_id": id,
        "agent_id": agent,
        "conversation_id": outcome.conversation,
        "status_code": outcome.status_code,
        "latency_ms": outcome.latency_ms,
        "credits_charged": null,
        "error": outcome.error,
    });
    ended(id, caller, false, data, now)
}

fn millis(latency: Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}
