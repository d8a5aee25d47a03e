//! What goes over the wire: agents, as they are written and as they are read.

use actix_web::HttpResponse;
use rialto_kernel::{AgentId, Amount, OwnerId, Page, Timestamp};
use rialto_registry::{
    AgentChanges, AgentView, AuthType, Capability, Endpoints, Manifest, NewAgent, NewCredential, PricingStrategy, Rating,
    RatingId, price,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{Problem, paging};

/// An agent to be registered: in short, or as its full manifest.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({
    "name": "Text Summarizer", "description": "Condenses long texts into a few sentences.", "endpoint": "https://example.com/invoke",
    "auth_type": "public", "tags": ["summarization", "nlp"], "category": "text", "base_price": 5, "pricing_enabled": true,
}))]
#[expect(dead_code, reason = "it is there for the document; the body is read by its shape")]
pub enum AgentRegistrationBody {
    /// In short.
    Short(Box<AgentRegistration>),
    /// As its full manifest.
    Full(Box<Manifest>),
}

impl AgentRegistrationBody {
    /// Reads whichever form this is: a manifest has `endpoints` where the short form has `endpoint`.
    pub fn read(body: &Value) -> Result<NewAgent, Problem> {
        if is_manifest(body) {
            Ok(parse::<Manifest>(body)?.into_new_agent(body.clone())?)
        } else {
            parse::<AgentRegistration>(body).map(NewAgent::from)
        }
    }
}

fn is_manifest(body: &Value) -> bool {
    body.get("endpoints").is_some_and(Value::is_object) && body.get("endpoint").is_none()
}

fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { format!("body.{path}") };
        Problem::invalid(field, error.inner().to_string())
    })
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
    pub capabilities: Option<Vec<Capability>>,
    /// What to find it by.
    #[schema(max_items = 50)]
    pub tags: Option<Vec<String>>,
    /// A shelf to put it on.
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// The brand it belongs to.
    pub brand_id: Option<Uuid>,
    /// How its price comes about.
    pub pricing_strategy: Option<PricingStrategy>,
    /// Whole credits for one call; charged once pricing is enabled.
    #[serde(default, deserialize_with = "price")]
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
            capabilities: body.capabilities.unwrap_or_default(),
            tags: body.tags.unwrap_or_default(),
            category: body.category,
            pricing_strategy: body.pricing_strategy,
            base_price: body.base_price,
            pricing_enabled: body.pricing_enabled.unwrap_or_default(),
            supports_streaming: body.supports_streaming.unwrap_or_default(),
            brand_id: body.brand_id,
            manifest: None,
        }
    }
}

/// What to change about an agent. What is left out, or null, stays as it is. A full manifest is taken too.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"description": "Condenses long texts into three sentences.", "base_price": 8, "is_active": true}))]
pub struct AgentUpdate {
    #[schema(min_length = 1, max_length = 255)]
    pub name: Option<String>,
    #[schema(min_length = 1, max_length = 10_000)]
    pub description: Option<String>,
    #[schema(max_length = 64)]
    pub version: Option<String>,
    #[schema(max_length = 2048)]
    pub endpoint: Option<String>,
    /// As a manifest writes the endpoint.
    pub endpoints: Option<Endpoints>,
    pub auth_type: Option<AuthType>,
    #[schema(value_type = Option<Object>)]
    pub input_schema: Option<Value>,
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    #[schema(max_items = 100)]
    pub capabilities: Option<Vec<Capability>>,
    #[schema(max_items = 50)]
    pub tags: Option<Vec<String>>,
    #[schema(max_length = 64)]
    pub category: Option<String>,
    pub brand_id: Option<Uuid>,
    pub pricing_strategy: Option<PricingStrategy>,
    #[serde(default, deserialize_with = "price")]
    pub base_price: Option<Amount>,
    pub pricing_enabled: Option<bool>,
    pub supports_streaming: Option<bool>,
    /// Whether it is listed, found and called.
    pub is_active: Option<bool>,
}

impl AgentUpdate {
    /// Reads the changes, and keeps the body as the manifest when it is one.
    pub fn read(body: &Value) -> Result<AgentChanges, Problem> {
        let update: Self = parse(body)?;
        Ok(AgentChanges {
            name: update.name,
            description: update.description,
            version: update.version,
            endpoint: update.endpoint.or(update.endpoints.map(|endpoints| endpoints.invoke)),
            auth_type: update.auth_type,
            input_schema: update.input_schema,
            output_schema: update.output_schema,
            capabilities: update.capabilities,
            tags: update.tags,
            category: update.category,
            brand_id: update.brand_id,
            pricing_strategy: update.pricing_strategy,
            base_price: update.base_price,
            pricing_enabled: update.pricing_enabled,
            supports_streaming: update.supports_streaming,
            is_active: update.is_active,
            manifest: is_manifest(body).then(|| body.clone()),
        })
    }
}

