//! Tasks and their messages.

use diesel::{
    AsChangeset, BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, Queryable,
    Selectable, SelectableHelper, sql_query, sql_types::BigInt,
};
use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on,
    types::{Json, UtcTime},
};

use super::{
    document, read,
    schema::{a2a_messages as m, a2a_tasks as t},
};
use crate::{
    model::{RunnerId, StoredTask, TaskId},
    store::{Cursor, TaskFilter, TaskStore},
    wire::{TaskState, types::Message},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
struct TaskRow {
    id: TaskId,
    owner_id: OwnerId,
    agent_id: Option<AgentId>,
    context_id: String,
    state: String,
    last_event: i64,
    folded_event: i64,
    last_message: i64,
    runner_id: Option<RunnerId>,
    lease_until: Option<Timestamp>,
    created_at: Timestamp,
    status_at: Timestamp,
    status_message: Option<Json>,
    metadata: Option<Json>,
    artifacts: Json,
}

/// What changes in the life of a task.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = t, treat_none_as_null = true)]
struct TaskValues {
    state: &'static str,
    last_event: i64,
    folded_event: i64,
    last_message: i64,
    runner_id: Option<RunnerId>,
    lease_until: Option<Timestamp>,
    status_at: Timestamp,
    status_message: Option<Json>,
    metadata: Option<Json>,
    artifacts: Json,
}

impl TryFrom<&StoredTask> for TaskValues {
    type Error = StoreError;

    fn try_from(task: &StoredTask) -> Result<Self, StoreError> {
        Ok(Self {
            state: task.state.legacy(),
            last_event: task.last_event,
            folded_event: task.folded_event,
            last_message: task.last_message,
            runner_id: task.lease.map(|(runner, _)| runner),
            lease_until: task.lease.map(|(_, until)| until),
            status_at: task.status_at,
            status_message: task.status_message.as_ref().map(document).transpose()?,
            metadata: task.metadata.as_ref().map(document).transpose()?,
            artifacts: document(&task.artifacts)?,
        })
    }
}

impl TryFrom<TaskRow> for StoredTask {
    type Error = StoreError;

    fn try_from(row: TaskRow) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("a2a_tasks.state is {:?}", row.state));
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            agent: row.agent_id,
            state: TaskState::from_word(&row.state).ok_or_else(corrupt)?,
            context_id: row.context_id,
            last_event: row.last_event,
            folded_event: row.folded_event,
            last_message: row.last_message,
            lease: row.runner_id.zip(row.lease_until),
            created_at: row.created_at,
            status_at: row.status_at,
            status_message: row.status_message.map(read).transpose()?,
            metadata: row.metadata.map(read).transpose()?,
            artifacts: read(row.artifacts)?,
        })
    }
}

/// The tasks of an owner that a filter lets through, as a boxed query of whichever database.
macro_rules! filtered {
    ($owner:expr, $filter:expr) => {{
        let mut query = t::table.filter(t::owner_id.eq($owner)).into_boxed();
        if let Some(agent) = $filter.agent {
            query = query.filter(t::agent_id.eq(agent));
        }
        if let Some(context) = &$filter.context_id {
            query = query.filter(t::context_id.eq(context));
        }
        if let Some(state) = $filter.state {
            query = query.filter(t::state.eq(state.legacy()));
        }
        if let Some(after) = $filter.status_after {
            query = query.filter(t::status_at.ge(after));
        }
        query
    }};
}

impl TaskStore for Tx {
    async fn insert_task(&mut self, task: &StoredTask, digest: Option<&[u8]>) -> Result<bool, StoreError> {
        let values = (
            t::id.eq(task.id),
            t::owner_id.eq(task.owner),
            t::agent_id.eq(task.agent),
            t::context_id.eq(&task.context_id),
            t::repeat_digest.eq(digest),
            t::created_at.eq(task.created_at),
            TaskValues::try_from(task)?,
        );
        let rows = on!(self, conn => diesel::insert_into(t::table).values(&values).on_conflict_do_nothing().execute(conn).await)?;
        Ok(rows == 1)
    }

