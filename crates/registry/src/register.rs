//! Registering an agent.

use rialto_kernel::{AgentId, Amount, Caller, Event, OwnerId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Agent, AuthType, Capability, PricingStrategy, Protocol, RegistryError, check,
    identity::{self, NewIdentity},
    index, slug,
    store::{AgentStore, CatalogStore, IdentityStore},
};

/// How often a generated readable id is tried; two agents of one name share one in four thousand million.
const SLUG_ATTEMPTS: u32 = 3;

/// What is known of an agent that was not described by its owner, but by a card that somebody publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// See [`Agent::protocol`].
    pub protocol: Protocol,
    /// See [`Agent::trust_verification`].
    pub trust_verification: &'static str,
}

/// An agent to be registered. [`NewAgent::default`] and struct update fill in what a client may leave out.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAgent {
    /// The readable id that a manifest asks for, `agent:namespace:name:version`; else one is made from the name.
    pub agent_id: Option<String>,
    /// See [`Agent::name`].
    pub name: String,
    /// See [`Agent::description`].
    pub description: String,
    /// See [`Agent::version`].
    pub version: String,
    /// See [`Agent::endpoint`]. Already found harmless by `outbound`.
    pub endpoint: String,
    /// See [`Agent::auth_type`].
    pub auth_type: AuthType,
    /// A JSON object of at most 64 KiB.
    pub input_schema: Option<Value>,
    /// A JSON object of at most 64 KiB.
    pub output_schema: Option<Value>,
    /// At most 100, none twice.
    pub capabilities: Vec<Capability>,
    /// At most 50 of 1 to 64 characters.
    pub tags: Vec<String>,
    /// See [`Agent::category`].
    pub category: Option<String>,
    /// See [`Agent::pricing_strategy`].
    pub pricing_strategy: Option<PricingStrategy>,
    /// See [`Agent::base_price`].
    pub base_price: Option<Amount>,
    /// See [`Agent::pricing_enabled`].
    pub pricing_enabled: bool,
    /// See [`Agent::supports_streaming`].
    pub supports_streaming: bool,
    /// See [`Agent::brand_id`].
    pub brand_id: Option<Uuid>,
    /// The manifest as it was given, if it was.
    pub manifest: Option<Value>,
    /// Where it comes from, if it was imported by its card. Its readable id begins with `a2a-` then.
    pub imported: Option<Imported>,
    /// Who it is, if it is registered as somebody. Its endpoint and its description may be empty then.
    pub identity: Option<NewIdentity>,
}

impl Default for NewAgent {
    fn default() -> Self {
        Self {
            agent_id: None,
            name: String::new(),
            description: String::new(),
            version: "1.0.0".to_owned(),
            endpoint: String::new(),
            auth_type: AuthType::Public,
            input_schema: None,
            output_schema: None,
            capabilities: Vec::new(),
            tags: Vec::new(),
            category: None,
            pricing_strategy: None,
            base_price: None,
            pricing_enabled: false,
            supports_streaming: false,
            brand_id: None,
            manifest: None,
            imported: None,
            identity: None,
        }
    }
}

impl NewAgent {
    /// Checks every field, as [`register`] does. For callers that want to know before they resolve the endpoint.
    ///
    /// # Errors
    /// [`RegistryError::Invalid`].
    pub fn check(&self) -> Result<(), RegistryError> {
        // Neither the id nor the owner nor the time plays a part.
        self.build(AgentId::new(), OwnerId::new(), Timestamp::default()).map(drop)
    }

    fn slug(&self, id: AgentId) -> String {
        let slug = slug::of(&self.name, id);
        if self.imported.is_some() { format!("a2a-{slug}") } else { slug }
    }

