//! The full agent manifest, the other form in which an agent may be registered.

use rialto_kernel::Amount;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Number, Value};

use crate::{AuthType, Capability, NewAgent, PricingStrategy, RegistryError};

/// A manifest. Fields that are not known here are kept with it, and have no effect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AgentManifest, example = json!({
    "agent_id": "agent:acme:translator:1.2.0", "name": "Translator", "description": "Translates text between forty languages.",
    "version": "1.2.0", "endpoints": {"invoke": "https://example.com/invoke"},
    "capabilities": [{"id": "translate_text", "input_schema": {"type": "object"}, "output_schema": {"type": "object"}, "auth": {"type": "public"}}],
    "requires": [{"capability": "detect_language"}], "tags": ["translation"], "trust": {"verification": "self-signed"},
})))]
pub struct Manifest {
    /// `agent:namespace:name:version`, kept as the readable id if it is free.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// What the agent is called.
    pub name: String,
    /// What it does, in words.
    pub description: String,
    /// Its version; `1.0.0` when absent.
    #[serde(default)]
    pub version: Option<String>,
    /// Where it is reached.
    pub endpoints: Endpoints,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What it needs others to do, such as `{"capability": "translate"}`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub requires: Vec<Value>,
    /// What to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who vouches for it, by its own account.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub trust: Option<Value>,
    /// As in a flat registration.
    #[serde(default)]
    pub category: Option<String>,
    /// As in a flat registration.
    #[serde(default)]
    pub pricing_strategy: Option<PricingStrategy>,
    /// As in a flat registration.
    #[serde(default, deserialize_with = "price")]
    pub base_price: Option<Amount>,
    /// As in a flat registration.
    #[serde(default)]
    pub pricing_enabled: bool,
    /// As in a flat registration.
    #[serde(default)]
    pub supports_streaming: bool,
}

/// Where an agent is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AgentEndpoints))]
pub struct Endpoints {
    /// Where calls go.
    pub invoke: String,
}

impl Manifest {
    /// The registration that it comes to. `given` is the manifest as it was sent, with all its fields.
    ///
    /// The agent's schemas and what it asks of callers are those of its first capability.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when the first capability's `auth.type` is unknown.
    pub fn into_new_agent(self, given: Value) -> Result<NewAgent, RegistryError> {
        let default = NewAgent::default();
        let first = self.capabilities.first();
        Ok(NewAgent {
            auth_type: first.and_then(|first| first.auth.as_ref()).map_or(Ok(default.auth_type), auth_type)?,
            input_schema: first.and_then(|first| first.input_schema.clone()),
            output_schema: first.and_then(|first| first.output_schema.clone()),
            agent_id: self.agent_id,
            name: self.name,
            description: self.description,
            version: self.version.unwrap_or(default.version),
            endpoint: self.endpoints.invoke,
            capabilities: self.capabilities,
            tags: self.tags,
            category: self.category,
            pricing_strategy: self.pricing_strategy,
            base_price: self.base_price,
            pricing_enabled: self.pricing_enabled,
            supports_streaming: self.supports_streaming,
            brand_id: None,
            manifest: Some(given),
        })
    }
}

/// Reads a price: whole credits, zero or more. Clients that count in floats write `5.0`; that is whole too.
///
/// # Errors
/// When it is anything else.
pub fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let float = || number.as_f64().filter(|float| float.fract() == 0.0).and_then(|whole| format!("{whole:.0}").parse().ok());
    let whole = number.as_i64().or_else(float);
    let amount = whole.and_then(|whole| Amount::new(whole).ok());
    amount.map(Some).ok_or_else(|| de::Error::custom(format!("expected whole credits, 0 to {}, not {number}", Amount::MAX)))
}

fn auth_type(auth: &Value) -> Result<AuthType, RegistryError> {
    match auth.get("type").and_then(Value::as_str) {
        None | Some("none") => Ok(AuthType::Public),
        Some("bearer") => Ok(AuthType::BearerToken),
        Some(word) => AuthType::from_word(word).ok_or_else(|| {
            RegistryError::invalid("capabilities[0].auth.type", format!("{word:?} is none of public, api_key, bearer_token"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_whole_and_not_negative() {
        let read = |text: &str| price(&mut serde_json::Deserializer::from_str(text)).ok();
        for (text, credits) in [("0", 0), ("5", 5), ("5.0", 5), ("1e3", 1_000), ("9007199254740991", 9_007_199_254_740_991)] {
            assert_eq!(read(text), Some(Amount::new(credits).ok()), "{text}");
        }
        assert_eq!(read("null"), Some(None));
        for text in ["-1", "5.5", "\"5\"", "9007199254740992", "9223372036854775808", "1e300", "-0.5", "true", "[]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
