//! What goes over the wire.

use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_proxy_billing::{Conversation, ConversationFilter, ConversationId, IntegrationId, Message, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000003", "user_id": "0198c0de-0000-7000-8000-000000000001", "integration_id": null,
    "title": "Greetings", "external_user_id": "customer-7", "created_at": "2026-11-22T04:54:03.000001Z",
    "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct ConversationResponse {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub user_id: OwnerId,
    /// Through which integration it came about.
    pub integration_id: Option<IntegrationId>,
    /// What you call it.
    pub title: Option<String>,
    /// Whom you talk for.
    pub external_user_id: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When something was said in it, or it was renamed, last.
    pub updated_at: Timestamp,
}

impl From<Conversation> for ConversationResponse {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            user_id: conversation.owner,
            integration_id: conversation.integration,
            title: conversation.title,
            external_user_id: conversation.external_user_id,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000006", "conversation_id": "0198c0de-0000-7000-8000-000000000003", "role": "user",
    "content": "Hello", "metadata": {"invocation_id": "0198c0de-0000-7000-8000-000000000004"},
    "agent_id": "0198c0de-0000-7000-8000-000000000005", "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct MessageResponse {
    /// Its id.
    pub id: MessageId,
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Who said it: `user` or `assistant`.
    pub role: &'static str,
    /// What was said, in words.
    pub content: String,
    /// The call that it belongs to.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// Which agent it was said to, or by.
    pub agent_id: Option<AgentId>,
    /// When.
    pub created_at: Timestamp,
}

impl From<Message> for MessageResponse {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            conversation_id: message.conversation,
            role: message.role.as_str(),
            content: message.content,
            metadata: message.metadata,
            agent_id: message.agent,
            created_at: message.created_at,
        }
    }
}

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"title": "Greetings"}))]
pub struct ConversationUpdate {
    /// What to call it; null or an empty text takes the name away.
    #[schema(max_length = 255)]
    pub title: Option<String>,
}

/// Which conversations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConversationQuery {
    /// Only those of this integration.
    pub integration_id: Option<IntegrationId>,
    /// Only those of this external user.
    pub external_user_id: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

impl ConversationQuery {
    /// The filter alone.
    pub fn filter(&self) -> ConversationFilter {
        ConversationFilter { integration: self.integration_id, external_user_id: self.external_user_id.clone() }
    }
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
