//! Reading agents: one, or a list.

use std::{collections::HashMap, time::Duration};

use rialto_kernel::{AgentId, Caller, Page, PageRequest, Timestamp};
use rialto_store::StoreError;

use crate::{
    Agent, AgentName, AgentRef, AgentView, Capability, RegistryError, check,
    quality::{QUALITY_DAYS, day},
    store::{AgentStore, CatalogStore, QualityStore},
};

/// Which agents to list. Filters that are given hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFilter {
    /// With at least one of these tags, whatever their case. Empty for any.
    pub tags: Vec<String>,
    /// That declare this capability, or carry it as a tag: a flat registration declares none.
    pub capability: Option<String>,
    /// With this text in their name or description, whatever its case.
    pub search: Option<String>,
    /// In this category.
    pub category: Option<String>,
    /// That charge for calls.
    pub priced: bool,
    /// That have an endpoint to be called at.
    pub callable: bool,
    /// Registered at this moment or later.
    pub created_since: Option<Timestamp>,
    /// Sorted by what.
    pub sort: AgentSort,
    /// From the smallest up, rather than from the largest down.
    pub ascending: bool,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentSort {
    /// When it was registered.
    #[default]
    CreatedAt,
    /// When it was changed last.
    UpdatedAt,
    /// What it is called, whatever the case.
    Name,
}

/// Reads one agent, active or not.
///
/// # Errors
/// [`RegistryError::NotFound`].
pub async fn find(
    tx: &mut (impl AgentStore + QualityStore),
    agent: &AgentRef,
    now: Timestamp,
) -> Result<AgentView, RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    let mut views = view(tx, vec![agent], now).await?;
    views.pop().ok_or(RegistryError::NotFound)
}

/// Reads what an agent says it can do.
///
/// # Errors
/// The store's.
pub async fn capabilities(tx: &mut impl AgentStore, agent: AgentId) -> Result<Vec<Capability>, RegistryError> {
    Ok(tx.list_capabilities(agent).await?)
}

/// Reads the agent that a call is for; `None` when there is none, or it is not active.
///
/// # Errors
/// The store's.
pub async fn find_callable(tx: &mut impl AgentStore, agent: &AgentRef) -> Result<Option<Agent>, RegistryError> {
    Ok(tx.find_agent(agent).await?.filter(|agent| agent.is_active))
}

/// Lists active agents.
///
/// # Errors
/// [`RegistryError::Invalid`] when a text to look for is too long.
pub async fn list(
    tx: &mut (impl CatalogStore + QualityStore),
    filter: &AgentFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<AgentView>, RegistryError> {
    let too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > check::SEARCH_CHARS_MAX);
    for (field, text) in [("search", &filter.search), ("capability", &filter.capability), ("category", &filter.category)] {
        if too_long(text) {
            return Err(RegistryError::invalid(field, format!("must have at most {} characters", check::SEARCH_CHARS_MAX)));
        }
    }
    if filter.tags.len() > check::TAGS_MAX {
        return Err(RegistryError::invalid("tags", format!("must be at most {}", check::TAGS_MAX)));
    }
    let found = tx.list_agents(filter, page).await?;
    paged(tx, found, now).await
}

/// Lists the agents registered in the last `days`, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_new(
    tx: &mut (impl CatalogStore + QualityStore),
    days: u32,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<AgentView>, RegistryError> {
    let filter = AgentFilter { created_since: Some(now.before(days_long(days))), ..AgentFilter::default() };
    list(tx, &filter, page, now).await
}

/// Lists the active agents that charge for calls, the newest first, each with how often it was called: ever, or rather for as
/// long as calls are remembered.
///
/// # Errors
/// The store's.
pub async fn list_priced(
    tx: &mut (impl CatalogStore + QualityStore),
    page: PageRequest,
) -> Result<Page<AgentView>, RegistryError> {
    let found = tx.list_agents(&AgentFilter { priced: true, ..AgentFilter::default() }, page).await?;
    let mut items = views_since(tx, found.items, i32::MIN).await?;
    for view in &mut items {
        view.invocation_count = Some(view.quality.calls);
    }
    Ok(Page { items, total: found.total })
}

/// Lists the active agents that were called most in the last `days`, today among them. Those that nobody called are not
/// in it.
///
/// # Errors
/// The store's.
pub async fn list_trending(
    tx: &mut (impl CatalogStore + QualityStore),
    days: u32,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<AgentView>, RegistryError> {
    let since = day(now).saturating_sub(i32::try_from(days).unwrap_or(i32::MAX)).saturating_add(1);
    let called = tx.list_most_called(since, limit).await?;
    let ids: Vec<AgentId> = called.iter().map(|(id, _)| *id).collect();
    let mut agents: HashMap<AgentId, Agent> = tx.list_by_id(&ids).await?.into_iter().map(|agent| (agent.id, agent)).collect();
    let ordered = ids.iter().filter_map(|id| agents.remove(id)).collect();
    let counts: HashMap<AgentId, i64> = called.into_iter().collect();
    let mut views = view(tx, ordered, now).await?;
    for view in &mut views {
        view.invocation_count = counts.get(&view.agent.id).copied();
    }
    Ok(views)
}

/// Lists the caller's own agents, active or not, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_mine(
    tx: &mut (impl CatalogStore + QualityStore),
    caller: &Caller,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<AgentView>, RegistryError> {
    let found = tx.list_owned(caller.owner, page).await?;
    paged(tx, found, now).await
}

/// What these agents are called, deleted ones too. Ids that name no agent are left out.
///
/// # Errors
/// The store's.
pub async fn names_of(tx: &mut impl CatalogStore, agents: &[AgentId]) -> Result<HashMap<AgentId, AgentName>, RegistryError> {
    if agents.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(tx.list_names(agents).await?.into_iter().collect())
}

async fn paged(tx: &mut impl QualityStore, found: Page<Agent>, now: Timestamp) -> Result<Page<AgentView>, RegistryError> {
    Ok(Page { items: view(tx, found.items, now).await?, total: found.total })
}

/// Puts each agent's quality beside it, with one statement for all.
pub(crate) async fn view(tx: &mut impl QualityStore, agents: Vec<Agent>, now: Timestamp) -> Result<Vec<AgentView>, StoreError> {
    views_since(tx, agents, day(now).saturating_sub(QUALITY_DAYS)).await
}

async fn views_since(tx: &mut impl QualityStore, agents: Vec<Agent>, since: i32) -> Result<Vec<AgentView>, StoreError> {
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let qualities: HashMap<_, _> =
        if ids.is_empty() { HashMap::new() } else { tx.list_quality(&ids, since).await?.into_iter().collect() };
    let view = |agent: Agent| {
        let quality = qualities.get(&agent.id).copied().unwrap_or_default();
        AgentView { agent, quality, distance: None, invocation_count: None }
    };
    Ok(agents.into_iter().map(view).collect())
}

fn days_long(days: u32) -> Duration {
    Duration::from_secs(u64::from(days).saturating_mul(86_400))
}
