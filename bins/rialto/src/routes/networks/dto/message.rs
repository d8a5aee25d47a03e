//! Messages.

use rialto_kernel::Timestamp;
use rialto_networks::{Channel, DeliveryStatus, Letter, MessageId, NetworkId, NewMessage, ParticipantId, Said, context::Entry};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::wire;

wire! {
    /// How a message travels.
    ChannelType = Channel {
        /// Its sender waits for the answer.
        Call,
        /// It is pushed to the recipient's callback.
        Message,
        /// It waits for the recipient to look.
        Mailbox,
    }
}
wire! {
    /// How far a message has come.
    MessageStatus = DeliveryStatus {
        /// The recipient does not have it yet.
        Pending,
        /// The recipient's callback has taken it.
        Delivered,
        /// The recipient has acknowledged it.
        Read,
        /// It could not be delivered, and will not be tried again.
        Failed,
    }
}

/// A message to be sent. You may send as any participant of your network.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "sender_participant_id": "0198c0de-0000-7000-8000-000000000012",
    "recipient_participant_id": "0198c0de-0000-7000-8000-000000000013",
    "content": "What do we know about the subject?", "metadata": {"topic": "atlas"},
}))]
pub struct MessageRequest {
    /// Who says it.
    pub sender_participant_id: ParticipantId,
    /// To whom.
    pub recipient_participant_id: ParticipantId,
    /// What is said.
    #[schema(max_length = 65536)]
    pub content: String,
    /// What else you want to remember of it. It is not sent to the recipient's callback.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl MessageRequest {
    /// The message, in its network.
    pub fn to(&self, network: NetworkId) -> NewMessage {
        NewMessage {
            network,
            sender: self.sender_participant_id,
            recipient: self.recipient_participant_id,
            content: self.content.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// A message, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000014", "network_id": "0198c0de-0000-7000-8000-000000000011",
    "sender_participant_id": "0198c0de-0000-7000-8000-000000000012",
    "recipient_participant_id": "0198c0de-0000-7000-8000-000000000013", "channel_type": "message",
    "content": "What do we know about the subject?", "metadata": {"topic": "atlas"}, "metadata_": {"topic": "atlas"},
    "status": "delivered", "in_reply_to_id": null, "seq": 42, "attempts": 1, "last_error": null,
    "delivered_at": "2026-11-22T04:54:03.120001Z", "read_at": null,
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.120001Z",
}))]
pub struct NetworkMessageResponse {
    /// Its id; the recipient's callback sees the same as `webhook-id`, at every attempt.
    pub id: MessageId,
    /// In which network.
    pub network_id: NetworkId,
    /// Who says it.
    pub sender_participant_id: ParticipantId,
    /// To whom; null for a word to nobody in particular.
    pub recipient_participant_id: Option<ParticipantId>,
    /// How it travels.
    #[schema(inline)]
    pub channel_type: ChannelType,
    /// What is said.
    pub content: String,
    /// What else its sender wants to remember.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// The same, under the name that some clients read.
    #[schema(value_type = Option<Object>)]
    pub metadata_: Option<Value>,
    /// How far it has come.
    #[schema(inline)]
    pub status: MessageStatus,
    /// The message that it answers.
    pub in_reply_to_id: Option<MessageId>,
    /// Its place among all messages: ask for what came behind it with `after`.
    pub seq: i64,
    /// How often the recipient's callback was tried.
    pub attempts: i32,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// When the callback took it.
    pub delivered_at: Option<Timestamp>,
    /// When the recipient acknowledged it.
    pub read_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it came on last.
    pub updated_at: Timestamp,
}