    async fn find_repeat(&mut self, owner: OwnerId, digest: &[u8]) -> Result<Option<StoredTask>, StoreError> {
        let row: Option<TaskRow> = on!(self, conn => t::table.filter(t::owner_id.eq(owner).and(t::repeat_digest.eq(digest)))
            .select(TaskRow::as_select()).first(conn).await.optional())?;
        row.map(StoredTask::try_from).transpose()
    }

    async fn find_task(&mut self, id: TaskId) -> Result<Option<StoredTask>, StoreError> {
        let row: Option<TaskRow> =
            on!(self, conn => t::table.find(id).select(TaskRow::as_select()).first(conn).await.optional())?;
        row.map(StoredTask::try_from).transpose()
    }

    async fn lock_task(&mut self, id: TaskId) -> Result<Option<StoredTask>, StoreError> {
        let row: Option<TaskRow> = on!(self,
            sqlite conn => t::table.find(id).select(TaskRow::as_select()).first(conn).await.optional(),
            postgres conn => t::table.find(id).select(TaskRow::as_select()).for_no_key_update().first(conn).await.optional())?;
        row.map(StoredTask::try_from).transpose()
    }

    async fn save_task(&mut self, task: &StoredTask) -> Result<(), StoreError> {
        let values = TaskValues::try_from(task)?;
        on!(self, conn => diesel::update(t::table.find(task.id)).set(&values).execute(conn).await)?;
        Ok(())
    }

    async fn list_tasks(
        &mut self,
        owner: OwnerId,
        filter: &TaskFilter,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<StoredTask>, StoreError> {
        macro_rules! page {
            () => {{
                let mut query = filtered!(owner, filter);
                if let Some(Cursor { status_at, id }) = after {
                    query = query.filter(t::status_at.lt(status_at).or(t::status_at.eq(status_at).and(t::id.lt(id))));
                }
                query.order((t::status_at.desc(), t::id.desc())).limit(limit).select(TaskRow::as_select())
            }};
        }
        let rows: Vec<TaskRow> = on!(self, conn => page!().load(conn).await)?;
        rows.into_iter().map(StoredTask::try_from).collect()
    }

    async fn count_tasks(&mut self, owner: OwnerId, filter: &TaskFilter) -> Result<i64, StoreError> {
        on!(self, conn => filtered!(owner, filter).count().get_result(conn).await)
    }

    async fn insert_message(&mut self, task: TaskId, seq: i64, message: &Message) -> Result<(), StoreError> {
        let values = (m::task_id.eq(task), m::seq.eq(seq), m::message.eq(document(message)?));
        on!(self, conn => diesel::insert_into(m::table).values(&values).execute(conn).await)?;
        Ok(())
    }

    async fn list_messages(&mut self, tasks: &[TaskId], limit: i64) -> Result<Vec<(TaskId, Message)>, StoreError> {
        if tasks.is_empty() || limit <= 0 {
            return Ok(Vec::new());
        }
        let rows: Vec<(TaskId, Json)> = on!(self, conn => m::table.inner_join(t::table.on(t::id.eq(m::task_id)))
            .filter(m::task_id.eq_any(tasks).and(m::seq.gt(t::last_message - limit)))
            .order((m::task_id, m::seq)).select((m::task_id, m::message)).load(conn).await)?;
        rows.into_iter().map(|(task, message)| Ok((task, read(message)?))).collect()
    }

    async fn renew_leases(&mut self, runner: RunnerId, until: Timestamp) -> Result<usize, StoreError> {
        on!(self, conn => diesel::update(t::table.filter(t::lease_until.is_not_null().and(t::runner_id.eq(runner))))
            .set(t::lease_until.eq(until)).execute(conn).await)
    }

    async fn forget_tasks(&mut self, horizon: Timestamp, limit: u32) -> Result<usize, StoreError> {
        const FORGET: &str = "DELETE FROM a2a_tasks WHERE id IN \
             (SELECT id FROM a2a_tasks WHERE runner_id IS NULL AND status_at < $1 ORDER BY status_at, id LIMIT $2)";
        on!(self, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(i64::from(limit)).execute(conn).await)
    }

    async fn list_stale(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TaskId>, StoreError> {
        on!(self, conn => t::table.filter(t::lease_until.lt(now)).order(t::lease_until).limit(limit.into())
            .select(t::id).load(conn).await)
    }
}
