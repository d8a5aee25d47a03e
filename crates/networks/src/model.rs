//! Networks, participants, messages and their deliveries.

use rialto_kernel::{AgentId, Id, OwnerId, Timestamp, nouns, words};
use serde_json::Value;

/// The id of a network.
pub type NetworkId = Id<nouns::Network>;
/// The id of a participant.
pub type ParticipantId = Id<nouns::Participant>;
/// The id of a message. Its receivers see the same as the `webhook-id`, at every attempt.
pub type MessageId = Id<nouns::NetworkMessage>;

words! {
    /// Who may begin to talk to whom. Whoever was written to may always answer.
    Topology {
        /// Everybody to everybody.
        Mesh = "mesh",
        /// The hub, which is the oldest active participant, to everybody.
        Star = "star",
        /// Everybody to the one who joined next; the last to the first.
        Ring = "ring",
        /// As the list `allowed_edges` in the network's metadata says; without one, everybody to everybody.
        Custom = "custom",
    }
}
words! {
    /// Whether a network is in use.
    NetworkStatus {
        /// Messages go.
        Active = "active",
        /// No new messages for now.
        Paused = "paused",
        /// No new messages.
        Closed = "closed",
    }
}
words! {
    /// What a participant is.
    ParticipantKind {
        /// An agent.
        Agent = "agent",
        /// Somebody that an agent speaks for.
        Persona = "persona",
        /// Whoever directs the others.
        Orchestrator = "orchestrator",
    }
}
words! {
    /// Whether a participant takes part.
    ParticipantStatus {
        /// It does.
        Active = "active",
        /// Not now; it keeps its place.
        Disconnected = "disconnected",
        /// It has left.
        Removed = "removed",
    }
}
words! {
    /// How a message travels.
    Channel {
        /// Its sender waits for the answer.
        Call = "call",
        /// It is pushed to the recipient's callback.
        Message = "message",
        /// It waits for the recipient to look.
        Mailbox = "mailbox",
    }
}
words! {
    /// How far a message has come.
    DeliveryStatus {
        /// The recipient does not have it yet.
        Pending = "pending",
        /// The recipient's callback has taken it.
        Delivered = "delivered",
        /// The recipient has acknowledged it.
        Read = "read",
        /// It could not be delivered, and will not be tried again.
        Failed = "failed",
    }
}

/// Agents that may talk to each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// Whose it is. Its owner acts for every participant.
    pub owner: OwnerId,
    /// What it is called: up to 255 characters.
    pub name: String,
    /// Who may begin to talk to whom.
    pub topology: Topology,
    /// Whether it is in use.
    pub status: NetworkStatus,
    /// Whatever its owner wants to remember; an object.
    pub metadata: Option<Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Somebody who takes part in a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant {
    /// Its id.
    pub id: ParticipantId,
    /// In which network.
    pub network: NetworkId,
    /// Which registered agent it is, if it is one.
    pub agent: Option<AgentId>,
    /// What it is.
    pub kind: ParticipantKind,
    /// What it is called, not necessarily alone: up to 255 characters.
    pub name: String,
    /// Whether it takes part.
    pub status: ParticipantStatus,
    /// Where messages are pushed.
    pub callback_url: Option<String>,
    /// Whether that is the endpoint of its agent, looked up anew each time.
    pub follows_agent: bool,
    /// Whether it looks for its messages itself.
    pub polling_enabled: bool,
    /// The SHA-256 digest of the token in its own URL.
    pub token_digest: Vec<u8>,
    /// Signed URLs of an earlier epoch are void.
    pub callback_epoch: i32,
    /// What it can do, in its own words; an object.
    pub capabilities: Option<Value>,
    /// When it joined.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A participant, as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: ParticipantId,
    /// What it is called.
    pub name: String,
}

impl From<&Participant> for Peer {
    fn from(participant: &Participant) -> Self {
        Self { id: participant.id, name: participant.name.clone() }
    }
}

/// What one participant says to another. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its place among all messages, in the order in which they were accepted.
    pub seq: i64,
    /// Its id.
    pub id: MessageId,
    /// In which network.
    pub network: NetworkId,
    /// Who says it.
    pub sender: ParticipantId,
    /// To whom; `None` for a word to nobody in particular.
    pub recipient: Option<ParticipantId>,
    /// How it travels.
    pub channel: Channel,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What is said: up to 65,536 characters.
    pub content: String,
    /// What else its sender wants to remember; an object.
    pub metadata: Option<Value>,
}

/// One message on its way to one participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often the recipient's callback was tried.
    pub attempts: i32,
    /// Why the last attempt that failed did, fit for a stranger.
    pub last_error: Option<String>,
    /// When the callback took it.
    pub delivered_at: Option<Timestamp>,
    /// When the recipient acknowledged it.
    pub read_at: Option<Timestamp>,
    /// When it came on last.
    pub updated_at: Timestamp,
}

/// A message, and how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// What is said.
    pub message: Message,
    /// How it fares; `None` for a word to nobody in particular.
    pub delivery: Option<Delivery>,
}

impl Letter {
    /// How far it has come. A word to nobody in particular never gets anywhere.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        self.delivery.as_ref().map_or(DeliveryStatus::Pending, |delivery| delivery.status)
    }
}

/// A line of what a network has said last, as all its participants may know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The message's place.
    pub seq: i64,
    /// The message.
    pub message: MessageId,
    /// What its sender is called.
    pub sender: String,
    /// What its recipient is called.
    pub recipient: Option<String>,
    /// How it travelled.
    pub channel: Channel,
    /// What was said.
    pub content: String,
    /// When.
    pub at: Timestamp,
}