    fn build(&self, id: AgentId, owner: OwnerId, now: Timestamp) -> Result<Agent, RegistryError> {
        if let Some(agent_id) = self.agent_id.as_deref().filter(|agent_id| !slug::is_manifest_id(agent_id)) {
            return Err(RegistryError::invalid(
                "agent_id",
                format!("{agent_id:?} is not of the form agent:namespace:name:version"),
            ));
        }
        check::text("name", &self.name, check::NAME_CHARS_MAX)?;
        let may_be_empty = self.identity.is_some();
        if !(may_be_empty && self.description.is_empty()) {
            check::text("description", &self.description, check::DESCRIPTION_CHARS_MAX)?;
        }
        check::text("version", &self.version, check::WORD_CHARS_MAX)?;
        check::maybe_text("category", self.category.as_deref(), check::WORD_CHARS_MAX)?;
        if !(may_be_empty && self.endpoint.is_empty()) {
            check::endpoint(&self.endpoint)?;
        }
        check::capabilities(&self.capabilities)?;
        if let Some(manifest) = &self.manifest {
            check::object("manifest", manifest, check::MANIFEST_BYTES_MAX)?;
        }
        if let Some(identity) = &self.identity {
            identity.wallet_address.as_deref().map_or(Ok(None), identity::checked_wallet)?;
            identity.metadata.as_ref().map_or(Ok(()), identity::metadata_text)?;
        }
        Ok(Agent {
            id,
            slug: self.agent_id.clone().unwrap_or_else(|| self.slug(id)),
            owner,
            name: self.name.clone(),
            description: self.description.clone(),
            version: self.version.clone(),
            endpoint: self.endpoint.clone(),
            protocol: self.imported.as_ref().map_or(Protocol::Http, |imported| imported.protocol),
            auth_type: self.auth_type,
            input_schema: check::schema("input_schema", self.input_schema.as_ref())?,
            output_schema: check::schema("output_schema", self.output_schema.as_ref())?,
            tags: check::tags(&self.tags)?,
            category: self.category.clone(),
            // Whatever a manifest claims, nobody but its owner has vouched for it yet.
            trust_verification: self.imported.as_ref().map_or("self-signed", |imported| imported.trust_verification).to_owned(),
            pricing_strategy: self.pricing_strategy,
            base_price: self.base_price,
            pricing_enabled: self.pricing_enabled,
            supports_streaming: self.supports_streaming,
            is_active: true,
            is_brand_agent: false,
            brand_id: self.brand_id,
            has_credential: false,
            rating_sum: 0,
            rating_count: 0,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Registers an agent for the caller. It is listed, found by its words and callable from the commit on, and
/// found by its meaning as soon as a worker has made its vector.
///
/// # Errors
/// [`RegistryError::Invalid`], [`RegistryError::AgentIdTaken`], or [`RegistryError::ReadOnly`].
pub async fn register(
    tx: &mut (impl AgentStore + CatalogStore + IdentityStore),
    caller: &Caller,
    new: &NewAgent,
    now: Timestamp,
) -> Result<Agent, RegistryError> {
    if !caller.may_write(caller.owner) {
        return Err(RegistryError::ReadOnly);
    }
    for _ in 0..SLUG_ATTEMPTS {
        let agent = new.build(AgentId::new(), caller.owner, now)?;
        if tx.insert_agent(&agent, new.manifest.as_ref()).await? {
            if let Some(identity) = &new.identity {
                identity::write_new(tx, &agent, identity).await?;
            }
            tx.replace_capabilities(agent.id, &new.capabilities).await?;
            index::write(tx, &agent, &new.capabilities, now).await?;
            tx.append_event(event("agent.registered", &agent, now)).await?;
            return Ok(agent);
        }
        if let Some(agent_id) = &new.agent_id {
            return Err(RegistryError::AgentIdTaken(agent_id.clone()));
        }
    }
    Err(RegistryError::AgentIdTaken(new.name.clone()))
}

/// A fact about an agent.
pub(crate) fn event(kind: &'static str, agent: &Agent, now: Timestamp) -> Event {
    let data = json!({"agent_id": agent.slug, "name": agent.name, "is_active": agent.is_active});
    Event { kind, subject: agent.id.uuid(), owner: Some(agent.owner), data, at: now }
}
