//! Changes to agents.

use rialto_kernel::Amount;
use rialto_registry::{AgentChanges, AuthType, PricingStrategy};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    is_manifest, parse,
    registration::{CapabilityBody, EndpointsBody, capabilities},
    schema,
};
use crate::http::Problem;

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
    pub endpoints: Option<EndpointsBody>,
    #[schema(schema_with = schema::auth_type)]
    pub auth_type: Option<AuthType>,
    #[schema(value_type = Option<Object>)]
    pub input_schema: Option<Value>,
    #[schema(value_type = Option<Object>)]
    pub output_schema: Option<Value>,
    #[schema(max_items = 100)]
    pub capabilities: Option<Vec<CapabilityBody>>,
    #[schema(max_items = 50)]
    pub tags: Option<Vec<String>>,
    #[schema(max_length = 64)]
    pub category: Option<String>,
    pub brand_id: Option<Uuid>,
    #[schema(schema_with = schema::pricing_strategy)]
    pub pricing_strategy: Option<PricingStrategy>,
    #[serde(default, deserialize_with = "schema::price")]
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
            endpoint: update.endpoint.or(update.endpoints.map(|endpoints| endpoints.invoke)).map(Some),
            auth_type: update.auth_type,
            input_schema: update.input_schema,
            output_schema: update.output_schema,
            capabilities: update.capabilities.map(capabilities),
            tags: update.tags,
            category: update.category,
            brand_id: update.brand_id,
            pricing_strategy: update.pricing_strategy,
            base_price: update.base_price,
            pricing_enabled: update.pricing_enabled,
            supports_streaming: update.supports_streaming,
            is_active: update.is_active,
            manifest: is_manifest(body).then(|| body.clone()),
            imported: None,
            ..AgentChanges::default()
        })
    }
}
