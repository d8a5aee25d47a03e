//! What goes over the wire.

use rialto_kernel::{AgentId, Page, PageRequest, Timestamp};
use rialto_registry::{
    AgentChanges, Capability, NewAgent,
    identity::{AgentStatus, IdentityType, NewIdentity, Profile},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Sight;
use crate::http::Problem;

/// What an agent can do: a name, or as a manifest says it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AgentAbility, example = "inference")]
pub enum Ability {
    /// By its name.
    Name(String),
    /// With its schemas.
    #[schema(title = "Ability with schemas")]
    Full {
        /// Its name.
        id: String,
        /// The JSON Schema of its input.
        #[schema(value_type = Option<Object>)]
        input_schema: Option<Value>,
        /// The JSON Schema of its output.
        #[schema(value_type = Option<Object>)]
        output_schema: Option<Value>,
        /// What it asks for, such as `{"type": "public"}`.
        #[schema(value_type = Option<Object>)]
        auth: Option<Value>,
    },
}

/// Names without blanks around them, each once.
fn capabilities(given: &[Ability]) -> Vec<Capability> {
    let mut kept: Vec<Capability> = Vec::new();
    for ability in given {
        let mut one = match ability.clone() {
            Ability::Name(id) => Capability { id, ..Capability::default() },
            Ability::Full { id, input_schema, output_schema, auth } => Capability { id, input_schema, output_schema, auth },
        };
        one.id = one.id.trim().to_owned();
        // One more than is allowed is enough to be refused.
        if !one.id.is_empty() && kept.len() <= rialto_registry::CAPABILITIES_MAX && kept.iter().all(|other| other.id != one.id) {
            kept.push(one);
        }
    }
    kept
}

fn display_name(display_name: Option<&String>, name: Option<&String>) -> Result<Option<String>, Problem> {
    let given = display_name.or(name).map(|name| name.trim().to_owned());
    if given.as_deref() == Some("") {
        return Err(Problem::bad_request("display-name-required", "Display name is required"));
    }
    Ok(given)
}

/// An agent to be known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = AgentIdentityCreate, example = json!({
    "display_name": "My AI Agent", "capabilities": ["nlp", "inference"], "identity_type": "api_key_only",
    "wallet_address": "0x1234567890abcdef1234567890abcdef12345678",
}))]
pub struct IdentityCreate {
    /// What it is called. Required, here or as `name`.
    #[schema(max_length = 255)]
    pub display_name: Option<String>,
    /// The same.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// `api_key_only`, `kya_jwt` or `did_vc`; `api_key_only` when it is left out.
    pub identity_type: Option<String>,
    /// What it can do: at most 100.
    pub capabilities: Option<Vec<Ability>>,
    /// Where it is paid on a chain.
    #[schema(max_length = 128)]
    pub wallet_address: Option<String>,
    /// What you want to keep with it, at most 16 KiB. Nobody else is shown it.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// What it does, in words.
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// Where calls go: an http(s) URL on the public internet. Without one it is not called.
    #[schema(max_length = 2048)]
    pub endpoint: Option<String>,
    /// What to find it by: at most 50 of at most 64 characters.
    pub tags: Option<Vec<String>>,
    /// A shelf to put it on.
    #[schema(max_length = 64)]
    pub category: Option<String>,
}

impl IdentityCreate {
    /// The registration that this is.
    pub fn read(&self) -> Result<NewAgent, Problem> {
        let name = display_name(self.display_name.as_ref(), self.name.as_ref())?;
        let name = name.ok_or_else(|| Problem::invalid("body.display_name", "is required"))?;
        let kind = self.identity_type.as_deref().map_or(Some(IdentityType::ApiKeyOnly), IdentityType::from_word);
        let kind = kind.ok_or_else(|| Problem::rule("body.identity_type", "must be api_key_only, kya_jwt or did_vc"))?;
        let given = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        Ok(NewAgent {
            name,
            description: given(&self.description),
            endpoint: given(&self.endpoint),
            capabilities: capabilities(self.capabilities.as_deref().unwrap_or_default()),
            tags: self.tags.clone().unwrap_or_default(),
            category: self.category.clone().filter(|category| !category.trim().is_empty()),
            identity: Some(NewIdentity { kind, wallet_address: self.wallet_address.clone(), metadata: self.metadata.clone() }),
            ..NewAgent::default()
        })
    }
}

/// What is to change; what is left out, or null, stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = AgentIdentityUpdate, example = json!({"display_name": "My better AI agent", "capabilities": ["nlp"]}))]
pub struct IdentityUpdate {
    /// Another name.
    #[schema(max_length = 255)]
    pub display_name: Option<String>,
    /// The same.
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// Others, in place of all there were.
    pub capabilities: Option<Vec<Ability>>,
    /// Another address, or an empty one for none: whatever was verified is not any more. The same in other letters is no other.
    #[schema(max_length = 128)]
    pub wallet_address: Option<String>,
    /// `active`, `suspended` or `deactivated`.
    pub status: Option<String>,
    /// Other metadata, in place of all there was.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    /// Another description; an empty one leaves it as it is.
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    /// Another endpoint, or an empty one for none: nobody calls the agent from then on.
    #[schema(max_length = 2048)]
    pub endpoint: Option<String>,
    /// Others, in place of all there were.
    pub tags: Option<Vec<String>>,
    /// Another category.
    #[schema(max_length = 64)]
    pub category: Option<String>,
}

