//! Calls: a message whose sender waits for the answer.
//!
//! One call is three steps, as the broker's are: a transaction that writes down what is about to be asked, the HTTP call with
//! no transaction open, and a transaction that writes down the answer or the failure. All three run in one task, on a runtime that
//! outlives whoever asked. When the process dies in between, [`close_interrupted_calls`] ends the call.

use std::time::Duration;

use rialto_kernel::{Caller, Timestamp};
use rialto_outbound::OutboundError;
use rialto_store::{
    StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde_json::{Value, json};

use crate::{
    check::CONTENT_CHARS_MAX,
    error::NetworkError,
    model::{Channel, DeliveryStatus, MessageId, ParticipantId, Peer},
    payload::{Contents, Parcel, limits, pack},
    send::{NewMessage, put, route},
    service::{Inner, Networks},
    store::{Attempted, CallStore, ClaimName, Draft, LaneStore},
};

/// How much longer than a call it is waited for its end to be written down, before somebody else does it.
const GRACE: Duration = Duration::from_secs(15);
/// The largest answer, in bytes: text of so many characters fits in any script.
const ANSWER_BYTES_MAX: u64 = 262_144;
/// What a call is told that nobody finished.
const INTERRUPTED: &str = "the call was interrupted";
/// How long to wait before the end of a call is written down again, at first and at most.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);
const SETTLE_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How a call ended, as it is told and kept.
pub type CallEnd = Result<Answered, NetworkError>;
/// Makes the answer that is kept under an idempotency key, in the words of whoever serves it.
pub type RenderCall = fn(&CallEnd) -> Stored;

/// An answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The message that asked.
    pub message: MessageId,
    /// What was answered; text that is not JSON is `{"raw_response": …}`.
    pub response: Value,
}

/// An idempotency key of a call.
#[derive(Debug, Clone)]
pub struct CallKey {
    /// The key.
    pub key: Key,
    /// How the answer is kept.
    pub render: RenderCall,
}

/// What a request for a call comes to.
#[derive(Debug, Clone)]
pub enum Called {
    /// The call was made now.
    Answered(Answered),
    /// It was made before, under the same idempotency key; this was the answer.
    Replayed(Stored),
}

/// What is needed to write down how a call ended.
#[derive(Debug, Clone)]
struct Ticket {
    parcel: Parcel,
    caller: ParticipantId,
    expires_at: Timestamp,
    idempotent: Option<CallKey>,
}

enum Opened {
    Fresh(Box<Ticket>),
    Replayed(Stored),
}

impl Networks {
    /// Sends a message and waits for the recipient's answer, which becomes a message too.
    ///
    /// The call is brought to its end even when whoever waits for it goes away.
    ///
    /// # Errors
    /// Those of [`crate::send()`] and [`NetworkError::NoCallback`], [`NetworkError::AgentNotActive`],
    /// [`NetworkError::AgentPriced`], [`NetworkError::Busy`], [`NetworkError::OwnerBusy`], [`NetworkError::KeyRunning`], [`NetworkError::KeyReused`], before
    /// anything was sent; [`NetworkError::CallTimeout`] and [`NetworkError::CallFailed`] when there is no answer: the message has
    /// failed. [`NetworkError::Interrupted`] when it is not known.
    pub async fn call(&self, caller: Caller, new: NewMessage, idempotent: Option<CallKey>) -> Result<Called, NetworkError> {
        let (inner, permit) = (self.inner.clone(), self.inner.permits.take(caller.owner)?);
        let networks = self.clone();
        let work = self.inner.runtime.spawn(async move {
            let _permit = permit;
            let ticket = match inner.open(caller, new, idempotent).await? {
                Opened::Fresh(ticket) => ticket,
                Opened::Replayed(stored) => return Ok(Called::Replayed(stored)),
            };
            let end = inner.ring(&ticket.parcel).await;
            let asker = ticket.caller;
            let answered = inner.settle(*ticket, end).await?;
            networks.wake(asker);
            Ok(Called::Answered(answered))
        });
        work.await.map_err(|_| NetworkError::Interrupted)?
    }
}

impl Inner {
    async fn open(&self, caller: Caller, new: NewMessage, idempotent: Option<CallKey>) -> Result<Opened, NetworkError> {
        let now = self.now();
        let (agents, expires_at) = (self.agents.clone(), now.after(self.config.patience).after(GRACE));
        let work = async move |tx: &mut Tx| {
            if let Some(CallKey { key, .. }) = &idempotent {
                match idempotency::claim(tx, key, now).await? {
                    Claim::Fresh => {}
                    Claim::Done(stored) => return Ok(Opened::Replayed(stored)),
                    Claim::Running => return Err(NetworkError::KeyRunning),
                    Claim::Mismatch => return Err(NetworkError::KeyReused),
                }
            }
            let route = route(tx, &caller, &new).await?;
            if route.recipient.callback_url.is_none() {
                return Err(NetworkError::NoCallback);
            }
            let draft = route.draft(Channel::Call, &new);
            let message = put(tx, draft, DeliveryStatus::Pending, false, now).await?.message;
            let claim = idempotent.as_ref().map(|CallKey { key, .. }| claim_name(key));
            tx.open_call(message.id, expires_at, claim.as_ref()).await?;
            let contents = Contents {
                message: message.id,
                seq: message.seq,
                channel: Channel::Call,
                sender: Peer::from(&route.sender),
                content: message.content,
            };
            let parcel = pack(tx, &agents, &route.network, route.recipient, contents, now).await?;
            let ticket = Ticket { parcel, caller: route.sender.id, expires_at, idempotent: idempotent.clone() };
            Ok(Opened::Fresh(Box::new(ticket)))
        };
        self.db.write(work).await
    }

