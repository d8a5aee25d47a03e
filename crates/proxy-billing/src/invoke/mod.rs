//! Calling an agent: hold the price, call, then post the hold or void it.
//!
//! One call is three steps: a transaction that writes down what is about to happen and holds the price
//! ([`open`]), the HTTP call with no transaction open ([`call`]), and a transaction that settles all of it at once
//! ([`settle`]). All three run in one task, on a runtime that outlives whoever asked. When the process dies in between, the hold expires by itself and [`close_interrupted`] ends the call.

mod a2a;
mod abandon;
mod call;
mod open;
mod payload;
mod settle;
mod sse;
mod stream;

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Amount, Caller, Clock, Timestamp};
use rialto_outbound::{CallLimits, OutboundClient, Permits};
use rialto_registry::{AgentRef, CredentialCipher};
use rialto_store::{
    Db, Tx,
    idempotency::{self, Claim, Key, Stored},
};
use serde_json::value::RawValue;
use tokio::{
    runtime::Handle,
    sync::{mpsc::UnboundedReceiver, oneshot},
};

use crate::{
    error::BrokerError,
    model::{ConversationId, InvocationId, MessageId},
};
pub use abandon::{AbandonedCall, CANCELED, abandon_call, let_call_go};
pub use payload::{Answer, Payload};
pub use settle::{INTERRUPTED, close_interrupted};
pub use stream::StreamEvent;

/// How long a repeat of a running request waits for its answer.
const KEY_PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks.
const KEY_PAUSE: Duration = Duration::from_millis(40);

/// What the broker is allowed to spend on a call.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Limits of a call that is answered at once.
    pub call: CallLimits,
    /// Limits of a call that is answered in a stream.
    pub stream: CallLimits,
    /// How much longer than a call its hold lasts, so that a call that ends in time is always settled in time.
    pub hold_grace: Duration,
    /// How many calls may run at once.
    pub calls_max: u32,
    /// How many calls of one owner may run at once.
    pub calls_per_owner_max: u32,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        let call = CallLimits { response_bytes_max: 4 * 1024 * 1024, ..CallLimits::default() };
        let stream = CallLimits { total: Duration::from_secs(300), idle: Duration::from_secs(60), ..call };
        Self { call, stream, hold_grace: Duration::from_secs(30), calls_max: 4_096, calls_per_owner_max: 64 }
    }
}

/// A call that is asked for.
#[derive(Debug, Clone)]
pub struct InvokeRequest {
    /// Whom to call.
    pub agent: AgentRef,
    /// What to send, verbatim.
    pub input: Payload,
    /// The conversation it belongs to; a new one when absent.
    pub conversation: Option<ConversationId>,
    /// The message of that conversation that asks; a new one when absent.
    pub message: Option<MessageId>,
    /// Whom the caller talks for, for a new conversation.
    pub external_user_id: Option<String>,
    /// Whether the agent's owner may read the payloads in its logs.
    pub share_payload: bool,
    /// What the request is called in the agent's logs and ours.
    pub request_id: Option<String>,
    /// The most that it may cost.
    pub price_max: Option<Amount>,
    /// How long it may take, if that is less than the broker allows.
    pub time_max: Option<Duration>,
}

impl InvokeRequest {
    /// The broker's limits, or the request's own where they are tighter.
    fn limits(&self, limits: CallLimits) -> CallLimits {
        let within = |time: Duration| self.time_max.map_or(time, |own| own.min(time));
        CallLimits { first_byte: within(limits.first_byte), idle: within(limits.idle), total: within(limits.total), ..limits }
    }
}

/// How a call ended, as its caller is told.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The call.
    pub invocation: InvocationId,
    /// The conversation it is part of.
    pub conversation: ConversationId,
    /// Whether the agent did what it was asked.
    pub success: bool,
    /// What it answered: an object.
    pub data: Option<Box<RawValue>>,
    /// Why it failed, fit for a stranger.
    pub error: Option<String>,
    /// The agent's status, or ours when there was none: 408, 502, …
    pub status_code: u16,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// What the caller paid; `None` when nothing.
    pub credits_charged: Option<Amount>,
}

/// Who pays for a call, which gets the id.
#[derive(Debug, Clone, Copy)]
enum Terms {
    /// The caller, the agent's price.
    Price(InvocationId),
    /// Somebody has, otherwise.
    Paid(InvocationId),
}

/// Makes the answer that is kept under an idempotency key, in the words of whoever serves it.
pub type Render = fn(&Outcome) -> Stored;

/// An idempotency key of this request.
#[derive(Debug, Clone)]
pub struct Idempotent {
    /// The key.
    pub key: Key,
    /// How the answer is kept.
    pub render: Render,
}

/// What a request comes to.
#[derive(Debug, Clone)]
pub enum Invoked {
    /// The call was made now.
    Made(Outcome),
    /// It was made before, under the same idempotency key; this was the answer.
    Replayed(Stored),
}

/// What a request for a stream comes to.
#[derive(Debug)]
pub enum Streamed {
    /// The call is being made.
    Live(UnboundedReceiver<StreamEvent>),
    /// It was made before, under the same idempotency key; this was its end.
    Replayed(Stored),
}

/// The broker: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct Broker {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) client: OutboundClient,
    pub(crate) cipher: CredentialCipher,
    pub(crate) clock: Clock,
    pub(crate) config: BrokerConfig,
    runtime: Handle,
    permits: Permits,
}