/// Declares an answer: an agent's common fields, and what this one has beyond them.
macro_rules! agent_answer {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $value:expr,)* }) => {
        #[derive(Debug, Serialize, ToSchema)]
        $(#[$doc])*
        pub struct $name {
            /// Its id.
            pub id: AgentId,
            /// Its readable id, which never changes. Either id is good wherever an agent is named.
            pub agent_id: String,
            /// What it is called.
            pub name: String,
            /// What it does, in words.
            pub description: String,
            /// Its version.
            pub version: String,
            /// Where calls go.
            pub endpoint: String,
            /// What the endpoint asks for.
            pub auth_type: AuthType,
            /// The JSON Schema of its input.
            #[schema(value_type = Option<Object>)]
            pub input_schema: Option<Box<RawValue>>,
            /// What to find it by.
            pub tags: Vec<String>,
            /// The shelf it is on.
            pub category: Option<String>,
            /// Who vouches for it; `self-signed` is nobody but its owner.
            pub trust_verification: String,
            /// Whether it is listed, found and called.
            pub is_active: bool,
            /// Whether it speaks for a brand.
            pub is_brand_agent: bool,
            /// Whether it can be called as far as credentials go: it asks for none, or one is stored.
            pub has_credentials: bool,
            /// How its price comes about.
            pub pricing_strategy: Option<PricingStrategy>,
            /// Whole credits for one call.
            pub base_price: Option<Amount>,
            /// Whether calls are charged.
            pub pricing_enabled: bool,
            /// Whether the endpoint can answer in a stream.
            pub supports_streaming: bool,
            /// When it was registered.
            pub created_at: Timestamp,
            /// The mean of all ratings, 1 to 5.
            pub rating_avg: Option<f64>,
            /// How many owners rated it.
            pub rating_count: i32,
            /// The share of calls of the last 90 days that went well, 0 to 1.
            pub quality_success_rate: Option<f64>,
            /// The mean time of those calls, in milliseconds.
            pub quality_avg_latency_ms: Option<f64>,
            /// How many they were.
            pub quality_invocation_count: i64,
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl From<AgentView> for $name {
            fn from(view: AgentView) -> Self {
                Self {
                    has_credentials: view.agent.has_credentials(),
                    rating_avg: view.agent.rating_avg().map(hundredths),
                    quality_success_rate: view.quality.success_rate().map(hundredths),
                    quality_avg_latency_ms: view.quality.avg_latency_ms().map(hundredths),
                    quality_invocation_count: view.quality.calls,
                    $($field: $value(&view),)*
                    id: view.agent.id,
                    agent_id: view.agent.slug,
                    name: view.agent.name,
                    description: view.agent.description,
                    version: view.agent.version,
                    endpoint: view.agent.endpoint,
                    auth_type: view.agent.auth_type,
                    input_schema: view.agent.input_schema,
                    tags: view.agent.tags,
                    category: view.agent.category,
                    trust_verification: view.agent.trust_verification,
                    is_active: view.agent.is_active,
                    is_brand_agent: view.agent.is_brand_agent,
                    pricing_strategy: view.agent.pricing_strategy,
                    base_price: view.agent.base_price,
                    pricing_enabled: view.agent.pricing_enabled,
                    supports_streaming: view.agent.supports_streaming,
                    created_at: view.agent.created_at,
                    rating_count: view.agent.rating_count,
                }
            }
        }
    };
}

agent_answer! {
    /// An agent.
    #[schema(example = json!({
        "id": "0198c0de-0000-7000-8000-0123456789ab", "agent_id": "text-summarizer-456789ab", "name": "Text Summarizer",
        "description": "Condenses long texts into a few sentences.", "version": "1.0.0", "endpoint": "https://example.com/invoke",
        "auth_type": "public", "input_schema": null, "tags": ["summarization", "nlp"], "category": "text",
        "trust_verification": "self-signed", "is_active": true, "is_brand_agent": false, "has_credentials": true,
        "pricing_strategy": null, "base_price": 5, "pricing_enabled": true, "supports_streaming": false,
        "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z", "rating_avg": 4.5,
        "rating_count": 2, "quality_success_rate": 0.98, "quality_avg_latency_ms": 120.5, "quality_invocation_count": 1_234,
    }))]
    AgentResponse {
        /// When its owner changed it last.
        updated_at: Timestamp = |view: &AgentView| view.agent.updated_at,
    }
}

