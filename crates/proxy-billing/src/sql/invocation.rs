//! Rows of calls.

use diesel::{
    BoolExpressionMethods, CombineDsl, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
    query_dsl::positional_order_dsl::{OrderColumn, PositionalOrderDsl},
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::{AgentId, Amount, OwnerId, Page, PageRequest, Timestamp};
use rialto_registry::AgentRef;
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::schema::invocations as i;
use crate::{
    model::{
        CallStatus, ClaimName, ConversationId, Finish, IntegrationId, Invocation, InvocationFilter, InvocationId, MessageId,
        NewInvocation, TIMEOUT_CODES,
    },
    store::{InvocationStore, Party, Stale},
};

#[derive(Insertable)]
#[diesel(table_name = i, treat_none_as_default_value = false)]
struct NewRow<'a> {
    id: InvocationId,
    caller_id: OwnerId,
    agent_id: AgentId,
    agent_owner_id: OwnerId,
    agent_slug: &'a str,
    agent_name: &'a str,
    conversation_id: ConversationId,
    message_id: MessageId,
    price: i64,
    share_payload: bool,
    idempotency_scope: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    created_at: Timestamp,
    expires_at: Timestamp,
    request_payload: Json,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = i)]
struct Row {
    id: InvocationId,
    caller_id: OwnerId,
    agent_id: AgentId,
    agent_owner_id: OwnerId,
    agent_slug: String,
    agent_name: String,
    conversation_id: ConversationId,
    message_id: MessageId,
    parent_invocation_id: Option<InvocationId>,
    integration_id: Option<IntegrationId>,
    share_payload: bool,
    created_at: Timestamp,
    success: Option<bool>,
    status_code: Option<i32>,
    credits_charged: Option<i64>,
    latency_ms: Option<i64>,
    error_message: Option<String>,
    request_payload: Json,
    response_payload: Option<Json>,
}

impl TryFrom<Row> for Invocation {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("the call {} is not as it should be", row.id));
        let finish = Finish {
            success: row.success.ok_or_else(corrupt)?,
            status_code: row.status_code.and_then(|code| u16::try_from(code).ok()).ok_or_else(corrupt)?,
            credits_charged: row.credits_charged.map(Amount::new).transpose().map_err(|_| corrupt())?,
            latency_ms: row.latency_ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(corrupt)?,
            error: row.error_message,
            response: row.response_payload.map(|json| json.0),
        };
        Ok(Self {
            id: row.id,
            caller: row.caller_id,
            agent: row.agent_id,
            agent_owner: row.agent_owner_id,
            agent_slug: row.agent_slug,
            agent_name: row.agent_name,
            conversation: row.conversation_id,
            message: row.message_id,
            parent: row.parent_invocation_id,
            integration: row.integration_id,
            share_payload: row.share_payload,
            created_at: row.created_at,
            request: Some(row.request_payload.0),
            finish,
        })
    }
}

statement! {
    /// Writes how a call ended, unless it has ended.
    struct FinishRunning {
        id: InvocationId => Uid | Uid,
        finished_at: Timestamp => UtcTime | UtcTime,
        success: bool => Bool | Bool,
        status_code: i32 => Integer | Integer,
        credits_charged: Option<i64> => Nullable<BigInt> | Nullable<BigInt>,
        latency_ms: i64 => BigInt | BigInt,
        error_message: Option<String> => Nullable<Text> | Nullable<Text>,
        response_payload: Option<Json> => Nullable<JsonDoc> | Nullable<JsonDoc>,
    }
    rows: ();
    sqlite: "UPDATE invocations SET finished_at = ?2, success = ?3, status_code = ?4, credits_charged = ?5, latency_ms = ?6,
            error_message = ?7, response_payload = ?8
        WHERE id = ?1 AND finished_at IS NULL";
    postgres: "UPDATE invocations SET finished_at = $2, success = $3, status_code = $4, credits_charged = $5, latency_ms = $6,
            error_message = $7, response_payload = $8
        WHERE id = $1 AND finished_at IS NULL";
}