impl Broker {
    /// A broker that calls through `client`, and opens the credentials of agents with `cipher`. Its calls run on
    /// `runtime`, which should outlive those who ask for them.
    #[must_use]
    pub fn new(
        db: Db,
        client: OutboundClient,
        cipher: CredentialCipher,
        clock: Clock,
        config: BrokerConfig,
        runtime: Handle,
    ) -> Self {
        let permits = Permits::new(config.calls_max, config.calls_per_owner_max);
        Self { inner: Arc::new(Inner { db, client, cipher, clock, config, runtime, permits }) }
    }

    /// Calls an agent for something that was paid otherwise: nothing is held and nothing is charged, whatever the agent's price.
    /// The call has the id `invocation`, so that whoever dies meanwhile can be asked afterwards; see [`call_state`].
    ///
    /// # Errors
    /// Those of [`Broker::invoke`].
    pub async fn invoke_paid(
        &self,
        caller: Caller,
        request: InvokeRequest,
        invocation: InvocationId,
    ) -> Result<Outcome, BrokerError> {
        match self.make(caller, request, None, Terms::Paid(invocation)).await? {
            Invoked::Made(outcome) => Ok(outcome),
            Invoked::Replayed(_) => Err(BrokerError::KeyReused),
        }
    }

    /// Calls an agent on behalf of `caller`, and charges its price if it answers well.
    ///
    /// The call is made and settled even when whoever waits for it goes away, at whatever point.
    ///
    /// # Errors
    /// A [`BrokerError`]: nothing was sent and nothing has changed, [`BrokerError::Interrupted`] and the store's aside.
    pub async fn invoke(
        &self,
        caller: Caller,
        request: InvokeRequest,
        idempotent: Option<Idempotent>,
    ) -> Result<Invoked, BrokerError> {
        self.make(caller, request, idempotent, Terms::Price(InvocationId::new())).await
    }

    async fn make(
        &self,
        caller: Caller,
        request: InvokeRequest,
        idempotent: Option<Idempotent>,
        terms: Terms,
    ) -> Result<Invoked, BrokerError> {
        let (inner, permit) = (self.inner.clone(), self.inner.permits.take(caller.owner)?);
        let work = self.inner.runtime.spawn(async move {
            let _permit = permit;
            let opened = match inner.open(caller, request, idempotent, terms, inner.config.call).await? {
                open::Opened::Fresh(opened) => opened,
                open::Opened::Replayed(stored) => return Ok(Invoked::Replayed(stored)),
            };
            let called = inner.call(&opened.call).await;
            inner.settle(opened.ticket, called).await.map(Invoked::Made)
        });
        work.await.map_err(|_| BrokerError::Interrupted)?
    }

    /// Calls an agent like [`Broker::invoke`], and hands on what it says while it says it. The stream ends with
    /// [`StreamEvent::Finished`].
    ///
    /// # Errors
    /// A [`BrokerError`], before anything was sent.
    pub async fn invoke_stream(
        &self,
        caller: Caller,
        request: InvokeRequest,
        idempotent: Option<Idempotent>,
    ) -> Result<Streamed, BrokerError> {
        self.invoke_stream_as(InvocationId::new(), caller, request, idempotent).await
    }

    /// The same, for whoever has to know the call's id before it is made, to be able to [`abandon_call`] it.
    ///
    /// # Errors
    /// A [`BrokerError`], before anything was sent.
    pub async fn invoke_stream_as(
        &self,
        id: InvocationId,
        caller: Caller,
        request: InvokeRequest,
        idempotent: Option<Idempotent>,
    ) -> Result<Streamed, BrokerError> {
        let (inner, permit) = (self.inner.clone(), self.inner.permits.take(caller.owner)?);
        let (begun, answer) = oneshot::channel();
        self.inner.runtime.spawn(async move {
            let _permit = permit;
            let opened = match inner.open(caller, request, idempotent, Terms::Price(id), inner.config.stream).await {
                Ok(open::Opened::Fresh(opened)) => opened,
                Ok(open::Opened::Replayed(stored)) => return drop(begun.send(Ok(Streamed::Replayed(stored)))),
                Err(error) => return drop(begun.send(Err(error))),
            };
            let (sender, events) = tokio::sync::mpsc::unbounded_channel();
            // Whoever asked may have gone; what was begun is brought to its end all the same.
            drop(begun.send(Ok(Streamed::Live(events))));
            stream::run(&inner, *opened, &sender).await;
        });
        answer.await.map_err(|_| BrokerError::Interrupted)?
    }

    /// Waits, at most `patience`, until no call is running; none can start from then on. Whether it came to that.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.inner.permits.drain(patience).await
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits for the answer of a rival with the same key; `None` when the rival has given its claim back.
    async fn await_rival(&self, key: &Key) -> Result<Option<Stored>, BrokerError> {
        let deadline = tokio::time::Instant::now() + KEY_PATIENCE;
        while tokio::time::Instant::now() < deadline {
            tokio::time::sleep(KEY_PAUSE).await;
            let wanted = key.clone();
            let found = self.db.read(async move |tx: &mut Tx| idempotency::find(tx, &wanted).await).await?;
            match found {
                None => return Ok(None),
                Some(Claim::Done(stored)) => return Ok(Some(stored)),
                Some(Claim::Mismatch) => return Err(BrokerError::KeyReused),
                Some(Claim::Running | Claim::Fresh) => {}
            }
        }
        Err(BrokerError::KeyRunning)
    }
}
