//! Importing agents by their cards.
//!
//! An import is the caller's own: the same card imported by two owners is two agents, each its owner's to price and to delete,
//! so that nobody can take over an agent by naming its endpoint. For one owner a card is one agent, however often it is imported: the same
//! card is one from the same place, or one that has the same endpoint and the same name. Cards that share an endpoint only are several
//! agents.

use rialto_kernel::{Caller, Timestamp};
use rialto_outbound::CheckedUrl;
use rialto_registry::{
    Agent, AgentChanges, AgentRef, Imported, NewAgent, delete_credential, register,
    store::{AgentStore, CatalogStore, CredentialStore, IdentityStore},
    update,
};

use crate::{
    A2aError,
    card::{CardView, Fetched, Signature, SignatureStatus},
    model::ImportedCard,
    store::CardStore,
};

/// A card that was fetched, read and checked.
#[derive(Debug, Clone)]
pub struct CheckedCard {
    /// As it was found.
    pub fetched: Fetched,
    /// What an import takes from it.
    pub view: CardView,
    /// Whether it is what somebody signed.
    pub signature: Signature,
}

impl CheckedCard {
    fn imported(&self) -> Imported {
        let trust_verification = match self.signature.status {
            SignatureStatus::Unsigned => "a2a-card",
            SignatureStatus::Verified => "a2a-card-verified",
            SignatureStatus::Invalid => "a2a-card-invalid",
        };
        Imported { protocol: self.view.protocol, trust_verification }
    }

    fn new_agent(&self) -> NewAgent {
        let view = self.view.clone();
        NewAgent {
            name: view.name,
            description: view.description,
            version: view.version,
            endpoint: view.endpoint,
            auth_type: view.auth_type,
            tags: view.tags,
            category: Some("a2a".to_owned()),
            supports_streaming: view.streaming,
            imported: Some(self.imported()),
            ..NewAgent::default()
        }
    }

    fn changes(&self) -> AgentChanges {
        let view = self.view.clone();
        AgentChanges {
            name: Some(view.name),
            description: Some(view.description),
            version: Some(view.version),
            endpoint: Some(Some(view.endpoint)),
            auth_type: Some(view.auth_type),
            tags: Some(view.tags),
            supports_streaming: Some(view.streaming),
            imported: Some(self.imported()),
            ..AgentChanges::default()
        }
    }

    fn card_of(&self, agent: &Agent, now: Timestamp) -> ImportedCard {
        ImportedCard {
            agent: agent.id,
            owner: agent.owner,
            endpoint: self.view.endpoint.clone(),
            name: self.view.name.clone(),
            url: self.fetched.url.clone(),
            signature: self.signature.clone(),
            fetched_at: now,
            bytes: self.fetched.bytes.to_vec(),
        }
    }
}

/// Registers an agent for the caller by its card, or brings the caller's agent of that card up to date. The flag says
/// whether the agent is new, and still needs whatever the registry does not know of: a wallet.
///
/// # Errors
/// [`A2aError::ReadOnly`], [`A2aError::Registry`], [`A2aError::CardTaken`] when the card at that place is now one that another agent of
/// the caller has, or [`A2aError::Raced`]: then do it again.
pub async fn import(
    tx: &mut (impl AgentStore + CatalogStore + IdentityStore + CredentialStore + CardStore),
    caller: &Caller,
    card: &CheckedCard,
    now: Timestamp,
) -> Result<(Agent, bool), A2aError> {
    let (owner, view) = (caller.owner, &card.view);
    let here = tx.find_card_at(owner, &card.fetched.url).await?;
    for known in here.into_iter().chain(tx.find_card_named(owner, &view.endpoint, &view.name).await?) {
        if tx.find_agent(&known.into()).await?.is_some() {
            return Ok((bring_up_to_date(tx, caller, &known.into(), card, now).await?, false));
        }
        // The agent was deleted: this is another one.
        tx.delete_card(known).await?;
    }
    let agent = register(tx, caller, &card.new_agent(), now).await?;
    if !tx.insert_card(&card.card_of(&agent, now)).await? {
        return Err(A2aError::Raced);
    }
    Ok((agent, true))
}

/// Which card an agent was imported by, for whoever may change the agent; it is fetched again at that URL.
///
/// # Errors
/// [`A2aError::Registry`] when there is no such agent, or it is somebody else's; [`A2aError::NotImported`].
pub async fn card_to_refresh(
    tx: &mut (impl AgentStore + CardStore),
    caller: &Caller,
    agent: &AgentRef,
) -> Result<ImportedCard, A2aError> {
    let agent = tx.find_agent(agent).await?.ok_or_else(|| A2aError::AgentNotFound(agent.to_string()))?;
    if !caller.may_write(agent.owner) {
        return Err(rialto_registry::RegistryError::NotOwner { action: "refresh" }.into());
    }
    tx.find_card(agent.id).await?.ok_or(A2aError::NotImported)
}

/// Brings an imported agent up to date with its card as it is now.
///
/// # Errors
/// As [`card_to_refresh`], and [`A2aError::CardTaken`] when the card is now one that another agent of the owner has.
pub async fn refresh(
    tx: &mut (impl AgentStore + CatalogStore + IdentityStore + CredentialStore + CardStore),
    caller: &Caller,
    agent: &AgentRef,
    card: &CheckedCard,
    now: Timestamp,
) -> Result<Agent, A2aError> {
    card_to_refresh(tx, caller, agent).await?;
    bring_up_to_date(tx, caller, agent, card, now).await
}

async fn bring_up_to_date(
    tx: &mut (impl AgentStore + CatalogStore + IdentityStore + CredentialStore + CardStore),
    caller: &Caller,
    agent: &AgentRef,
    card: &CheckedCard,
    now: Timestamp,
) -> Result<Agent, A2aError> {
    let before = tx.find_agent(agent).await?.ok_or_else(|| A2aError::AgentNotFound(agent.to_string()))?;
    if before.has_credential && !is_same_server(&before.endpoint, &card.view.endpoint) {
        // A card may name any endpoint. What was entrusted to us for one server is not shown to another.
        delete_credential(tx, caller, agent, now).await?;
    }
    let agent = update(tx, caller, agent, &card.changes(), now).await?;
    if let Some(other) = tx.find_card_named(agent.owner, &card.view.endpoint, &card.view.name).await?
        && other != agent.id
    {
        if tx.find_agent(&other.into()).await?.is_some() {
            return Err(A2aError::CardTaken(other.to_string()));
        }
        tx.delete_card(other).await?;
    }
    if !tx.update_card(&card.card_of(&agent, now)).await? {
        return Err(A2aError::Raced);
    }
    Ok(agent)
}

fn is_same_server(one: &str, other: &str) -> bool {
    match (CheckedUrl::parse(one), CheckedUrl::parse(other)) {
        (Ok(one), Ok(other)) => {
            (one.uri().scheme(), one.host(), one.port()) == (other.uri().scheme(), other.host(), other.port())
        }
        _ => false,
    }
}
