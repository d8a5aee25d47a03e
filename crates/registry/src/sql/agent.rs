//! One agent at a time.

use std::collections::HashMap;

use diesel::{
    AsChangeset, BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use rialto_kernel::{AgentId, Amount, Event, Id, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on, outbox, types::Json};
use serde_json::Value;

use super::{
    raw_json::RawJson,
    schema::{agent_capabilities, agent_credentials, agents},
};
use crate::{Agent, AgentRef, AuthType, Capability, PricingStrategy, Protocol, store::AgentStore};

/// Listed, found and called.
pub(super) const ACTIVE: &str = "active";
/// There for its owner only.
pub(super) const INACTIVE: &str = "inactive";
/// There for nobody.
pub(super) const DELETED: &str = "deleted";

/// The columns of an agent that are read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = agents)]
pub(super) struct AgentRow {
    id: AgentId,
    slug: String,
    owner_id: OwnerId,
    state: String,
    name: String,
    version: String,
    endpoint: String,
    protocol: String,
    auth_type: String,
    category: Option<String>,
    trust_verification: String,
    pricing_strategy: Option<String>,
    base_price: Option<i64>,
    pricing_enabled: bool,
    supports_streaming: bool,
    is_brand_agent: bool,
    brand_id: Option<Id<()>>,
    has_credential: bool,
    rating_sum: i32,
    rating_count: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    tags: Json,
    description: String,
    input_schema: Option<RawJson>,
    output_schema: Option<RawJson>,
}

/// The columns of an agent that are written: all but its ratings, its manifest and the mark of its deletion.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = agents, treat_none_as_null = true)]
struct AgentValues<'a> {
    id: AgentId,
    slug: &'a str,
    owner_id: OwnerId,
    state: &'a str,
    name: &'a str,
    version: &'a str,
    endpoint: &'a str,
    protocol: &'a str,
    auth_type: &'a str,
    category: Option<&'a str>,
    trust_verification: &'a str,
    pricing_strategy: Option<&'a str>,
    base_price: Option<i64>,
    pricing_enabled: bool,
    supports_streaming: bool,
    is_brand_agent: bool,
    brand_id: Option<Id<()>>,
    has_credential: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    tags: Json,
    description: &'a str,
    input_schema: Option<RawJson>,
    output_schema: Option<RawJson>,
}

fn corrupt(what: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("agents.{what} is {value:?}"))
}

impl TryFrom<AgentRow> for Agent {
    type Error = StoreError;

