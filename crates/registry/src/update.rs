//! Changing and deleting agents.

use std::time::Duration;

use rialto_kernel::{AgentId, Amount, Caller, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Agent, AgentRef, AuthType, Capability, PricingStrategy, RegistryError, check,
    identity::{self, AgentStatus},
    index,
    register::{Imported, event},
    store::{AgentStore, CatalogStore, IdentityStore},
};

/// What to change about an agent. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the field of the same name of an agent, or of a new one")]
pub struct AgentChanges {
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    /// `Some(None)` takes it away: nobody calls the agent from then on.
    pub endpoint: Option<Option<String>>,
    pub auth_type: Option<AuthType>,
    pub input_schema: Option<Value>,
    pub output_schema: Option<Value>,
    pub capabilities: Option<Vec<Capability>>,
    pub tags: Option<Vec<String>>,
    pub category: Option<String>,
    pub brand_id: Option<Uuid>,
    pub pricing_strategy: Option<PricingStrategy>,
    pub base_price: Option<Amount>,
    pub pricing_enabled: Option<bool>,
    pub supports_streaming: Option<bool>,
    pub is_active: Option<bool>,
    pub manifest: Option<Value>,
    /// Whether it takes part; goes before `is_active`.
    pub status: Option<AgentStatus>,
    /// An empty one is none.
    pub wallet_address: Option<String>,
    pub metadata: Option<Value>,
    pub imported: Option<Imported>,
}

impl AgentChanges {
    /// Checks every field, as [`update`] does.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`].
    pub fn check(&self) -> Result<(), RegistryError> {
        check::maybe_text("name", self.name.as_deref(), check::NAME_CHARS_MAX)?;
        check::maybe_text("description", self.description.as_deref(), check::DESCRIPTION_CHARS_MAX)?;
        check::maybe_text("version", self.version.as_deref(), check::WORD_CHARS_MAX)?;
        check::maybe_text("category", self.category.as_deref(), check::WORD_CHARS_MAX)?;
        self.endpoint.iter().flatten().try_for_each(|endpoint| check::endpoint(endpoint))?;
        check::capabilities(self.capabilities.as_deref().unwrap_or_default())?;
        check::schema("input_schema", self.input_schema.as_ref())?;
        check::schema("output_schema", self.output_schema.as_ref())?;
        check::tags(self.tags.as_deref().unwrap_or_default())?;
        self.wallet_address.as_deref().map_or(Ok(None), identity::checked_wallet)?;
        self.metadata.as_ref().map_or(Ok(()), identity::metadata_text)?;
        self.manifest.as_ref().map_or(Ok(()), |manifest| check::object("manifest", manifest, check::MANIFEST_BYTES_MAX).map(drop))
    }

    /// Whether any of it is what an agent is found by.
    const fn touch_index(&self) -> bool {
        self.name.is_some()
            || self.description.is_some()
            || self.capabilities.is_some()
            || self.tags.is_some()
            || self.endpoint.is_some()
            || self.status.is_some()
            || self.is_active.is_some()
    }

    fn apply(&self, agent: &mut Agent) -> Result<(), RegistryError> {
        self.check()?;
        put(&mut agent.name, self.name.as_ref());
        put(&mut agent.description, self.description.as_ref());
        put(&mut agent.version, self.version.as_ref());
        put(&mut agent.endpoint, self.endpoint.clone().map(Option::unwrap_or_default).as_ref());
        put(&mut agent.auth_type, self.auth_type.as_ref());
        put(&mut agent.pricing_enabled, self.pricing_enabled.as_ref());
        put(&mut agent.supports_streaming, self.supports_streaming.as_ref());
        if let Some(imported) = &self.imported {
            agent.protocol = imported.protocol;
            imported.trust_verification.clone_into(&mut agent.trust_verification);
        }
        if let Some(tags) = &self.tags {
            agent.tags = check::tags(tags)?;
        }
        agent.input_schema = check::schema("input_schema", self.input_schema.as_ref())?.or(agent.input_schema.take());
        agent.output_schema = check::schema("output_schema", self.output_schema.as_ref())?.or(agent.output_schema.take());
        agent.category = self.category.clone().or(agent.category.take());
        agent.brand_id = self.brand_id.or(agent.brand_id);
        agent.pricing_strategy = self.pricing_strategy.or(agent.pricing_strategy);
        agent.base_price = self.base_price.or(agent.base_price);
        Ok(())
    }
}

fn put<T: Clone>(field: &mut T, change: Option<&T>) {
    if let Some(change) = change {
        field.clone_from(change);
    }
}

/// Changes an agent. Its readable id stays, whatever it is called now.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::NotOwner`], [`RegistryError::Invalid`], or [`RegistryError::HeldByAdmin`].
pub async fn update(
    tx: &mut (impl AgentStore + CatalogStore + IdentityStore),
    caller: &Caller,
    agent: &AgentRef,
    changes: &AgentChanges,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    let mut agent = owned(tx, caller, agent, "update").await?;
    let was = agent.clone();
    changes.apply(&mut agent)?;
    identity::change(tx, caller, &was, &mut agent, changes, now).await?;
    // Replicas' clocks differ; and whoever has seen an agent can tell that it was changed since.
    agent.updated_at = now.max(agent.updated_at.after(Duration::from_micros(1)));
    tx.save_agent(&agent, changes.manifest.as_ref()).await?;
    if let Some(capabilities) = &changes.capabilities {
        tx.replace_capabilities(agent.id, capabilities).await?;
    }
    if changes.touch_index() {
        let capabilities = tx.list_capabilities(agent.id).await?;
        index::write(tx, &agent, &capabilities, now).await?;
    }
    tx.append_event(event("agent.updated", &agent, now)).await?;
    Ok(agent)
}

/// Deletes an agent: it is no longer listed, found, read or called, and its credential is destroyed. Its wallet, its
/// ratings and its history stay, and its readable id is never given away again. Returns which it was.
///
/// # Errors
/// [`RegistryError::NotFound`] or [`RegistryError::NotOwner`].
pub async fn delete(
    tx: &mut (impl AgentStore + CatalogStore),
    caller: &Caller,
    agent: &AgentRef,
    now: Timestamp,
) -> Result<AgentId, RegistryError> {
    let agent = owned(tx, caller, agent, "delete").await?;
    index::remove(tx, agent.id, now).await?;
    tx.delete_agent(agent.id, now).await?;
    tx.append_event(event("agent.deleted", &agent, now)).await?;
    Ok(agent.id)
}

/// The agent, locked, if the caller may change it.
pub(crate) async fn owned(
    tx: &mut impl AgentStore,
    caller: &Caller,
    agent: &AgentRef,
    action: &'static str,
) -> Result<Agent, RegistryError> {
    let agent = tx.lock_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if caller.may_write(agent.owner) { Ok(agent) } else { Err(RegistryError::NotOwner { action }) }
}