impl IdentityUpdate {
    /// The changes that these are.
    pub fn read(&self) -> Result<AgentChanges, Problem> {
        let status = self.status.as_deref().map(|word| status("body.status", word)).transpose()?;
        Ok(AgentChanges {
            name: display_name(self.display_name.as_ref(), self.name.as_ref())?,
            // An agent without one is shown an empty one.
            description: self.description.clone().filter(|text| !text.trim().is_empty()),
            endpoint: self
                .endpoint
                .as_ref()
                .map(|endpoint| Some(endpoint.trim().to_owned()).filter(|endpoint| !endpoint.is_empty())),
            capabilities: self.capabilities.as_deref().map(capabilities),
            tags: self.tags.clone(),
            category: self.category.clone(),
            status,
            wallet_address: self.wallet_address.clone(),
            metadata: self.metadata.clone(),
            ..AgentChanges::default()
        })
    }
}

/// The status of this name, or 400.
pub fn status(field: &str, word: &str) -> Result<AgentStatus, Problem> {
    AgentStatus::from_word(word).ok_or_else(|| Problem::rule(field, "must be active, suspended or deactivated"))
}

/// An agent as somebody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentIdentity, example = json!({
    "agent_id": "0198c0de-0000-7000-8000-0123456789ab", "id": "0198c0de-0000-7000-8000-0123456789ab",
    "slug": "my-ai-agent-456789ab", "display_name": "My AI Agent", "name": "My AI Agent", "description": "", "endpoint": null,
    "identity_type": "api_key_only", "capabilities": ["nlp", "inference"],
    "wallet_address": "0x1234567890abcdef1234567890abcdef12345678", "verified": false, "reputation_score": 0.0, "status": "active",
    "tags": [], "category": null, "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
    "owner_id": "my-agent", "metadata": {},
}))]
pub struct IdentityResponse {
    /// Its id.
    pub agent_id: AgentId,
    /// The same.
    pub id: AgentId,
    /// Its readable id, which never changes. Either id is good wherever an agent is named.
    pub slug: String,
    /// What it is called.
    pub display_name: String,
    /// The same.
    pub name: String,
    /// What it does, in words.
    pub description: String,
    /// Where calls go; null when it is not called.
    #[schema(required)]
    pub endpoint: Option<String>,
    /// What it is known by: `api_key_only`, `kya_jwt` or `did_vc`.
    #[schema(value_type = String)]
    pub identity_type: IdentityType,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Where it is paid on a chain, as its owner says.
    #[schema(required)]
    pub wallet_address: Option<String>,
    /// Whether somebody vouches for who it is.
    pub verified: bool,
    /// How its owner's services do, of 10, for all time.
    pub reputation_score: f64,
    /// `active`, `suspended` or `deactivated`.
    #[schema(value_type = String)]
    pub status: AgentStatus,
    /// What to find it by.
    pub tags: Vec<String>,
    /// The shelf it is on.
    #[schema(required)]
    pub category: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its owner changed it last.
    pub updated_at: Timestamp,
    /// Whose it is. Only its owner and administrators are shown it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// What its owner keeps with it. Only they and administrators are shown it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl IdentityResponse {
    /// What everybody is shown.
    pub fn new(profile: Profile, reputation_score: f64, sight: &Sight) -> Self {
        let Profile { agent, identity, capabilities } = profile;
        Self {
            agent_id: agent.id,
            id: agent.id,
            display_name: agent.name.clone(),
            identity_type: identity.kind,
            verified: identity.is_verified(&sight.trust, sight.now),
            status: identity.status(&agent),
            wallet_address: identity.wallet_address,
            endpoint: agent.has_endpoint().then_some(agent.endpoint),
            slug: agent.slug,
            name: agent.name,
            description: agent.description,
            capabilities,
            reputation_score,
            tags: agent.tags,
            category: agent.category,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
            owner_id: None,
            metadata: None,
        }
    }
}

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentIdentityList)]
pub struct IdentityList {
    /// The agents of this page.
    pub agents: Vec<IdentityResponse>,
    /// How many those are.
    pub count: usize,
    /// How many there are in all.
    pub total: i64,
    /// How many this page may have.
    pub limit: i64,
    /// How many were skipped.
    pub offset: i64,
}

impl IdentityList {
    /// This page.
    pub fn new(found: Page<IdentityResponse>, page: PageRequest) -> Self {
        let Page { items, total } = found;
        Self { count: items.len(), agents: items, total, limit: page.limit(), offset: page.offset() }
    }
}

/// Agents that were found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentIdentitiesFound)]
pub struct IdentitiesFound {
    /// Those first whose owners do best.
    pub agents: Vec<IdentityResponse>,
    /// How many those are.
    pub count: usize,
}

/// An agent that does not take part any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgentDeactivated {
    /// `deactivated`.
    pub status: &'static str,
    /// Which.
    pub agent_id: AgentId,
}
