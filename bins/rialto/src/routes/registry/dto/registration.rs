//! Agents to be registered, in either form.

use rialto_kernel::Amount;
use rialto_registry::{AuthType, Capability, NewAgent, PricingStrategy};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{is_manifest, parse, schema};
use crate::http::Problem;

/// An agent to be registered: in short, or as its full manifest.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({
    "name": "Text Summarizer", "description": "Condenses long texts into a few sentences.", "endpoint": "https://example.com/invoke",
    "auth_type": "public", "tags": ["summarization", "nlp"], "category": "text", "base_price": 5, "pricing_enabled": true,
}))]
pub enum AgentRegistrationBody {
    /// In short.
    Short(Box<AgentRegistration>),
    /// As its full manifest.
    Full(Box<AgentManifest>),
}

impl AgentRegistrationBody {
    /// Reads whichever form this is.
    pub fn read(body: &Value) -> Result<Self, Problem> {
        if is_manifest(body) { parse(body).map(Self::Full) } else { parse(body).map(Self::Short) }
    }

    /// The registration that it comes to. `given` is the body as it was sent, which is kept when it is a manifest.
    pub fn into_new_agent(self, given: &Value) -> Result<NewAgent, Problem> {
        match self {
            Self::Short(short) => Ok((*short).into()),
            Self::Full(full) => {
                let new = NewAgent { manifest: Some(given.clone()), ..(*full).into() };
                Ok(new.led_by_its_first_capability()?)
            }
        }
    }
}

/// An agent to be registered, in short.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Text Summarizer", "description": "Condenses long texts into a few sentences.", "endpoint": "https://example.com/invoke",
    "auth_type": "public", "tags": ["summarization", "nlp"], "category": "text", "base_price": 5, "pricing_enabled": true,
}))]
pub struct AgentRegistration {
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it does, in words; people find it by them.
    #[schema(min_length = 1, max_length = 10_000)]
    pub description: String,
    /// Where calls go: an http(s) URL on the public internet.
    #[schema(max_length = 2048)]
    pub endpoint: String,
    /// What the endpoint asks for. With anything but `public`, store a credential before the first call.
    #[schema(schema_with = schema::auth_type)]
    pub auth_type: Option<AuthType>,
    /// Its version; `1.0.0` when it is left out.
    #[schema(max_length = 64)]
    pub version: Option<String>,
    /// The JSON Schema of its input.
    #[schema(value_type = Option<Object>)]
    pub input_schema: Option<Value>,
    /// The JSON Schema of its output.
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    /// What it can do.
    #[schema(max_items = 100)]
    pub capabilities: Option<Vec<CapabilityBody>>,
    /// What to find it by.
    #[schema(max_items = 50)]
    pub tags: Option<Vec<String>>,
    /// A shelf to put it on.
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// The brand it belongs to.
    pub brand_id: Option<Uuid>,
    /// How its price comes about.
    #[schema(schema_with = schema::pricing_strategy)]
    pub pricing_strategy: Option<PricingStrategy>,
    /// Whole credits for one call; charged once pricing is enabled.
    #[serde(default, deserialize_with = "schema::price")]
    pub base_price: Option<Amount>,
    /// Whether calls are charged.
    pub pricing_enabled: Option<bool>,
    /// Whether the endpoint can answer in a stream.
    pub supports_streaming: Option<bool>,
}

impl From<AgentRegistration> for NewAgent {
    fn from(body: AgentRegistration) -> Self {
        let default = Self::default();
        Self {
            agent_id: None,
            name: body.name,
            description: body.description,
            version: body.version.unwrap_or(default.version),
            endpoint: body.endpoint,
            auth_type: body.auth_type.unwrap_or(default.auth_type),
            input_schema: body.input_schema,
            output_schema: body.output_schema,
            capabilities: capabilities(body.capabilities.unwrap_or_default()),
            tags: body.tags.unwrap_or_default(),
            category: body.category,
            pricing_strategy: body.pricing_strategy,
            base_price: body.base_price,
            pricing_enabled: body.pricing_enabled.unwrap_or_default(),
            supports_streaming: body.supports_streaming.unwrap_or_default(),
            brand_id: body.brand_id,
            manifest: None,
            imported: None,
            identity: None,
        }
    }
}

