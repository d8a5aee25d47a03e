//! Conversations, their messages, and calls.

use rialto_kernel::{AgentId, Amount, Id, OwnerId, Timestamp, nouns};
use rialto_registry::AgentRef;
use serde_json::Value;

/// The id of a conversation.
pub type ConversationId = Id<nouns::Conversation>;
/// The id of a message.
pub type MessageId = Id<nouns::Message>;
/// The id of a call. The hold, its transfer and their reference have the same.
pub type InvocationId = Id<nouns::Invocation>;
/// The id of an integration that calls on an owner's behalf.
pub type IntegrationId = Id<nouns::Integration>;

/// What an owner and agents said to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Through which integration it came about.
    pub integration: Option<IntegrationId>,
    /// Whom the owner talks for, in the owner's own words.
    pub external_user_id: Option<String>,
    /// What its owner calls it.
    pub title: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When something was said in it, or it was renamed, last.
    pub updated_at: Timestamp,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The caller.
    User,
    /// An agent.
    Assistant,
}

impl Speaker {
    /// The word that databases and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// The speaker with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::User, Self::Assistant].into_iter().find(|speaker| speaker.as_str() == word)
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who said it.
    pub role: Speaker,
    /// What was said, in words.
    pub content: String,
    /// What else is known about it: the call that it belongs to.
    pub metadata: Option<Value>,
    /// Which agent it was said to, or by.
    pub agent: Option<AgentId>,
    /// When.
    pub created_at: Timestamp,
}

/// Which conversations of an owner are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Only those of this integration.
    pub integration: Option<IntegrationId>,
    /// Only those of this external user.
    pub external_user_id: Option<String>,
}

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInvocation {
    /// Its id.
    pub id: InvocationId,
    /// Who calls, and pays.
    pub caller: OwnerId,
    /// Whom.
    pub agent: AgentId,
    /// Whose agent that is, now.
    pub agent_owner: OwnerId,
    /// The agent's readable id.
    pub agent_slug: String,
    /// What the agent is called, now.
    pub agent_name: String,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which message of it asks.
    pub message: MessageId,
    /// What is held for it; zero for a free call.
    pub price: Amount,
    /// Whether the agent's owner may read the payloads.
    pub share_payload: bool,
    /// The claim that is finished together with the call.
    pub claim: Option<ClaimName>,
    /// A call that is not finished by then never will be.
    pub expires_at: Timestamp,
    /// What is sent.
    pub request: Value,
}

/// The name of an idempotency claim, without the fingerprint: enough to finish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimName {
    /// Whose claim, and for which operation.
    pub scope: String,
    /// What the client sent.
    pub key: String,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Whether the agent did what it was asked.
    pub success: bool,
    /// The agent's status, or ours when there was none: 408, 502, …
    pub status_code: u16,
    /// What the caller paid; `None` when nothing.
    pub credits_charged: Option<Amount>,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// Why it failed, fit for a stranger.
    pub error: Option<String>,
    /// What the agent answered.
    pub response: Option<Value>,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Its id.
    pub id: InvocationId,
    /// Who called.
    pub caller: OwnerId,
    /// Whom.
    pub agent: AgentId,
    /// Whose agent that was.
    pub agent_owner: OwnerId,
    /// The agent's readable id.
    pub agent_slug: String,
    /// What the agent was called.
    pub agent_name: String,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which message of it asked.
    pub message: MessageId,
    /// The call during which this one was made.
    pub parent: Option<InvocationId>,
    /// Through which integration it was made.
    pub integration: Option<IntegrationId>,
    /// Whether the agent's owner may read the payloads.
    pub share_payload: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What was sent; `None` for a reader who may not see it.
    pub request: Option<Value>,
    /// How it ended. `response` is `None` for a reader who may not see it.
    pub finish: Finish,
}

/// What a call's ending looks like from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// The agent did what it was asked.
    Success,
    /// Nobody answered in time: 408 and 504.
    Timeout,
    /// Everything else.
    Error,
}

impl CallStatus {
    /// The word that clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    /// The status with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Success, Self::Timeout, Self::Error].into_iter().find(|status| status.as_str() == word)
    }
}

/// The statuses that say that nobody answered in time.
pub(crate) const TIMEOUT_CODES: [i32; 2] = [408, 504];

impl Finish {
    /// How it looks from afar.
    #[must_use]
    pub fn status(&self) -> CallStatus {
        if self.success {
            CallStatus::Success
        } else if TIMEOUT_CODES.contains(&i32::from(self.status_code)) {
            CallStatus::Timeout
        } else {
            CallStatus::Error
        }
    }
}

/// Which calls are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvocationFilter {
    /// Only calls of this agent, deleted or not.
    pub agent: Option<AgentRef>,
    /// Only calls made then or later.
    pub from: Option<Timestamp>,
    /// Only calls made before then, or just then.
    pub to: Option<Timestamp>,
    /// Only calls that ended like this.
    pub status: Option<CallStatus>,
}
