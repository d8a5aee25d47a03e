//! An agent for the protocol's test kit. It stands before the real one when the server is started for tests, and does what the
//! kit's scenarios want, told by how the id of a message begins. It calls nobody and costs nothing.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rialto_kernel::{AgentId, Timestamp};
use rialto_store::Tx;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    A2aError,
    executor::{Abandoned, Executor, Update, Work},
    model::{Ended, TaskId},
    store::TaskStore,
    task::result,
    wire::{
        TaskState,
        types::{Message, Metadata, Part},
    },
};

/// How the ids of the kit's messages begin.
const PREFIXES: [&str; 2] = ["tck-", "test-resubscribe-message-id"];
/// The context of a task that this agent works on says so, for whoever has to stop it.
const MARK: &str = "conformance";
/// How long work that is to be seen takes.
const DELAY: Duration = Duration::from_secs(2);

/// What the test kit wants to see, before whoever else works on tasks.
pub struct Conformance {
    next: Arc<dyn Executor>,
}

impl Conformance {
    /// Hands on to `next` whatever is not the kit's.
    #[must_use]
    pub fn before(next: Arc<dyn Executor>) -> Self {
        Self { next }
    }
}

fn is_the_kits(agent: Option<AgentId>, message: &Message) -> bool {
    agent.is_none() && PREFIXES.iter().any(|prefix| message.message_id.starts_with(prefix))
}

fn mark() -> Metadata {
    Metadata::from_iter([(MARK.to_owned(), json!(true))])
}

#[async_trait]
impl Executor for Conformance {
    fn answer(&self, agent: Option<AgentId>, message: &Message) -> Option<Vec<Part>> {
        if !is_the_kits(agent, message) {
            return self.next.answer(agent, message);
        }
        message.message_id.starts_with("tck-message-response").then(|| vec![Part::text("Direct message response")])
    }

    fn check(&self, message: &Message, metadata: Option<&Metadata>) -> Result<(), A2aError> {
        self.next.check(message, metadata)
    }

    fn is_once(&self, agent: Option<AgentId>, message: &Message) -> bool {
        // The kit uses the id of one message for many.
        !is_the_kits(agent, message) && self.next.is_once(agent, message)
    }

    fn start(&self, work: Work) -> UnboundedReceiver<Update> {
        if !is_the_kits(work.agent, &work.message) {
            return self.next.start(work);
        }
        let (updates, receiver) = unbounded_channel();
        tokio::spawn(async move { act(&work.message.message_id, &updates).await });
        receiver
    }

    async fn let_go(&self, tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<Abandoned, A2aError> {
        if is_ours(tx, task).await? { Ok(Abandoned::Stopped) } else { self.next.let_go(tx, task, now).await }
    }

    async fn abandon(&self, tx: &mut Tx, task: TaskId, now: Timestamp) -> Result<Abandoned, A2aError> {
        if is_ours(tx, task).await? { Ok(Abandoned::Stopped) } else { self.next.abandon(tx, task, now).await }
    }
}

async fn is_ours(tx: &mut Tx, task: TaskId) -> Result<bool, A2aError> {
    let said = tx.list_messages(&[task], 1).await?;
    Ok(said.iter().any(|(_, message)| is_the_kits(None, message)))
}

/// Plays the scenario that the id of a message names.
async fn act(message_id: &str, updates: &UnboundedSender<Update>) {
    let is = |prefix: &str| message_id.starts_with(prefix);
    let end = |state: TaskState, words: Option<&str>| {
        let says = words.into_iter().map(Part::text).collect();
        say(updates, Update::Ended(Ended { state, says, made: Vec::new(), metadata: mark() }));
    };
    if is("tck-input-required") {
        return end(TaskState::InputRequired, None);
    }
    if is("tck-auth-required") {
        return end(TaskState::AuthRequired, None);
    }
    if is("tck-reject-task") {
        return end(TaskState::Rejected, Some("rejected"));
    }
    if is("tck-delayed-complete") {
        tokio::time::sleep(DELAY).await;
        return end(TaskState::Completed, Some("Done after delay"));
    }
    if is("test-resubscribe-message-id") {
        tokio::time::sleep(DELAY * 2).await;
        return end(TaskState::Completed, None);
    }
    if is("tck-stream-artifact-chunked") {
        make(updates, vec![Part::text("chunk-1 ")], false, false);
        // The pieces are to arrive as pieces.
        tokio::time::sleep(DELAY / 20).await;
        make(updates, vec![Part::text("chunk-2")], true, true);
        return end(TaskState::Completed, None);
    }
    match made(message_id) {
        Some(part) => {
            make(updates, vec![part], false, true);
            end(TaskState::Completed, None);
        }
        None if is("tck-stream-002") => end(TaskState::Completed, None),
        None => end(TaskState::Completed, Some("Hello from TCK")),
    }
}

/// Makes a part of a file that is there, or of one that is elsewhere.
type Make = fn(&dyn Fn() -> Part, &dyn Fn() -> Part) -> Part;

/// What the scenarios make that make one thing.
fn made(message_id: &str) -> Option<Part> {
    let file = |part: Part| Part { filename: Some("output.txt".into()), media_type: Some("text/plain".into()), ..part };
    let raw = || file(Part { raw: Some("dGNr".into()), ..Part::default() });
    let url = || file(Part { url: Some("https://example.com/output.txt".into()), ..Part::default() });
    // The longer of two that begin alike stands first.
    let scenarios: [(&str, Make); 9] = [
        ("tck-artifact-file-url", |_, url| url()),
        ("tck-artifact-file", |raw, _| raw()),
        ("tck-artifact-text", |_, _| Part::text("Generated text content")),
        ("tck-artifact-data", |_, _| Part::data(json!({"key": "value", "count": 42}))),
        ("tck-stream-artifact-text", |_, _| Part::text("Streamed text content")),
        ("tck-stream-artifact-file", |raw, _| raw()),
        ("tck-stream-ordering-001", |_, _| Part::text("Ordered output")),
        ("tck-stream-001", |_, _| Part::text("Stream hello from TCK")),
        ("tck-stream-003", |_, _| Part::text("Stream task lifecycle")),
    ];
    let scenario = scenarios.iter().find(|(prefix, _)| message_id.starts_with(prefix));
    scenario.map(|(_, make)| make(&raw, &url))
}

fn make(updates: &UnboundedSender<Update>, parts: Vec<Part>, append: bool, last_chunk: bool) {
    say(updates, Update::Made { artifact: result(parts), append, last_chunk });
}

/// A task that was canceled has nobody who listens.
fn say(updates: &UnboundedSender<Update>, update: Update) {
    drop(updates.send(update));
}