impl From<Letter> for NetworkMessageResponse {
    fn from(letter: Letter) -> Self {
        let status = letter.status().into();
        let Letter { message, delivery } = letter;
        let updated_at = delivery.as_ref().map_or(message.created_at, |delivery| delivery.updated_at);
        let (attempts, last_error, delivered_at, read_at) = delivery.map_or((0, None, None, None), |delivery| {
            (delivery.attempts, delivery.last_error, delivery.delivered_at, delivery.read_at)
        });
        Self {
            id: message.id,
            network_id: message.network,
            sender_participant_id: message.sender,
            recipient_participant_id: message.recipient,
            channel_type: message.channel.into(),
            content: message.content,
            metadata_: message.metadata.clone(),
            metadata: message.metadata,
            status,
            in_reply_to_id: message.in_reply_to,
            seq: message.seq,
            attempts,
            last_error,
            delivered_at,
            read_at,
            created_at: message.created_at,
            updated_at,
        }
    }
}

/// An answered call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"success": true, "message_id": "0198c0de-0000-7000-8000-000000000014", "response": {"text": "Plenty."}}))]
pub struct CallResponse {
    /// True: a call that is not answered is a problem.
    pub success: bool,
    /// The message that asked.
    pub message_id: MessageId,
    /// What was answered; text that is not JSON is `{"raw_response": …}`.
    #[schema(value_type = Object)]
    pub response: Value,
}

/// Messages to be acknowledged.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"message_ids": ["0198c0de-0000-7000-8000-000000000014"]}))]
pub struct AckRequest {
    /// Which. Those that are not in the network, or read already, are passed over.
    #[schema(max_items = 1000)]
    pub message_ids: Vec<MessageId>,
    /// Only those to this participant.
    pub participant_id: Option<ParticipantId>,
}

/// How many messages were acknowledged.
#[derive(Debug, Serialize, ToSchema)]
pub struct AckResponse {
    /// How many were read by this request, and not before.
    #[schema(example = 1)]
    pub acknowledged: usize,
}

/// What a participant says by its own URL.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"content": "Here is what I found.", "recipient_participant_id": "0198c0de-0000-7000-8000-000000000012"}))]
pub struct CallbackPayload {
    /// What.
    #[schema(max_length = 65536)]
    pub content: String,
    /// To whom. Left out in an answer, it is whoever asked; otherwise it is for nobody in particular.
    pub recipient_participant_id: Option<ParticipantId>,
    /// How it travels; `message` when left out.
    #[schema(inline)]
    pub channel_type: Option<ChannelType>,
    /// What else there is to remember.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// The message that it answers.
    pub in_reply_to_id: Option<MessageId>,
}

impl CallbackPayload {
    /// What is said, in answer to `answered` unless it says otherwise, and with a key of the participant's own.
    pub fn into_said(self, answered: Option<MessageId>, key: Option<String>, webhook_id: Option<String>) -> Said {
        Said {
            content: self.content,
            recipient: self.recipient_participant_id,
            channel: self.channel_type.map_or(Channel::Message, Channel::from),
            metadata: self.metadata,
            in_reply_to: self.in_reply_to_id.or(answered),
            key,
            webhook_id,
        }
    }
}

/// What a network has said last.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextResponse {
    /// The network.
    pub network_id: NetworkId,
    /// What was said, the oldest first.
    pub entries: Vec<ContextEntry>,
}

/// One line of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "sender": "researcher", "recipient": "writer", "channel": "message", "content": "What do we know about the subject?",
    "message_id": "0198c0de-0000-7000-8000-000000000014", "timestamp": 1_795_323_243.000_001,
}))]
pub struct ContextEntry {
    /// What its sender is called.
    pub sender: String,
    /// What its recipient is called.
    pub recipient: Option<String>,
    /// How it travelled.
    #[schema(inline)]
    pub channel: ChannelType,
    /// What was said.
    pub content: String,
    /// The message.
    pub message_id: MessageId,
    /// When, in seconds since 1970.
    pub timestamp: f64,
}

impl From<Entry> for ContextEntry {
    fn from(entry: Entry) -> Self {
        Self {
            sender: entry.sender,
            recipient: entry.recipient,
            channel: entry.channel.into(),
            content: entry.content,
            message_id: entry.message_id,
            timestamp: entry.timestamp,
        }
    }
}
