//! What goes over the wire beside the protocol itself.

use rialto_a2a::{CheckedCard, card::Signature};
use rialto_registry::Agent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

/// A card to import.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"url": "https://agents.example.com"}))]
pub struct ImportRequest {
    /// Where the card is, or the server that it is the card of.
    #[schema(max_length = 2048)]
    pub url: String,
}

/// Cards to import.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"urls": ["https://agents.example.com", "https://other.example.com/cards/one.json"]}))]
pub struct ImportBatchRequest {
    /// Where the cards are.
    #[schema(min_items = 1, max_items = 100)]
    pub urls: Vec<String>,
}

/// An agent that was imported, or is up to date again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "success": true, "agent_id": "a2a-translator-456789ab", "name": "Translator", "description": "Translates. | Skills: translate",
    "invoke_endpoint": "https://agents.example.com/a2a", "tags": ["a2a", "external", "translate"], "protocol": "a2a/1.0",
    "signature": "verified", "signature_detail": "key-1 at agents.example.com",
}))]
pub struct ImportResponse {
    /// Always true.
    pub success: bool,
    /// The agent's readable id.
    pub agent_id: String,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where it is called.
    pub invoke_endpoint: String,
    /// What it is found by.
    pub tags: Vec<String>,
    /// What is spoken there: `a2a/1.0`, `a2a/0.3`, or `http` for plain JSON.
    pub protocol: String,
    /// Whether the card is what somebody signed: `unsigned`, `verified` or `invalid`.
    pub signature: String,
    /// Whose key verified it, or why none did.
    #[schema(required)]
    pub signature_detail: Option<String>,
}

impl ImportResponse {
    /// What an import of this card came to.
    pub fn new(agent: Agent, Signature { status, detail }: Signature) -> Self {
        Self {
            success: true,
            agent_id: agent.slug,
            name: agent.name,
            description: agent.description,
            invoke_endpoint: agent.endpoint,
            tags: agent.tags,
            protocol: agent.protocol.as_str().to_owned(),
            signature: status.as_str().to_owned(),
            signature_detail: detail,
        }
    }
}

/// What became of one card of many.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ImportResult {
    /// It was imported.
    Done {
        /// Where it was.
        url: String,
        /// Whose card it is now.
        #[serde(flatten)]
        agent: ImportResponse,
    },
    /// It was not.
    Failed {
        /// Where it should have been.
        url: String,
        /// Always false.
        success: bool,
        /// Why not.
        error: String,
    },
}

/// What became of many cards, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"results": [
    {"url": "https://agents.example.com", "success": true, "agent_id": "a2a-translator-456789ab", "name": "Translator",
     "description": "Translates.", "invoke_endpoint": "https://agents.example.com/a2a", "tags": ["a2a"], "protocol": "a2a/1.0",
     "signature": "unsigned", "signature_detail": null},
    {"url": "https://other.example.com", "success": false, "error": "Could not fetch Agent Card from https://other.example.com: status 404"},
]}))]
pub struct ImportBatchResponse {
    /// One for each URL.
    pub results: Vec<ImportResult>,
}

/// A card that was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "success": true, "card": {"name": "Translator", "url": "https://agents.example.com/a2a"},
    "url": "https://agents.example.com/.well-known/agent-card.json", "signature": "unsigned", "signature_detail": null,
}))]
pub struct CardPreview {
    /// Always true.
    pub success: bool,
    /// The card, as it is.
    #[schema(value_type = Object)]
    pub card: Box<RawValue>,
    /// Where it was found.
    pub url: String,
    /// Whether the card is what somebody signed: `unsigned`, `verified` or `invalid`.
    pub signature: String,
    /// Whose key verified it, or why none did.
    #[schema(required)]
    pub signature_detail: Option<String>,
}

/// The cards of a page of agents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"agents": [{"name": "Translator", "url": "https://rialto.example.com/a2a/agents/translator-456789ab"}],
    "total": 1, "limit": 100, "offset": 0}))]
pub struct CardList {
    /// The cards.
    #[schema(value_type = Vec<Object>)]
    pub agents: Vec<Value>,
    /// How many there are in all.
    pub total: i64,
    /// How many there are on a page at most.
    pub limit: i64,
    /// How many were skipped.
    pub offset: i64,
}

/// What is told of a card beside its agent.
pub fn signature_of(card: &CheckedCard) -> Signature {
    card.signature.clone()
}
