//! Who agents are, and what was shown for it.

use diesel::{
    AsChangeset, BoolExpressionMethods, EscapeExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension,
    QueryDsl, Queryable, Selectable, SelectableHelper, TextExpressionMethods,
    dsl::sql,
    sql_types::{Bool, Integer},
};
use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};
use serde_json::Value;
use uuid::Uuid;

use super::{
    agent::{ACTIVE, AgentRow, INACTIVE},
    catalog::{agents_of, lower, pattern},
    schema::{agent_capabilities, agent_challenges, agent_identities as i, agent_proofs, agents, reputation_records as r},
};
use crate::{
    Agent,
    identity::{AgentStatus, Identity, IdentityType, Method, Verification},
    store::IdentityStore,
};

/// How many tokens whose time is over are forgotten when a new one is kept.
const FORGOTTEN: i64 = 100;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = i, primary_key(agent_id), treat_none_as_null = true)]
struct Row {
    agent_id: AgentId,
    identity_type: String,
    wallet_address: Option<String>,
    is_deactivated: bool,
    held_by_admin: bool,
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

    async fn search_named(&mut self, text: &str, limit: u32) -> Result<Vec<Agent>, StoreError> {
        // As the databases fold names: ASCII alone.
        let pattern = pattern(&text.to_ascii_lowercase());
        let id = AgentId::from_uuid(text.parse().unwrap_or(Uuid::nil()));
        let rows: Vec<AgentRow> = on!(self, conn => agents::table
            .left_join(r::table.on(r::subject_id.eq(agents::owner_id).and(r::month.eq(0))))
            .filter(agents::state.eq(ACTIVE))
            .filter(lower(agents::name).like(&pattern).escape('\\').or(lower(agents::slug).like(&pattern).escape('\\'))
                .or(agents::id.eq(id)))
            .filter(sql::<Bool>("reputation_records.service_id IS NULL"))
            .order((sql::<Integer>("coalesce(reputation_records.overall, 0)").desc(), agents::created_at.desc(), agents::id.desc()))
            .limit(limit.into()).select(AgentRow::as_select()).load(conn).await)?;
        agents_of(rows)
    }

    async fn put_challenge(
        &mut self,
        agent: AgentId,
        digest: &[u8; 32],
        expires_at: Timestamp,
        most: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        use agent_challenges as c;
        let spare = i64::from(most.saturating_sub(1));
        let kept: Vec<Vec<u8>> = on!(self, conn => c::table.filter(c::agent_id.eq(agent).and(c::expires_at.gt(now)))
            .order((c::expires_at.desc(), c::digest)).limit(spare).select(c::digest).load(conn).await)?;
        on!(self, conn => diesel::delete(c::table.filter(c::agent_id.eq(agent).and(diesel::dsl::not(c::digest.eq_any(&kept)))))
            .execute(conn).await)?;
        let values = (c::digest.eq(digest.as_slice()), c::agent_id.eq(agent), c::expires_at.eq(expires_at));
        on!(self, conn => diesel::insert_into(c::table).values(values).execute(conn).await)?;
        Ok(())
    }

    async fn take_challenge(&mut self, agent: AgentId, digest: &[u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        use agent_challenges as c;
        let open = c::agent_id.eq(agent).and(c::expires_at.gt(now));
        let taken = on!(self, conn => diesel::delete(c::table.filter(c::digest.eq(digest.as_slice()).and(open)))
            .execute(conn).await)?;
        Ok(taken == 1)
    }

    async fn use_proof(&mut self, digest: &[u8; 32], expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        use agent_proofs as p;
        let over: Vec<Vec<u8>> = on!(self, conn => p::table.filter(p::expires_at.lt(now)).order(p::expires_at)
            .limit(FORGOTTEN).select(p::digest).load(conn).await)?;
        if !over.is_empty() {
            on!(self, conn => diesel::delete(p::table.filter(p::digest.eq_any(&over))).execute(conn).await)?;
        }
        let values = (p::digest.eq(digest.as_slice()), p::expires_at.eq(expires_at));
        let new = on!(self, conn => diesel::insert_into(p::table).values(values)
            .on_conflict(p::digest).do_nothing().execute(conn).await)?;
        Ok(new == 1)
    }
}