/// The full manifest of an agent. Fields that are not known here are kept with it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "agent_id": "agent:acme:translator:1.2.0", "name": "Translator", "description": "Translates text between forty languages.",
    "version": "1.2.0", "endpoints": {"invoke": "https://example.com/invoke"},
    "capabilities": [{"id": "translate_text", "input_schema": {"type": "object"}, "output_schema": {"type": "object"}, "auth": {"type": "public"}}],
    "requires": [{"capability": "detect_language"}], "tags": ["translation"], "trust": {"verification": "self-signed"},
}))]
pub struct AgentManifest {
    /// `agent:namespace:name:version`, kept as the readable id if it is free.
    pub agent_id: Option<String>,
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it does, in words; people find it by them.
    #[schema(min_length = 1, max_length = 10_000)]
    pub description: String,
    /// Its version; `1.0.0` when it is left out.
    #[schema(max_length = 64)]
    pub version: Option<String>,
    /// Where it is reached.
    pub endpoints: EndpointsBody,
    /// What it can do. What the first one asks of callers, and its schemas, are the agent's.
    #[schema(max_items = 100)]
    pub capabilities: Option<Vec<CapabilityBody>>,
    /// What it needs others to do.
    #[schema(value_type = Option<Vec<Object>>)]
    #[expect(dead_code, reason = "it is kept with the manifest")]
    requires: Option<Vec<Value>>,
    /// What to find it by.
    #[schema(max_items = 50)]
    pub tags: Option<Vec<String>>,
    /// Who vouches for it, by its own account.
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "it is kept with the manifest, and believed of nobody")]
    trust: Option<Value>,
    /// A shelf to put it on.
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// How its price comes about.
    #[schema(schema_with = schema::pricing_strategy)]
    pub pricing_strategy: Option<PricingStrategy>,
    /// Whole credits for one call; charged once pricing is enabled.
    #[serde(default, deserialize_with = "schema::price")]
    pub base_price: Option<Amount>,
    /// Whether calls are charged.
    pub pricing_enabled: Option<bool>,
    /// Whether the endpoint can answer in a stream.
    pub supports_streaming: Option<bool>,
}

impl From<AgentManifest> for NewAgent {
    fn from(body: AgentManifest) -> Self {
        let default = Self::default();
        Self {
            agent_id: body.agent_id,
            name: body.name,
            description: body.description,
            version: body.version.unwrap_or(default.version),
            endpoint: body.endpoints.invoke,
            capabilities: capabilities(body.capabilities.unwrap_or_default()),
            tags: body.tags.unwrap_or_default(),
            category: body.category,
            pricing_strategy: body.pricing_strategy,
            base_price: body.base_price,
            pricing_enabled: body.pricing_enabled.unwrap_or_default(),
            supports_streaming: body.supports_streaming.unwrap_or_default(),
            ..default
        }
    }
}

/// Where an agent is reached.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgentEndpoints)]
pub struct EndpointsBody {
    /// Where calls go: an http(s) URL on the public internet.
    #[schema(max_length = 2048)]
    pub invoke: String,
}

/// What an agent can do.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgentCapability)]
pub struct CapabilityBody {
    /// Its name.
    #[schema(min_length = 1, max_length = 128)]
    pub id: String,
    /// The JSON Schema of its input.
    #[schema(value_type = Option<Object>)]
    pub input_schema: Option<Value>,
    /// The JSON Schema of its output.
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    /// What it asks for, such as `{"type": "public"}`.
    #[schema(value_type = Option<Object>)]
    pub auth: Option<Value>,
}

/// The capabilities that these are.
pub fn capabilities(bodies: Vec<CapabilityBody>) -> Vec<Capability> {
    let capability =
        |CapabilityBody { id, input_schema, output_schema, auth }| Capability { id, input_schema, output_schema, auth };
    bodies.into_iter().map(capability).collect()
}
