//! The work of A2A tasks: agents are called through the broker, the platform finds them.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus::IntCounter;
use rialto_a2a::{
    A2aError, Abandoned, CheckedCard, Executor, Update, Work, import,
    model::{Ended, TaskId},
    task::result,
    wire::{
        TaskState,
        types::{Message, Metadata, Part},
    },
};
use rialto_kernel::{Amount, Caller, Clock, Timestamp};
use rialto_ledger::wallet::{self, WalletError};
use rialto_proxy_billing::{
    AbandonedCall, Broker, BrokerError, Invocation, InvokeRequest, Outcome, Payload, StreamEvent, Streamed, abandon_call,
    let_call_go,
};
use rialto_registry::{self as registry, Agent, AgentRef, DiscoverQuery, Finder, RankBy};
use rialto_store::{Db, StoreError, Tx};
use serde_json::{Map, Value, json};
use tokio::{
    runtime::Handle,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::App;

/// How many agents the platform names.
const FOUND_MAX: u32 = 10;
/// How often an import is tried that met another one of the same card.
const IMPORT_ATTEMPTS: u32 = 3;
/// Where agents put what they want to say.
const SAID_BY_AGENTS: [&str; 9] = ["message", "response", "answer", "output", "result", "text", "content", "summary", "reply"];

/// Where a client says what it would pay at most.
const MAX_CREDITS: &str = "max_credits";
/// What a task is told whose client has had a part of the answer.
const LET_GO: &str = "Canceled by its client, who was given a part of the answer; the call is paid if it ends well";

/// Works on tasks with the broker.
pub struct BrokerExecutor {
    pub broker: Broker,
    pub db: Db,
    pub finder: Finder,
    pub clock: Clock,
    pub runtime: Handle,
    /// Counts what was charged, for `/metrics`.
    pub charged: IntCounter,
}

#[async_trait]
impl Executor for BrokerExecutor {
    fn start(&self, work: Work) -> UnboundedReceiver<Update> {
        let (updates, receiver) = unbounded_channel();
        let agent = work.agent.map(AgentRef::Id).or_else(|| named(&work));
        match agent {
            Some(agent) => drop(self.runtime.spawn(call(self.broker.clone(), self.charged.clone(), agent, work, updates))),
            None => drop(self.runtime.spawn(find(self.db.clone(), self.finder.clone(), self.clock.now(), work.message, updates))),
        }
        receiver
    }

    fn check(&self, message: &Message, metadata: Option<&Metadata>) -> Result<(), A2aError> {
        price_max(message, metadata).map(drop)
    }

    async fn let_go(&self, tx: &mut Tx, task: TaskId, _now: Timestamp) -> Result<Abandoned, A2aError> {
        abandoned(task, let_call_go(tx, task.cast()).await)
    }

    async fn abandon(&self, tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<Abandoned, A2aError> {
        abandoned(task, abandon_call(tx, task.cast(), now).await)
    }
}

fn abandoned(task: TaskId, done: Result<AbandonedCall, BrokerError>) -> Result<Abandoned, A2aError> {
    match done {
        Ok(AbandonedCall::Ended) => Ok(Abandoned::Stopped),
        Ok(AbandonedCall::GoesOn) => {
            let metadata = metadata(json!({"invocation_id": task}));
            Ok(Abandoned::LetGo(Ended { metadata, ..Ended::saying(TaskState::Canceled, LET_GO) }))
        }
        Ok(AbandonedCall::HadEnded(call)) => Ok(Abandoned::HadEnded(finished(*call))),
        Ok(AbandonedCall::Unknown) => Ok(Abandoned::NotBegun),
        Err(BrokerError::Store(error)) => Err(error.into()),
        Err(error) => Err(A2aError::Store(StoreError::Corrupt(error.to_string()))),
    }
}

/// What the client would pay at most: `max_credits` in the metadata of the message, or of the request.
fn price_max(message: &Message, metadata: Option<&Metadata>) -> Result<Option<Amount>, A2aError> {
    let of =
        |metadata: Option<&Metadata>| metadata.and_then(|fields| fields.get(MAX_CREDITS)).filter(|cap| !cap.is_null()).cloned();
    let Some(cap) = of(message.metadata.as_ref()).or_else(|| of(metadata)) else { return Ok(None) };
    let cap = cap.as_i64().filter(|cap| *cap >= 0).and_then(|cap| Amount::new(cap).ok());
    let wrong = || A2aError::invalid(format!("metadata.{MAX_CREDITS}"), "must be whole credits, 0 or more");
    cap.map(Some).ok_or_else(wrong)
}

/// The agent that a message to the platform names.
fn named(work: &Work) -> Option<AgentRef> {
    let of = |metadata: &Option<Metadata>| Some(AgentRef::parse(metadata.as_ref()?.get("agent_id")?.as_str()?));
    of(&work.message.metadata).or_else(|| of(&work.metadata))
}

async fn call(broker: Broker, charged: IntCounter, agent: AgentRef, work: Work, updates: UnboundedSender<Update>) {
    let price_max = match price_max(&work.message, work.metadata.as_ref()) {
        Ok(price_max) => price_max,
        Err(error) => return end(&updates, Ended::saying(TaskState::Rejected, error.to_string())),
    };
    let input = match Payload::new(input(&work.message)) {
        Ok(input) => input,
        Err(error) => return end(&updates, Ended::saying(TaskState::Rejected, error.to_string())),
    };
    let request = InvokeRequest {
        agent,
        input,
        conversation: None,
        message: None,
        external_user_id: None,
        share_payload: false,
        request_id: Some(work.task.to_string()),
        price_max,
        time_max: None,
    };
    let mut events = match broker.invoke_stream_as(work.task.cast(), work.caller, request, None).await {
        Ok(Streamed::Live(events)) => events,
        // Only a request with an idempotency key can be one.
        Ok(Streamed::Replayed(_)) => return end(&updates, Ended::saying(TaskState::Failed, "The call was made before")),
        Err(error) => return end(&updates, refused(&error)),
    };
    let mut streamed = false;
    while let Some(event) = events.recv().await {
        match event {
            StreamEvent::Chunk(chunk) => {
                let update = Update::Made { artifact: result(vec![piece(chunk)]), append: streamed, last_chunk: false };
                streamed = true;
                drop(updates.send(update));
            }
            StreamEvent::Finished(Ok(outcome)) => {
                charged.inc_by(outcome.credits_charged.map_or(0, |amount| amount.get().unsigned_abs()));
                return end(&updates, ended(outcome, streamed));
            }
            StreamEvent::Finished(Err(error)) => {
                tracing::error!(%error, task.id = %work.task, "the call of a task could not be settled");
                return end(&updates, refused(&error));
            }
        }
    }
}

/// A task that was canceled has nobody who listens.
fn end(updates: &UnboundedSender<Update>, ended: Ended) {
    drop(updates.send(Update::Ended(ended)));
}

/// What an agent is sent: the message's data, with what it says as `message`, and its files as `files`.
fn input(message: &Message) -> Map<String, Value> {
    let (mut fields, mut texts, mut files) = (Map::new(), Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part { text: Some(text), .. } => texts.push(text.as_str()),
            Part { data: Some(Value::Object(data)), .. } => fields.extend(data.clone()),
            Part { data: Some(data), .. } => drop(fields.insert("data".to_owned(), data.clone())),
            file => files.push(json!({
                "name": file.filename, "media_type": file.media_type, "url": file.url, "bytes": file.raw,
            })),
        }
    }
    if !texts.is_empty() {
        fields.entry("message").or_insert_with(|| json!(texts.join("\n")));
    }
    if !files.is_empty() {
        fields.entry("files").or_insert_with(|| Value::Array(files));
    }
    fields
}

/// A piece of a streamed answer.
fn piece(chunk: Value) -> Part {
    match chunk {
        Value::String(text) => Part::text(text),
        Value::Object(fields) if fields.len() == 1 && fields.get("text").is_some_and(Value::is_string) => {
            Part::text(fields.get("text").and_then(Value::as_str).unwrap_or_default())
        }
        other => Part::data(other),
    }
}

/// An answer: what it says, and all of it, unless that is all that it says.
fn parts(answer: Value) -> Vec<Part> {
    let said = |name: &&str| answer.get(*name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let text = SAID_BY_AGENTS.iter().find_map(said).map(str::to_owned);
    let is_all = text.is_some() && answer.as_object().is_some_and(|fields| fields.len() == 1);
    text.map(Part::text).into_iter().chain((!is_all).then(|| Part::data(answer))).collect()
}

fn ended(outcome: Outcome, streamed: bool) -> Ended {
    let metadata = metadata(json!({
        "invocation_id": outcome.invocation,
        "conversation_id": outcome.conversation,
        "credits_charged": outcome.credits_charged,
        "status_code": outcome.status_code,
        "latency_ms": outcome.latency_ms,
    }));
    let answer = outcome.data.and_then(|data| serde_json::from_str(data.get()).ok());
    done(outcome.success, outcome.error, answer.filter(|_| !streamed), metadata)
}

/// How a call ended of which only its record is known.
fn finished(call: Invocation) -> Ended {
    let finish = call.finish;
    let metadata = metadata(json!({
        "invocation_id": call.id,
        "conversation_id": call.conversation,
        "credits_charged": finish.credits_charged,
        "status_code": finish.status_code,
        "latency_ms": finish.latency_ms,
    }));
    done(finish.success, finish.error, finish.response, metadata)
}

fn done(success: bool, error: Option<String>, answer: Option<Value>, metadata: Metadata) -> Ended {
    if success {
        return Ended { state: TaskState::Completed, says: Vec::new(), made: answer.map(parts).unwrap_or_default(), metadata };
    }
    Ended { metadata, ..Ended::saying(TaskState::Failed, error.unwrap_or_else(|| "The agent failed".to_owned())) }
}

fn metadata(value: Value) -> Metadata {
    match value {
        Value::Object(fields) => fields,
        _ => Metadata::new(),
    }
}

/// A call that was not made.
fn refused(error: &BrokerError) -> Ended {
    let (state, status_code) = match error {
        BrokerError::InsufficientCredits | BrokerError::PriceAboveCap => (TaskState::Rejected, 402),
        BrokerError::AgentNotCallable | BrokerError::AgentUnknown => (TaskState::Rejected, 404),
        BrokerError::ReadOnly => (TaskState::Rejected, 403),
        BrokerError::WalletNotOpen | BrokerError::AgentWithoutEndpoint => (TaskState::Rejected, 409),
        BrokerError::OwnerBusy => (TaskState::Rejected, 429),
        BrokerError::CredentialsMissing | BrokerError::Busy => (TaskState::Rejected, 503),
        _ => (TaskState::Failed, 500),
    };
    let words = if status_code == 500 { "Something went wrong on our side.".to_owned() } else { error.to_string() };
    Ended { metadata: metadata(json!({"status_code": status_code})), ..Ended::saying(state, words) }
}

/// Names the agents that fit what the message says.
async fn find(db: Db, finder: Finder, now: Timestamp, message: Message, updates: UnboundedSender<Update>) {
    let text: Vec<&str> = message.parts.iter().filter_map(|part| part.text.as_deref()).collect();
    let text: String = text.join(" ").chars().take(registry::SEARCH_CHARS_MAX).collect();
    let prepared = finder.prepare(&text).await;
    let distance_max = Some(prepared.distance_relevant());
    let query = DiscoverQuery { text, limit: FOUND_MAX, distance_max, rank_by: RankBy::Balanced };
    let found = db.read(async move |tx: &mut Tx| registry::discover(tx, &prepared, &query, now).await).await;
    let ended = match found {
        Ok(found) => {
            let agents: Vec<Value> = found.iter().map(|view| described(&view.agent, view.distance)).collect();
            let says = if agents.is_empty() {
                "No agent fits."
            } else {
                "These agents fit; name one as agent_id in a message's metadata."
            };
            let made = vec![Part::data(json!({"agents": agents}))];
            Ended { made, ..Ended::saying(TaskState::Completed, says) }
        }
        Err(error) => {
            tracing::error!(%error, "agents could not be searched for a task");
            Ended::saying(TaskState::Failed, "Something went wrong on our side.")
        }
    };
    end(&updates, ended);
}

fn described(agent: &Agent, distance: Option<f64>) -> Value {
    json!({
        "agent_id": agent.slug,
        "name": agent.name,
        "description": agent.description,
        "tags": agent.tags,
        "credits_per_call": agent.price(),
        "similarity_score": distance,
    })
}

/// Why a card was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The card, or its agent, was refused.
    #[error(transparent)]
    Refused(#[from] A2aError),
    /// The agent's wallet could not be opened.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports a card for the caller; a new agent gets its wallet in the same transaction.
pub async fn import_card(app: &App, caller: Caller, card: CheckedCard) -> Result<Agent, ImportError> {
    let (now, card) = (app.clock.now(), Arc::new(card));
    let mut attempt = 1;
    loop {
        let card = Arc::clone(&card);
        let work = async move |tx: &mut Tx| {
            let (agent, is_new) = import(tx, &caller, &card, now).await?;
            if is_new {
                wallet::open_agent_wallet(tx, agent.owner, agent.id, now).await?;
            }
            Ok::<_, ImportError>(agent)
        };
        match app.db.write(work).await {
            Err(ImportError::Refused(A2aError::Raced)) if attempt < IMPORT_ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}
