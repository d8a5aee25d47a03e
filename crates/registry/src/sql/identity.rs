//! Who agents are.

use diesel::{
    AsChangeset, BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, NullableExpressionMethods, OptionalExtension,
    QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};
use serde_json::Value;

use super::{
    agent::{ACTIVE, AgentRow, DELETED, INACTIVE},
    catalog::agents_of,
    named,
    schema::{agent_capabilities, agent_identities as i, agents},
};
use crate::{
    Agent,
    identity::{AgentStatus, Identity, IdentityType, Method, Verification},
    store::IdentityStore,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = i, primary_key(agent_id), treat_none_as_null = true)]
struct Row {
    agent_id: AgentId,
    identity_type: String,
    wallet_address: Option<String>,
    is_deactivated: bool,
    held_by_admin: bool,
    verification_barred: bool,
    method: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    verified_by: Option<OwnerId>,
    proof: Option<Vec<u8>>,
    verified_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt(format!("agent_identities.{column}"))
}

impl From<&Identity> for Row {
    fn from(identity: &Identity) -> Self {
        let verification = identity.verification.as_ref();
        Self {
            agent_id: identity.agent,
            identity_type: identity.kind.as_str().to_owned(),
            wallet_address: identity.wallet_address.clone(),
            is_deactivated: identity.is_deactivated,
            held_by_admin: identity.held_by_admin,
            verification_barred: identity.verification_barred,
            method: verification.map(|verification| verification.method.as_str().to_owned()),
            issuer: verification.and_then(|verification| verification.issuer.clone()),
            subject: verification.and_then(|verification| verification.subject.clone()),
            verified_by: verification.map(|verification| verification.by),
            proof: verification.and_then(|verification| verification.proof.map(Vec::from)),
            verified_at: verification.map(|verification| verification.at),
            expires_at: verification.and_then(|verification| verification.expires_at),
        }
    }
}

impl TryFrom<Row> for Identity {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let verification = match row.method {
            None => None,
            Some(method) => Some(Verification {
                method: Method::from_word(&method).ok_or_else(|| corrupt("method"))?,
                issuer: row.issuer,
                subject: row.subject,
                by: row.verified_by.ok_or_else(|| corrupt("verified_by"))?,
                proof: row.proof.map(|proof| proof.try_into().map_err(|_| corrupt("proof"))).transpose()?,
                at: row.verified_at.ok_or_else(|| corrupt("verified_at"))?,
                expires_at: row.expires_at,
            }),
        };
        Ok(Self {
            agent: row.agent_id,
            kind: IdentityType::from_word(&row.identity_type).ok_or_else(|| corrupt("identity_type"))?,
            wallet_address: row.wallet_address,
            is_deactivated: row.is_deactivated,
            held_by_admin: row.held_by_admin,
            verification_barred: row.verification_barred,
            verification,
        })
    }
}

/// The agents of a status. A macro, because its type differs between the databases.
macro_rules! of_status {
    ($status:expr) => {{
        let deactivated = || i::table.filter(i::is_deactivated.eq(true)).select(i::agent_id);
        let query = agents::table.into_boxed();
        match $status {
            AgentStatus::Active => query.filter(agents::state.eq(ACTIVE)),
            AgentStatus::Suspended => {
                query.filter(agents::state.eq(INACTIVE).and(diesel::dsl::not(agents::id.eq_any(deactivated()))))
            }
            AgentStatus::Deactivated => query.filter(agents::state.eq(INACTIVE).and(agents::id.eq_any(deactivated()))),
        }
    }};
}

impl IdentityStore for Tx {
    async fn find_identity(&mut self, agent: AgentId) -> Result<Identity, StoreError> {
        let row: Option<Row> = on!(self, conn => i::table.find(agent).select(Row::as_select()).first(conn).await.optional())?;
        row.map_or_else(|| Ok(Identity::unknown(agent)), Identity::try_from)
    }

    async fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        let row = Row::from(identity);
        on!(self, conn => diesel::insert_into(i::table).values(&row)
            .on_conflict(i::agent_id).do_update().set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_identities(&mut self, ids: &[AgentId]) -> Result<Vec<Identity>, StoreError> {
        let rows: Vec<Row> =
            on!(self, conn => i::table.filter(i::agent_id.eq_any(ids)).select(Row::as_select()).load(conn).await)?;
        rows.into_iter().map(Identity::try_from).collect()
    }

    async fn find_metadata(&mut self, agent: AgentId) -> Result<Option<Value>, StoreError> {
        let found: Option<Option<Json>> =
            on!(self, conn => i::table.find(agent).select(i::metadata).first(conn).await.optional())?;
        Ok(found.flatten().map(|json| json.0))
    }

    async fn put_metadata(&mut self, agent: AgentId, metadata: &Value) -> Result<(), StoreError> {
        let metadata = i::metadata.eq(Json(metadata.clone()));
        on!(self, conn => diesel::update(i::table.find(agent)).set(metadata).execute(conn).await)?;
        Ok(())
    }

    async fn list_capability_names(&mut self, ids: &[AgentId]) -> Result<Vec<(AgentId, String)>, StoreError> {
        use agent_capabilities as c;
        on!(self, conn => c::table.filter(c::agent_id.eq_any(ids)).order((c::agent_id, c::position))
            .select((c::agent_id, c::capability)).load(conn).await)
    }

    async fn list_by_status(&mut self, status: AgentStatus, page: PageRequest) -> Result<Page<Agent>, StoreError> {
        let rows: Vec<AgentRow> = on!(self, conn => of_status!(status)
            .order((agents::created_at.desc(), agents::id.desc())).limit(page.limit()).offset(page.offset())
            .select(AgentRow::as_select()).load(conn).await)?;
        let total: i64 = on!(self, conn => of_status!(status).count().get_result(conn).await)?;
        Ok(Page { items: agents_of(rows)?, total })
    }

    async fn list_statuses(&mut self, ids: &[AgentId]) -> Result<Vec<(AgentId, AgentStatus)>, StoreError> {
        let rows: Vec<(AgentId, String, Option<bool>)> = on!(self, conn => agents::table
            .left_join(i::table.on(i::agent_id.eq(agents::id)))
            .filter(agents::id.eq_any(ids))
            .select((agents::id, agents::state, i::is_deactivated.nullable())).load(conn).await)?;
        let status = |state: &str, is_deactivated| match (state, is_deactivated) {
            (ACTIVE, _) => Some(AgentStatus::Active),
            (DELETED, _) => None,
            (_, true) => Some(AgentStatus::Deactivated),
            (_, false) => Some(AgentStatus::Suspended),
        };
        let rows = rows.into_iter();
        Ok(rows.filter_map(|(id, state, is)| Some((id, status(&state, is.unwrap_or(false))?))).collect())
    }

    async fn search_named(&mut self, text: &str, limit: u32) -> Result<Vec<Agent>, StoreError> {
        let ids = named::search(self, text, limit).await?;
        let rows: Vec<AgentRow> =
            on!(self, conn => agents::table.filter(agents::id.eq_any(&ids)).select(AgentRow::as_select()).load(conn).await)?;
        let mut agents = agents_of(rows)?;
        agents.sort_by_key(|agent| ids.iter().position(|id| *id == agent.id));
        Ok(agents)
    }
}
