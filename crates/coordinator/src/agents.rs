//! What the coordinator asks of the outside: agents found, and called.
//!
//! The coordinator knows neither the broker nor how agents are searched. Whoever composes a server hands it one of these.

use std::time::Duration;

use rialto_kernel::{AgentId, Amount, Id, OwnerId, nouns};
use serde_json::Value;

use crate::model::{AttemptId, Candidate};

/// A call that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Who calls, and pays.
    pub owner: OwnerId,
    /// Whom.
    pub agent: AgentId,
    /// The attempt. The same attempt is the same call, however often it is asked for: it is made once, and its answer is
    /// given again.
    pub attempt: AttemptId,
    /// What is sent: an object.
    pub input: Value,
    /// The most that it may cost.
    pub spend_max: Option<Amount>,
    /// How long it may take. A call that ends later counts as one that nobody answered.
    pub time_max: Duration,
    /// The conversation that it is part of; a new one when absent.
    pub conversation: Option<Id<nouns::Conversation>>,
    /// The message of that conversation that asks.
    pub message: Option<Id<nouns::Message>>,
    /// Whom the owner talks for, for a new conversation.
    pub external_user_id: Option<String>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// What the agent answered, an object; or why it did not.
    pub answer: Result<Value, Refusal>,
    /// What was paid.
    pub credits_charged: Option<Amount>,
    /// The call in the broker's logs.
    pub invocation: Option<Id<nouns::Invocation>>,
    /// The conversation that it became part of.
    pub conversation: Option<Id<nouns::Conversation>>,
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words, fit for a stranger.
    pub message: String,
    /// Whether the same call may go well another time.
    pub may_pass: bool,
    /// Whether nobody answered in time.
    pub is_timeout: bool,
}

/// It is not known how the call ends: it is under way, in this process or in one that died, or it was not begun because the
/// server has too much to do or goes down. Asking again, later, is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYet {
    /// Why, for the log.
    pub reason: String,
}

/// Agents, found and called.
#[async_trait::async_trait]
pub trait Agents: Send + Sync + 'static {
    /// The agents that fit a text best, at most `limit`, the best first.
    async fn discover(&self, text: &str, limit: u32) -> Result<Vec<Candidate>, NotYet>;

    /// The agent with this id or readable id, if it can be called.
    async fn find(&self, agent: &str) -> Result<Option<Candidate>, NotYet>;

    /// Calls an agent, and charges for it if it answers well.
    async fn call(&self, call: Call) -> Result<Called, NotYet>;

    /// How the call of an attempt ended, without making it; `None` if it never was made.
    async fn recall(&self, owner: OwnerId, attempt: AttemptId) -> Result<Option<Called>, NotYet>;
}
