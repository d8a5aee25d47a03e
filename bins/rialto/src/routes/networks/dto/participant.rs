//! Participants.

use rialto_kernel::{AgentId, Timestamp};
use rialto_networks::{
    Keys, NetworkId, NewParticipant, ParticipantChanges, ParticipantId, ParticipantKind, ParticipantStatus as Status, Present,
};
use rialto_registry::{AgentRef, identity::AgentStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::wire;

wire! {
    /// What a participant is.
    ParticipantType = ParticipantKind {
        /// An agent.
        Agent,
        /// Somebody that an agent speaks for.
        Persona,
        /// Whoever directs the others.
        Orchestrator,
    }
}
wire! {
    /// Whether a participant takes part.
    ParticipantStatus = Status {
        /// It does.
        Active,
        /// Not now; it keeps its place.
        Disconnected,
        /// It has left.
        Removed,
    }
}

/// Somebody who is to take part.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "researcher", "participant_type": "agent", "polling_enabled": true}))]
pub struct ParticipantJoin {
    /// What to call it; others may be called the same.
    #[schema(max_length = 255)]
    pub name: String,
    /// Which registered agent it is: its UUID, or its readable id.
    #[schema(example = "0198c0de-0000-7000-8000-0123456789ab")]
    pub agent_id: Option<String>,
    /// What it is; `agent` when left out.
    #[schema(inline)]
    pub participant_type: Option<ParticipantType>,
    /// Where messages are pushed. An agent that has none, and does not poll, is called at its endpoint.
    #[schema(max_length = 2048)]
    pub callback_url: Option<String>,
    /// Whether it looks for its messages itself.
    pub polling_enabled: Option<bool>,
    /// What it can do, in its own words.
    #[schema(value_type = Option<Object>)]
    pub capabilities: Option<Value>,
}

impl From<&ParticipantJoin> for NewParticipant {
    fn from(body: &ParticipantJoin) -> Self {
        Self {
            name: body.name.clone(),
            agent: body.agent_id.as_deref().map(AgentRef::parse),
            kind: body.participant_type.map_or(ParticipantKind::Agent, ParticipantKind::from),
            callback_url: body.callback_url.clone(),
            polling_enabled: body.polling_enabled.unwrap_or(false),
            capabilities: body.capabilities.clone(),
        }
    }
}

/// What to change. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"polling_enabled": true}))]
pub struct ParticipantUpdate {
    /// Where messages are pushed from now on.
    #[schema(max_length = 2048)]
    pub callback_url: Option<String>,
    /// Whether it looks for its messages itself.
    pub polling_enabled: Option<bool>,
    /// What it can do, in place of all that was there.
    #[schema(value_type = Option<Object>)]
    pub capabilities: Option<Value>,
    /// Whether it takes part.
    #[schema(inline)]
    pub status: Option<ParticipantStatus>,
}

impl From<ParticipantUpdate> for ParticipantChanges {
    fn from(body: ParticipantUpdate) -> Self {
        Self {
            callback_url: body.callback_url,
            polling_enabled: body.polling_enabled,
            capabilities: body.capabilities,
            status: body.status.map(Status::from),
        }
    }
}

/// A participant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000012", "network_id": "0198c0de-0000-7000-8000-000000000011", "agent_id": null,
    "agent_status": null, "participant_type": "agent", "name": "researcher", "callback_url": null, "polling_enabled": true, "capabilities": null,
    "status": "active", "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct ParticipantResponse {
    /// Its id.
    pub id: ParticipantId,
    /// In which network.
    pub network_id: NetworkId,
    /// Which registered agent it is.
    pub agent_id: Option<AgentId>,
    /// `active`, `suspended`, `deactivated` or `deleted`: unless its agent is active, the participant neither sends nor receives. Null
    /// for one that is no registered agent.
    #[schema(required)]
    pub agent_status: Option<&'static str>,
    /// What it is.
    #[schema(inline)]
    pub participant_type: ParticipantType,
    /// What it is called.
    pub name: String,
    /// Where messages are pushed. That of an agent without a callback of its own is its endpoint when it joined; it is looked up
    /// anew each time.
    pub callback_url: Option<String>,
    /// Whether it looks for its messages itself.
    pub polling_enabled: bool,
    /// What it can do.
    #[schema(value_type = Option<Object>)]
    pub capabilities: Option<Value>,
    /// Whether it takes part.
    #[schema(inline)]
    pub status: ParticipantStatus,
    /// When it joined.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl From<Present> for ParticipantResponse {
    fn from(Present { participant, agent_status }: Present) -> Self {
        Self {
            id: participant.id,
            network_id: participant.network,
            agent_id: participant.agent,
            agent_status: participant.agent.map(|_| agent_status.map_or("deleted", AgentStatus::as_str)),
            participant_type: participant.kind.into(),
            name: participant.name,
            callback_url: participant.callback_url,
            polling_enabled: participant.polling_enabled,
            capabilities: participant.capabilities,
            status: participant.status.into(),
            created_at: participant.created_at,
            updated_at: participant.updated_at,
        }
    }
}

/// A participant with what is shown of it once.
#[derive(Serialize, ToSchema)]
pub struct ParticipantKeysResponse {
    #[serde(flatten)]
    participant: ParticipantResponse,
    /// Signs what the participant is sent, as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`,
    /// `webhook-signature`). It is not shown again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    signing_secret: String,
    /// The participant's own URL: whoever posts there speaks as the participant. It is not shown again.
    #[schema(
        example = "https://rialto.example.com/networks/0198c0de-0000-7000-8000-000000000011/participants/0198c0de-0000-7000-8000-000000000012/callback?token=…"
    )]
    reply_url: String,
}

impl From<(Present, Keys)> for ParticipantKeysResponse {
    fn from((participant, keys): (Present, Keys)) -> Self {
        Self {
            participant: participant.into(),
            signing_secret: keys.signing_secret.to_string(),
            reply_url: keys.reply_url.to_string(),
        }
    }
}
