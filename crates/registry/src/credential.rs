//! The credentials that we present to agents on behalf of their owners.

use std::fmt;

use rialto_kernel::{Caller, Timestamp};
use zeroize::Zeroizing;

use crate::{
    Agent, AgentRef, AuthType, RegistryError,
    cipher::{CredentialCipher, Sealed},
    register::event,
    store::{AgentStore, CredentialStore},
    update::owned,
};

/// The longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 4_096;
/// The longest header name or scheme, in bytes.
const HEADER_BYTES_MAX: usize = 64;
/// Headers that say how a message travels. A credential in one of them would break the call, or split it.
const HEADERS_REFUSED: [&str; 14] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "expect",
    "x-request-id",
];

/// A credential to be stored.
#[derive(Clone)]
pub struct NewCredential {
    /// `api_key` or `bearer_token`.
    pub kind: AuthType,
    /// The secret: printable ASCII.
    pub secret: Zeroizing<String>,
    /// The header it goes in; `X-API-Key` or `Authorization` when absent.
    pub auth_header: Option<String>,
    /// The word before it, `Bearer` for a bearer token when absent; an empty one for none.
    pub auth_scheme: Option<String>,
}

/// A credential as the store keeps it.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    /// `api_key` or `bearer_token`.
    pub kind: AuthType,
    /// The encrypted secret.
    pub sealed: Sealed,
    /// The header it goes in, if not the usual one.
    pub auth_header: Option<String>,
    /// The word before it, if not the usual one.
    pub auth_scheme: Option<String>,
    /// When it was set.
    pub updated_at: Timestamp,
}

/// The header to send with a call.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialHeader {
    /// Its name.
    pub name: String,
    /// Its value, wiped from memory when it is dropped.
    pub value: Zeroizing<String>,
}

impl NewCredential {
    fn check(&self) -> Result<(), RegistryError> {
        let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let token = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if self.kind == AuthType::Public {
            return Err(RegistryError::invalid("credential_type", "must be api_key or bearer_token"));
        }
        let secret = self.secret.as_str();
        if secret.trim().is_empty() || secret.trim() != secret || secret.len() > SECRET_BYTES_MAX || !printable(secret) {
            let message = format!("must be 1 to {SECRET_BYTES_MAX} printable ASCII characters without blanks around them");
            return Err(RegistryError::invalid("value", message));
        }
        let header = self.auth_header.as_deref();
        if header.is_some_and(|name| name.is_empty() || name.len() > HEADER_BYTES_MAX || !token(name)) {
            return Err(RegistryError::invalid("auth_header", "must be the name of an HTTP header"));
        }
        if let Some(name) = header.filter(|name| HEADERS_REFUSED.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(RegistryError::invalid("auth_header", format!("must not be {name}")));
        }
        if self.auth_scheme.as_deref().is_some_and(|scheme| scheme.len() > HEADER_BYTES_MAX || !token(scheme)) {
            return Err(RegistryError::invalid("auth_scheme", "must be one word"));
        }
        Ok(())
    }
}

/// Stores the credential for an agent, in place of an earlier one.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::Invalid`], or [`RegistryError::Cipher`].
pub async fn set_credential(
    tx: &mut (impl AgentStore + CredentialStore),
    cipher: &CredentialCipher,
    caller: &Caller,
    agent: &AgentRef,
    new: &NewCredential,
    now: Timestamp,
) -> Result<(), RegistryError> {
    new.check()?;
    let mut agent = owned(tx, caller, agent, "set credentials of").await?;
    let stored = StoredCredential {
        kind: new.kind,
        sealed: cipher.seal(agent.id, &new.secret)?,
        auth_header: new.auth_header.clone(),
        auth_scheme: new.auth_scheme.clone(),
        updated_at: now,
    };
    tx.put_credential(agent.id, &stored).await?;
    note(tx, &mut agent, true, now).await
}

/// Forgets the credential of an agent, if there is one.
///
/// # Errors
/// [`RegistryError::NotFound`] or [`RegistryError::NotOwner`].
pub async fn delete_credential(
    tx: &mut (impl AgentStore + CredentialStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let mut agent = owned(tx, caller, agent, "delete credentials of").await?;
    tx.delete_credential(agent.id).await?;
    note(tx, &mut agent, false, now).await
}

async fn note(tx: &mut impl AgentStore, agent: &mut Agent, has: bool, now: Timestamp) -> Result<(), RegistryError> {
    if agent.has_credential != has {
        agent.has_credential = has;
        tx.save_agent(agent, None).await?;
    }
    tx.append_event(event("agent.updated", agent, now)).await?;
    Ok(())
}

/// The header that a call of this agent needs; `None` when it asks for none, or none is stored.
///
/// # Errors
/// [`RegistryError::Cipher`] when what is stored cannot be opened.
pub async fn credential_for(
    tx: &mut impl CredentialStore,
    cipher: &CredentialCipher,
    agent: &Agent,
) -> Result<Option<CredentialHeader>, RegistryError> {
    if agent.auth_type == AuthType::Public || !agent.has_credential {
        return Ok(None);
    }
    let Some(stored) = tx.find_credential(agent.id).await? else { return Ok(None) };
    let secret = cipher.open(agent.id, &stored.sealed)?;
    let (name, scheme) = match stored.kind {
        AuthType::BearerToken => ("Authorization", "Bearer"),
        AuthType::ApiKey | AuthType::Public => ("X-API-Key", ""),
    };
    let scheme = stored.auth_scheme.as_deref().unwrap_or(scheme);
    let value = if scheme.is_empty() { secret } else { Zeroizing::new(format!("{scheme} {}", secret.as_str())) };
    Ok(Some(CredentialHeader { name: stored.auth_header.unwrap_or_else(|| name.to_owned()), value }))
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCredential").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for CredentialHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialHeader").field("name", &self.name).finish_non_exhaustive()
    }
}