agent_answer! {
    /// An agent in a list.
    #[schema(example = json!({
        "id": "0198c0de-0000-7000-8000-0123456789ab", "agent_id": "text-summarizer-456789ab", "name": "Text Summarizer",
        "description": "Condenses long texts into a few sentences.", "version": "1.0.0", "endpoint": "https://example.com/invoke",
        "auth_type": "public", "input_schema": null, "tags": ["summarization", "nlp"], "category": "text",
        "trust_verification": "self-signed", "is_active": true, "is_brand_agent": false, "has_credentials": true,
        "pricing_strategy": null, "base_price": 5, "pricing_enabled": true, "supports_streaming": false,
        "created_at": "2026-11-22T04:54:03.000001Z", "rating_avg": 4.5, "rating_count": 2, "quality_success_rate": 0.98,
        "quality_avg_latency_ms": 120.5, "quality_invocation_count": 1_234, "similarity_score": null, "invocation_count": null,
    }))]
    AgentListResponse {
        /// How far it is from the query: 0 is nearest, 2 is farthest. Only in answers to one.
        similarity_score: Option<f64> = |view: &AgentView| view.distance.map(ten_thousandths),
        /// How often it was called in the window that was asked for. Only in lists of trending agents.
        invocation_count: Option<i64> = |view: &AgentView| view.invocation_count,
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn ten_thousandths(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// A page of agents.
pub fn agents(page: Page<AgentView>) -> HttpResponse {
    paging::list(&page.map(AgentListResponse::from))
}

/// A whole list of agents, which has no further pages.
pub fn all_agents(views: Vec<AgentView>) -> HttpResponse {
    let total = i64::try_from(views.len()).unwrap_or(i64::MAX);
    agents(Page { items: views, total })
}

/// What you think of an agent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"score": 5, "comment": "Fast and to the point."}))]
pub struct RatingRequest {
    /// From 1, poor, to 5.
    #[schema(minimum = 1, maximum = 5)]
    pub score: i32,
    /// In words.
    #[schema(max_length = 2000)]
    pub comment: Option<String>,
}

/// What somebody thinks of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000007", "user_id": "0198c0de-0000-7000-8000-000000000001",
    "agent_id": "0198c0de-0000-7000-8000-0123456789ab", "score": 5, "comment": "Fast and to the point.",
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct RatingResponse {
    /// Its id.
    pub id: RatingId,
    /// Who gave it.
    pub user_id: OwnerId,
    /// To which agent.
    pub agent_id: AgentId,
    /// From 1, poor, to 5.
    pub score: i32,
    /// In words.
    pub comment: Option<String>,
    /// When it was given first.
    pub created_at: Timestamp,
    /// When it was given last.
    pub updated_at: Timestamp,
}

impl From<Rating> for RatingResponse {
    fn from(rating: Rating) -> Self {
        Self {
            id: rating.id,
            user_id: rating.owner,
            agent_id: rating.agent,
            score: rating.score,
            comment: rating.comment,
            created_at: rating.created_at,
            updated_at: rating.updated_at,
        }
    }
}

/// The credential by which an agent is called. It is encrypted, and never shown again.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"credential_type": "api_key", "value": "sk-live-0123456789", "auth_header": "X-API-Key"}))]
pub struct CredentialRequest {
    /// `api_key` goes in `X-API-Key`, `bearer_token` in `Authorization: Bearer`, unless said otherwise below.
    #[schema(inline)]
    pub credential_type: CredentialType,
    /// The secret: printable ASCII.
    #[schema(format = Password, min_length = 1, max_length = 4096)]
    pub value: String,
    /// The header it goes in.
    #[schema(max_length = 64)]
    pub auth_header: Option<String>,
    /// The word before it; empty for none.
    #[schema(max_length = 64)]
    pub auth_scheme: Option<String>,
}

/// What kind of credential it is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// A key in a header of its own.
    ApiKey,
    /// A bearer token.
    BearerToken,
}

impl From<CredentialRequest> for NewCredential {
    fn from(body: CredentialRequest) -> Self {
        Self {
            kind: match body.credential_type {
                CredentialType::ApiKey => AuthType::ApiKey,
                CredentialType::BearerToken => AuthType::BearerToken,
            },
            secret: body.value.into(),
            auth_header: body.auth_header,
            auth_scheme: body.auth_scheme,
        }
    }
}
