//! The full agent manifest, the other form in which an agent may be registered.

use serde_json::Value;

use crate::{AuthType, NewAgent, RegistryError};

impl NewAgent {
    /// Takes what the agent asks of its callers, and its schemas, from its first capability: a manifest says these of each
    /// capability, a registration of the whole agent.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`] when the capability's `auth.type` is unknown.
    pub fn led_by_its_first_capability(mut self) -> Result<Self, RegistryError> {
        if let Some(first) = self.capabilities.first() {
            self.auth_type = first.auth.as_ref().map_or(Ok(AuthType::Public), auth_type)?;
            self.input_schema.clone_from(&first.input_schema);
            self.output_schema.clone_from(&first.output_schema);
        }
        Ok(self)
    }
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