    /// The call itself. No transaction is open while it lasts.
    async fn ring(&self, parcel: &Parcel) -> CallEnd {
        let patience = self.config.patience;
        let failed = |why: String| NetworkError::CallFailed { message: parcel.message, why };
        let sent = async {
            let limits = limits(patience, ANSWER_BYTES_MAX);
            let request = parcel.request(&self.door.urls, &self.door.cipher, limits, self.now())?;
            self.client.fetch(request).await
        };
        let answer = sent.await.map_err(|error| {
            tracing::debug!(%error, detail = error.detail(), message.id = %parcel.message, "a participant could not be called");
            match error {
                OutboundError::Timeout(_) => NetworkError::CallTimeout { message: parcel.message, patience },
                error => failed(error.to_string()),
            }
        })?;
        if !answer.status.is_success() {
            return Err(failed(format!("it answered with status {}", answer.status.as_u16())));
        }
        let response = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| json!({"raw_response": String::from_utf8_lossy(&answer.body)}));
        if response.to_string().chars().count() > CONTENT_CHARS_MAX {
            return Err(failed(format!("its answer has more than {CONTENT_CHARS_MAX} characters")));
        }
        Ok(Answered { message: parcel.message, response })
    }

    /// Writes down how a call ended. A store that fails is asked again for as long as the call may be noted.
    async fn settle(&self, ticket: Ticket, end: CallEnd) -> CallEnd {
        let mut pause = SETTLE_PAUSE;
        loop {
            let (now, ticket_now, end_now) = (self.now(), ticket.clone(), end.clone());
            let settled = self.db.write(async move |tx: &mut Tx| settle(tx, &ticket_now, &end_now, now).await).await;
            match settled {
                Ok(()) => return end,
                Err(NetworkError::Store(error)) if error.is_passing() && now < ticket.expires_at => {
                    tracing::warn!(%error, message.id = %ticket.parcel.message, "a call's end could not be written down yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SETTLE_PAUSE_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn claim_name(key: &Key) -> ClaimName {
    ClaimName { scope: key.scope.clone(), key: key.key.clone() }
}

async fn settle(tx: &mut Tx, ticket: &Ticket, end: &CallEnd, now: Timestamp) -> Result<(), NetworkError> {
    let parcel = &ticket.parcel;
    if !tx.close_call(parcel.message).await? {
        // Whoever closes interrupted calls was faster, or this was done and its COMMIT not heard of.
        return Err(NetworkError::Interrupted);
    }
    let (status, error) = match end {
        Ok(_) => (DeliveryStatus::Delivered, None),
        Err(error) => (DeliveryStatus::Failed, Some(error.to_string())),
    };
    tx.set_attempted(parcel.seq, parcel.recipient.id, &Attempted { status, error, at: now }).await?;
    if let Ok(Answered { response, .. }) = end {
        answer(tx, ticket, response, now).await?;
    }
    if let Some(CallKey { key, render }) = &ticket.idempotent {
        idempotency::finish(tx, key, &render(end)).await?;
    }
    Ok(())
}

/// Keeps the answer as a message of its own. Its recipient has it: it is waiting for it.
async fn answer(tx: &mut Tx, ticket: &Ticket, response: &Value, now: Timestamp) -> Result<(), NetworkError> {
    let parcel = &ticket.parcel;
    let draft = Draft {
        id: MessageId::new(),
        network: parcel.recipient.network,
        sender: parcel.recipient.id,
        recipient: Some(ticket.caller),
        channel: Channel::Call,
        in_reply_to: Some(parcel.message),
        dedupe: None,
        content: response.to_string(),
        metadata: Some(json!({"in_reply_to": parcel.message})),
    };
    match put(tx, draft, DeliveryStatus::Delivered, false, now).await {
        // The network was deleted and purged meanwhile: there is nowhere to keep it.
        Err(StoreError::ForeignKey(_)) => Err(NetworkError::NetworkUnknown),
        other => Ok(other.map(drop)?),
    }
}

/// Ends calls that nobody will finish any more, because their process died. At most `limit` of them; returns how many, so
/// call it again while it returns as many as it may.
///
/// # Errors
/// The store's.
pub async fn close_interrupted_calls(tx: &mut Tx, render: RenderCall, now: Timestamp, limit: u32) -> Result<usize, NetworkError> {
    let stale = tx.list_stale_calls(now, limit).await?;
    let mut closed = 0;
    for call in &stale {
        if !tx.close_call(call.message).await? {
            continue;
        }
        closed += 1;
        let end = Err(NetworkError::CallFailed { message: call.message, why: INTERRUPTED.to_owned() });
        if let Some((seq, recipient)) = call.delivery {
            let error = end.as_ref().err().map(ToString::to_string);
            tx.set_attempted(seq, recipient, &Attempted { status: DeliveryStatus::Failed, error, at: now }).await?;
        }
        if let Some(ClaimName { scope, key }) = &call.claim {
            let key = Key { scope: scope.clone(), key: key.clone(), fingerprint: Vec::new() };
            idempotency::finish(tx, &key, &render(&end)).await?;
        }
    }
    Ok(closed)
}
