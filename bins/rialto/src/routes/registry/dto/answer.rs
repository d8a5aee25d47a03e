//! Agents as they are read.

use actix_web::HttpResponse;
use rialto_kernel::{AgentId, Amount, Page, Timestamp};
use rialto_registry::{AgentView, AuthType, PricingStrategy};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::schema;
use crate::http::paging;

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
            #[schema(schema_with = schema::auth_type)]
            pub auth_type: AuthType,
            /// The JSON Schema of its input.
            #[schema(value_type = Option<Object>, required)]
            pub input_schema: Option<Box<RawValue>>,
            /// What to find it by.
            pub tags: Vec<String>,
            /// The shelf it is on.
            #[schema(required)]
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
            #[schema(schema_with = schema::pricing_strategy, required)]
            pub pricing_strategy: Option<PricingStrategy>,
            /// Whole credits for one call.
            #[schema(required)]
            pub base_price: Option<Amount>,
            /// Whether calls are charged.
            pub pricing_enabled: bool,
            /// Whether the endpoint can answer in a stream.
            pub supports_streaming: bool,
            /// When it was registered.
            pub created_at: Timestamp,
            /// The mean of all ratings, 1 to 5.
            #[schema(required)]
            pub rating_avg: Option<f64>,
            /// How many owners rated it.
            pub rating_count: i32,
            /// The share of calls of the last 90 days that went well, 0 to 1.
            #[schema(required)]
            pub quality_success_rate: Option<f64>,
            /// The mean time of those calls, in milliseconds.
            #[schema(required)]
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
        #[schema(required)]
        similarity_score: Option<f64> = |view: &AgentView| view.distance.map(ten_thousandths),
        /// How often it was called in the window that was asked for. Only in lists of trending agents.
        #[schema(required)]
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
