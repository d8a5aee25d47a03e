//! Reading agents as somebody.

use std::collections::HashMap;

use rialto_kernel::{AgentId, Page, PageRequest};
use serde_json::Value;

use super::{AgentStatus, Identity};
use crate::{
    Agent, AgentRef, RegistryError, check,
    store::{AgentStore, IdentityStore},
};

/// The most agents that a search finds.
pub const PROFILES_MAX: u32 = 100;

/// An agent as somebody.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The agent.
    pub agent: Agent,
    /// What is known of it.
    pub identity: Identity,
    /// What it says it can do, by name.
    pub capabilities: Vec<String>,
}

/// Reads one, whatever its status.
///
/// # Errors
/// [`RegistryError::NotFound`].
pub async fn profile(tx: &mut (impl AgentStore + IdentityStore), agent: &AgentRef) -> Result<Profile, RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    profiles(tx, vec![agent]).await?.pop().ok_or(RegistryError::NotFound)
}

/// Lists agents of a status, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_profiles(
    tx: &mut impl IdentityStore,
    status: AgentStatus,
    page: PageRequest,
) -> Result<Page<Profile>, RegistryError> {
    let found = tx.list_by_status(status, page).await?;
    Ok(Page { items: profiles(tx, found.items).await?, total: found.total })
}

/// Finds active agents with this text in their name or readable id, or with this id; those first whose owners do best. No text
/// finds nothing. How much is looked at is bounded: [`IdentityStore::search_named`].
///
/// # Errors
/// [`RegistryError::Invalid`] when the text is too long.
pub async fn search_profiles(tx: &mut impl IdentityStore, text: &str, limit: u32) -> Result<Vec<Profile>, RegistryError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.chars().count() > check::SEARCH_CHARS_MAX {
        return Err(RegistryError::invalid("q", format!("must have at most {} characters", check::SEARCH_CHARS_MAX)));
    }
    let found = tx.search_named(text, limit.min(PROFILES_MAX)).await?;
    profiles(tx, found).await
}

/// What an agent's owner keeps with it.
///
/// # Errors
/// The store's.
pub async fn metadata(tx: &mut impl IdentityStore, agent: AgentId) -> Result<Option<Value>, RegistryError> {
    Ok(tx.find_metadata(agent).await?)
}

/// How these agents stand, with one statement for all. Those that were deleted are left out.
///
/// # Errors
/// The store's.
pub async fn statuses(tx: &mut impl IdentityStore, agents: &[AgentId]) -> Result<HashMap<AgentId, AgentStatus>, RegistryError> {
    if agents.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(tx.list_statuses(agents).await?.into_iter().collect())
}

/// Puts beside each agent what is known of it, with two statements for all.
pub(super) async fn profiles(tx: &mut impl IdentityStore, agents: Vec<Agent>) -> Result<Vec<Profile>, RegistryError> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let known = tx.list_identities(&ids).await?;
    let mut identities: HashMap<AgentId, Identity> = known.into_iter().map(|identity| (identity.agent, identity)).collect();
    let mut capabilities: HashMap<AgentId, Vec<String>> = HashMap::new();
    for (agent, capability) in tx.list_capability_names(&ids).await? {
        capabilities.entry(agent).or_default().push(capability);
    }
    let profile = |agent: Agent| Profile {
        identity: identities.remove(&agent.id).unwrap_or_else(|| Identity::unknown(agent.id)),
        capabilities: capabilities.remove(&agent.id).unwrap_or_default(),
        agent,
    };
    Ok(agents.into_iter().map(profile).collect())
}