    fn try_from(row: AgentRow) -> Result<Self, StoreError> {
        let strategy = |word: String| PricingStrategy::from_word(&word).ok_or_else(|| corrupt("pricing_strategy", &word));
        let price = |price: i64| Amount::new(price).map_err(|_| corrupt("base_price", &price.to_string()));
        Ok(Self {
            protocol: Protocol::from_word(&row.protocol).ok_or_else(|| corrupt("protocol", &row.protocol))?,
            auth_type: AuthType::from_word(&row.auth_type).ok_or_else(|| corrupt("auth_type", &row.auth_type))?,
            pricing_strategy: row.pricing_strategy.map(strategy).transpose()?,
            base_price: row.base_price.map(price).transpose()?,
            tags: serde_json::from_value(row.tags.0).map_err(|error| corrupt("tags", &error.to_string()))?,
            id: row.id,
            slug: row.slug,
            owner: row.owner_id,
            name: row.name,
            description: row.description,
            version: row.version,
            endpoint: row.endpoint,
            input_schema: row.input_schema.map(|schema| schema.0),
            output_schema: row.output_schema.map(|schema| schema.0),
            category: row.category,
            trust_verification: row.trust_verification,
            pricing_enabled: row.pricing_enabled,
            supports_streaming: row.supports_streaming,
            is_active: row.state == ACTIVE,
            is_brand_agent: row.is_brand_agent,
            brand_id: row.brand_id.map(Id::uuid),
            has_credential: row.has_credential,
            rating_sum: row.rating_sum,
            rating_count: row.rating_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl<'a> From<&'a Agent> for AgentValues<'a> {
    fn from(agent: &'a Agent) -> Self {
        Self {
            id: agent.id,
            slug: &agent.slug,
            owner_id: agent.owner,
            state: if agent.is_active { ACTIVE } else { INACTIVE },
            name: &agent.name,
            version: &agent.version,
            endpoint: &agent.endpoint,
            protocol: agent.protocol.as_str(),
            auth_type: agent.auth_type.as_str(),
            category: agent.category.as_deref(),
            trust_verification: &agent.trust_verification,
            pricing_strategy: agent.pricing_strategy.map(PricingStrategy::as_str),
            base_price: agent.base_price.map(Amount::get),
            pricing_enabled: agent.pricing_enabled,
            supports_streaming: agent.supports_streaming,
            is_brand_agent: agent.is_brand_agent,
            brand_id: agent.brand_id.map(Id::from_uuid),
            has_credential: agent.has_credential,
            created_at: agent.created_at,
            updated_at: agent.updated_at,
            tags: Json(agent.tags.iter().map(|tag| Value::from(tag.as_str())).collect()),
            description: &agent.description,
            input_schema: agent.input_schema.clone().map(RawJson),
            output_schema: agent.output_schema.clone().map(RawJson),
        }
    }
}

/// The query for one agent that was not deleted. A macro, because its type differs between the databases.
macro_rules! one {
    (id $id:expr) => {
        agents::table.filter(agents::id.eq($id).and(agents::state.ne(DELETED))).select(AgentRow::as_select())
    };
    (slug $slug:expr) => {
        agents::table.filter(agents::slug.eq($slug).and(agents::state.ne(DELETED))).select(AgentRow::as_select())
    };
}

async fn find_ids(tx: &mut Tx, ids: Vec<AgentId>) -> Result<HashMap<AgentRef, AgentId>, StoreError> {
    let mut found = HashMap::new();
    if !ids.is_empty() {
        let rows: Vec<AgentId> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let known = agents::table.filter(agents::id.eq(id).and(agents::state.ne(DELETED)));
                let row: Option<AgentId> = known.select(agents::id).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => {
            let known = agents::table.filter(agents::id.eq_any(ids).and(agents::state.ne(DELETED)));
            known.select(agents::id).load(conn).await
        })?;
        found.extend(rows.into_iter().map(|id| (AgentRef::Id(id), id)));
    }
    Ok(found)
}

async fn find_slugs(tx: &mut Tx, slugs: Vec<&str>) -> Result<HashMap<AgentRef, AgentId>, StoreError> {
    let mut found = HashMap::new();
    if !slugs.is_empty() {
        let rows: Vec<(String, AgentId)> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::with_capacity(slugs.len());
            for slug in slugs {
                let known = agents::table.filter(agents::slug.eq(slug).and(agents::state.ne(DELETED)));
                let row: Option<(String, AgentId)> = known.select((agents::slug, agents::id)).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => {
            let known = agents::table.filter(agents::slug.eq_any(slugs).and(agents::state.ne(DELETED)));
            known.select((agents::slug, agents::id)).load(conn).await
        })?;
        found.extend(rows.into_iter().map(|(slug, id)| (AgentRef::Slug(slug), id)));
    }
    Ok(found)
}

impl AgentStore for Tx {
    async fn insert_agent(&mut self, agent: &Agent, manifest: Option<&Value>) -> Result<bool, StoreError> {
        let values = (AgentValues::from(agent), agents::manifest.eq(manifest.cloned().map(Json)));
        let rows = on!(self, conn => diesel::insert_into(agents::table).values(&values)
            .on_conflict(agents::slug).do_nothing().execute(conn).await)?;
        Ok(rows == 1)
    }

    async fn find_agent(&mut self, agent: &AgentRef) -> Result<Option<Agent>, StoreError> {
        let row: Option<AgentRow> = match agent {
            AgentRef::Id(id) => on!(self, conn => one!(id *id).first(conn).await.optional())?,
            AgentRef::Slug(slug) => on!(self, conn => one!(slug slug).first(conn).await.optional())?,
        };
        row.map(Agent::try_from).transpose()
    }

    async fn find_agent_ids(&mut self, agents: &[AgentRef]) -> Result<Vec<Option<AgentId>>, StoreError> {
        let (mut ids, mut slugs) = (Vec::new(), Vec::new());
        for agent in agents {
            match agent {
                AgentRef::Id(id) => ids.push(*id),
                AgentRef::Slug(slug) => slugs.push(slug.as_str()),
            }
        }
        let mut found = find_ids(self, ids).await?;
        found.extend(find_slugs(self, slugs).await?);
        Ok(agents.iter().map(|agent| found.get(agent).copied()).collect())
    }

    async fn deleted_agents(&mut self, after: Option<AgentId>, limit: u32) -> Result<Vec<AgentId>, StoreError> {
        let after = after.unwrap_or_else(|| AgentId::from_uuid(uuid::Uuid::nil()));
        on!(self, conn => agents::table
            .filter(agents::id.gt(after).and(agents::state.eq(DELETED)))
            .order(agents::id).limit(limit.into()).select(agents::id).load(conn).await)
    }

    async fn lock_agent(&mut self, agent: &AgentRef) -> Result<Option<Agent>, StoreError> {
        // SQLite has one writer, so there is nobody to lock out. PostgreSQL still lets others refer to the row.
        let row: Option<AgentRow> = match agent {
            AgentRef::Id(id) => on!(self, sqlite conn => one!(id *id).first(conn).await.optional(),
                postgres conn => one!(id *id).for_no_key_update().first(conn).await.optional())?,
            AgentRef::Slug(slug) => on!(self, sqlite conn => one!(slug slug).first(conn).await.optional(),
                postgres conn => one!(slug slug).for_no_key_update().first(conn).await.optional())?,
        };
        row.map(Agent::try_from).transpose()
    }

    async fn save_agent(&mut self, agent: &Agent, manifest: Option<&Value>) -> Result<(), StoreError> {
        let manifest = manifest.map(|manifest| agents::manifest.eq(Json(manifest.clone())));
        let values = (AgentValues::from(agent), manifest);
        on!(self, conn => diesel::update(agents::table.find(agent.id)).set(values).execute(conn).await)?;
        Ok(())
    }

    async fn delete_agent(&mut self, agent: AgentId, now: Timestamp) -> Result<(), StoreError> {
        let values = (agents::state.eq(DELETED), agents::deleted_at.eq(now), agents::has_credential.eq(false));
        on!(self, conn => diesel::delete(agent_credentials::table.find(agent)).execute(conn).await)?;
        on!(self, conn => diesel::update(agents::table.find(agent)).set(values).execute(conn).await)?;
        Ok(())
    }

    async fn replace_capabilities(&mut self, agent: AgentId, capabilities: &[Capability]) -> Result<(), StoreError> {
        use agent_capabilities as c;
        on!(self, conn => diesel::delete(c::table.filter(c::agent_id.eq(agent))).execute(conn).await)?;
        for (position, capability) in capabilities.iter().enumerate() {
            let json = |value: &Option<Value>| value.clone().map(Json);
            let values = (
                c::agent_id.eq(agent),
                c::capability.eq(&capability.id),
                c::position.eq(i32::try_from(position).unwrap_or(i32::MAX)),
                c::input_schema.eq(json(&capability.input_schema)),
                c::output_schema.eq(json(&capability.output_schema)),
                c::auth.eq(json(&capability.auth)),
            );
            on!(self, conn => diesel::insert_into(c::table).values(&values).execute(conn).await)?;
        }
        Ok(())
    }

    async fn list_capabilities(&mut self, agent: AgentId) -> Result<Vec<Capability>, StoreError> {
        use agent_capabilities as c;
        type Row = (String, Option<Json>, Option<Json>, Option<Json>);
        let rows: Vec<Row> = on!(self, conn => c::table.filter(c::agent_id.eq(agent)).order(c::position)
            .select((c::capability, c::input_schema, c::output_schema, c::auth)).load(conn).await)?;
        let json = |value: Option<Json>| value.map(|json| json.0);
        let capability = |(id, input, output, auth): Row| Capability {
            id,
            input_schema: json(input),
            output_schema: json(output),
            auth: json(auth),
        };
        Ok(rows.into_iter().map(capability).collect())
    }

    async fn append_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}