/// The finished calls that a filter lets through, of whichever party `$of` says, as a boxed query.
macro_rules! filtered {
    ($of:expr, $filter:expr) => {{
        let filter: &InvocationFilter = $filter;
        let mut query = i::table.filter($of).filter(i::finished_at.is_not_null()).into_boxed();
        match &filter.agent {
            None => {}
            Some(AgentRef::Id(agent)) => query = query.filter(i::agent_id.eq(*agent)),
            Some(AgentRef::Slug(slug)) => query = query.filter(i::agent_slug.eq(slug)),
        }
        if let Some(from) = filter.from {
            query = query.filter(i::created_at.ge(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(i::created_at.le(to));
        }
        match filter.status {
            None => query,
            Some(CallStatus::Success) => query.filter(i::success.eq(true)),
            Some(CallStatus::Timeout) => query.filter(i::success.eq(false).and(i::status_code.eq_any(TIMEOUT_CODES))),
            Some(CallStatus::Error) => query.filter(i::success.eq(false).and(i::status_code.ne_all(TIMEOUT_CODES))),
        }
    }};
}

/// One page of the calls of one party, along an index of that party.
macro_rules! page_of {
    ($tx:expr, $of:expr, $filter:expr, $page:expr) => {{
        let rows: Vec<Row> = on!($tx, conn => filtered!($of, $filter)
            .select(Row::as_select())
            .order((i::created_at.desc(), i::id.desc()))
            .limit($page.limit()).offset($page.offset())
            .load(conn).await)?;
        let total: i64 = on!($tx, conn => filtered!($of, $filter).count().get_result(conn).await)?;
        Page { items: rows, total }
    }};
}

/// What is read of a running call.
type StaleColumns = (InvocationId, OwnerId, AgentId, ConversationId, Timestamp, Option<String>, Option<String>);

fn stale((id, caller, agent, conversation, created_at, scope, key): StaleColumns) -> Stale {
    let claim = scope.zip(key).map(|(scope, key)| ClaimName { scope, key });
    Stale { id, caller, agent, conversation, created_at, claim }
}

impl InvocationStore for Tx {
    async fn insert_invocation(&mut self, new: &NewInvocation, now: Timestamp) -> Result<(), StoreError> {
        let row = NewRow {
            id: new.id,
            caller_id: new.caller,
            agent_id: new.agent,
            agent_owner_id: new.agent_owner,
            agent_slug: &new.agent_slug,
            agent_name: &new.agent_name,
            conversation_id: new.conversation,
            message_id: new.message,
            price: new.price.get(),
            share_payload: new.share_payload,
            idempotency_scope: new.claim.as_ref().map(|claim| claim.scope.as_str()),
            idempotency_key: new.claim.as_ref().map(|claim| claim.key.as_str()),
            created_at: now,
            expires_at: new.expires_at,
            request_payload: Json(new.request.clone()),
        };
        on!(self, conn => diesel::insert_into(i::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn finish_invocation(&mut self, id: InvocationId, finish: &Finish, now: Timestamp) -> Result<bool, StoreError> {
        let ended = FinishRunning {
            id,
            finished_at: now,
            success: finish.success,
            status_code: i32::from(finish.status_code),
            credits_charged: finish.credits_charged.map(Amount::get),
            latency_ms: i64::try_from(finish.latency_ms).unwrap_or(i64::MAX),
            error_message: finish.error.clone(),
            response_payload: finish.response.clone().map(Json),
        };
        let finished = on!(self, conn => ended.execute(conn).await)?;
        Ok(finished == 1)
    }

    async fn find_ended(&mut self, id: InvocationId) -> Result<Option<Invocation>, StoreError> {
        let row: Option<Row> = on!(self, conn => i::table.find(id).filter(i::finished_at.is_not_null())
            .select(Row::as_select()).first(conn).await.optional())?;
        row.map(Invocation::try_from).transpose()
    }

    async fn has_invocation(&mut self, id: InvocationId) -> Result<bool, StoreError> {
        let found: Option<InvocationId> = on!(self, conn => i::table.find(id).select(i::id).first(conn).await.optional())?;
        Ok(found.is_some())
    }

    async fn find_running(&mut self, id: InvocationId) -> Result<Option<Stale>, StoreError> {
        let row: Option<StaleColumns> = on!(self, conn => i::table.find(id).filter(i::finished_at.is_null())
            .select((i::id, i::caller_id, i::agent_id, i::conversation_id, i::created_at, i::idempotency_scope, i::idempotency_key))
            .first(conn).await.optional())?;
        Ok(row.map(stale))
    }

    async fn list_stale(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Stale>, StoreError> {
        let rows: Vec<StaleColumns> = on!(self, conn => i::table
            .filter(i::finished_at.is_null()).filter(i::expires_at.le(now))
            .order((i::expires_at, i::id)).limit(limit.into())
            .select((i::id, i::caller_id, i::agent_id, i::conversation_id, i::created_at, i::idempotency_scope, i::idempotency_key))
            .load(conn).await)?;
        Ok(rows.into_iter().map(stale).collect())
    }

    async fn list_invocations(
        &mut self,
        party: Party,
        filter: &InvocationFilter,
        page: PageRequest,
    ) -> Result<Page<Invocation>, StoreError> {
        let found = match party {
            Party::Either(owner) => list_either(self, owner, filter, page).await?,
            Party::Caller(owner) => page_of!(self, i::caller_id.eq(owner), filter, page),
            Party::Agent(agent) => page_of!(self, i::agent_id.eq(agent), filter, page),
            Party::Conversation(id) => page_of!(self, i::conversation_id.eq(id), filter, page),
        };
        Ok(Page { items: found.items.into_iter().map(Invocation::try_from).collect::<Result<_, _>>()?, total: found.total })
    }
}

/// One page of the calls that `owner` made or received.
///
/// An `OR` would read and sort all of them; each half alone runs along its index and stops at the page's end.
async fn list_either(tx: &mut Tx, owner: OwnerId, filter: &InvocationFilter, page: PageRequest) -> Result<Page<Row>, StoreError> {
    let reach = page.limit().saturating_add(page.offset());
    let keys: Vec<(InvocationId, Timestamp)> = on!(tx, conn => {
        let made = filtered!(i::caller_id.eq(owner), filter).select((i::id, i::created_at))
            .order((i::created_at.desc(), i::id.desc())).limit(reach);
        let received = filtered!(i::agent_owner_id.eq(owner).and(i::caller_id.ne(owner)), filter).select((i::id, i::created_at))
            .order((i::created_at.desc(), i::id.desc())).limit(reach);
        made.union_all(received)
            .positional_order_by((OrderColumn(2).desc(), OrderColumn(1).desc()))
            .limit(page.limit()).offset(page.offset())
            .load(conn).await
    })?;
    let ids: Vec<InvocationId> = keys.into_iter().map(|(id, _)| id).collect();
    let rows: Vec<Row> = on!(tx, conn => i::table.filter(i::id.eq_any(&ids)).select(Row::as_select())
        .order((i::created_at.desc(), i::id.desc())).load(conn).await)?;
    let made: i64 = on!(tx, conn => filtered!(i::caller_id.eq(owner), filter).count().get_result(conn).await)?;
    let received: i64 = on!(tx, conn =>
        filtered!(i::agent_owner_id.eq(owner).and(i::caller_id.ne(owner)), filter).count().get_result(conn).await)?;
    Ok(Page { items: rows, total: made.saturating_add(received) })
}
