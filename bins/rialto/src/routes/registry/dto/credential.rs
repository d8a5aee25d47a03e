//! Credentials of agents, which are only ever written.

use rialto_registry::{AuthType, NewCredential};
use serde::Deserialize;
use utoipa::ToSchema;

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
