//! Rows of runs.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper, dsl::sql,
    sql_types::Bool,
};
use rialto_kernel::{OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};

use super::{
    corrupt,
    schema::{execution_attempts as a, execution_steps as s, executions as e, tasks as t},
};
use crate::{
    model::{Execution, ExecutionFilter, ExecutionId, Status, WorkflowId},
    store::ExecutionStore,
};

/// As in the partial indexes. A bound parameter would hide from both databases that an index applies.
pub(super) const OPEN: &str = "status IN ('pending', 'running')";
/// Nothing ran inside of it, or nothing of that is left.
const HAS_NONE_INSIDE: &str = "NOT EXISTS (SELECT 1 FROM executions AS inside WHERE inside.parent_id = executions.id)";

#[derive(Queryable, Selectable)]
#[diesel(table_name = e)]
pub(super) struct Row {
    id: ExecutionId,
    owner_id: OwnerId,
    workflow_id: Option<WorkflowId>,
    version: Option<i32>,
    parent_id: Option<ExecutionId>,
    parent_step_id: Option<String>,
    root_id: Option<ExecutionId>,
    depth: i32,
    status: String,
    driver: i64,
    input: Json,
    error: Option<String>,
    created_at: Timestamp,
    admitted_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

impl TryFrom<Row> for Execution {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            workflow: row.workflow_id.zip(row.version),
            parent: row.parent_id.zip(row.parent_step_id),
            root: row.root_id,
            depth: row.depth,
            status: Status::from_word(&row.status).ok_or_else(|| corrupt("a run of unknown status"))?,
            driver: row.driver,
            input: row.input.0,
            error: row.error,
            created_at: row.created_at,
            admitted_at: row.admitted_at,
            started_at: row.started_at,
            deadline_at: row.deadline_at,
            completed_at: row.completed_at,
        })
    }
}

impl ExecutionStore for Tx {
    async fn insert_execution(&mut self, new: &Execution) -> Result<(), StoreError> {
        let row = (
            e::id.eq(new.id),
            e::owner_id.eq(new.owner),
            e::workflow_id.eq(new.workflow.map(|(id, _)| id)),
            e::version.eq(new.workflow.map(|(_, version)| version)),
            e::parent_id.eq(new.parent.as_ref().map(|(id, _)| *id)),
            e::parent_step_id.eq(new.parent.as_ref().map(|(_, step)| step.as_str())),
            e::root_id.eq(new.root),
            e::depth.eq(new.depth),
            e::status.eq(new.status.as_str()),
            e::driver.eq(new.driver),
            e::input.eq(Json(new.input.clone())),
            e::created_at.eq(new.created_at),
            e::admitted_at.eq(new.admitted_at),
            e::started_at.eq(new.started_at),
            e::deadline_at.eq(new.deadline_at),
        );
        on!(self, conn => diesel::insert_into(e::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_execution(&mut self, id: ExecutionId) -> Result<Option<Execution>, StoreError> {
        let row: Option<Row> = on!(self, conn => e::table.find(id).select(Row::as_select()).first(conn).await.optional())?;
        row.map(Execution::try_from).transpose()
    }

    async fn lock_execution(&mut self, id: ExecutionId) -> Result<Option<Execution>, StoreError> {
        let row: Option<Row> = on!(self,
            sqlite conn => e::table.find(id).select(Row::as_select()).first(conn).await.optional(),
            postgres conn => e::table.find(id).select(Row::as_select()).for_update().first(conn).await.optional())?;
        row.map(Execution::try_from).transpose()
    }

    async fn save_execution(&mut self, execution: &Execution) -> Result<(), StoreError> {
        let changes = (
            e::status.eq(execution.status.as_str()),
            e::driver.eq(execution.driver),
            e::error.eq(&execution.error),
            e::admitted_at.eq(execution.admitted_at),
            e::started_at.eq(execution.started_at),
            e::deadline_at.eq(execution.deadline_at),
            e::completed_at.eq(execution.completed_at),
        );
        on!(self, conn => diesel::update(e::table.find(execution.id)).set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn forget_ended(&mut self, horizon: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let ended: Vec<ExecutionId> = on!(self, conn => e::table.filter(e::completed_at.lt(horizon))
            .filter(sql::<Bool>(HAS_NONE_INSIDE)).order((e::completed_at, e::id)).limit(limit.into()).select(e::id).load(conn).await)?;
        let nobody = a::child_execution_id.eq(None::<ExecutionId>);
        on!(self, conn => diesel::update(a::table.filter(a::child_execution_id.eq_any(&ended))).set(nobody).execute(conn).await)?;
        on!(self, conn => diesel::delete(a::table.filter(a::execution_id.eq_any(&ended))).execute(conn).await)?;
        on!(self, conn => diesel::delete(s::table.filter(s::execution_id.eq_any(&ended))).execute(conn).await)?;
        on!(self, conn => diesel::delete(t::table.filter(t::id.eq_any(&ended))).execute(conn).await)?;
        on!(self, conn => diesel::delete(e::table.filter(e::id.eq_any(&ended))).execute(conn).await)
    }

    async fn count_open(&mut self, owner: OwnerId, limit: u32) -> Result<u32, StoreError> {
        let found: Vec<ExecutionId> = on!(self, conn => e::table.filter(sql::<Bool>(OPEN)).filter(e::owner_id.eq(owner))
            .select(e::id).limit(limit.into()).load(conn).await)?;
        Ok(u32::try_from(found.len()).unwrap_or(u32::MAX))
    }

    async fn count_admitted(&mut self, workflow: WorkflowId) -> Result<u32, StoreError> {
        let found: i64 = on!(self, conn => e::table.filter(sql::<Bool>(OPEN)).filter(e::parent_id.is_null())
            .filter(e::workflow_id.eq(workflow).and(e::admitted_at.is_not_null())).count().get_result(conn).await)?;
        Ok(u32::try_from(found).unwrap_or(u32::MAX))
    }

    async fn find_waiting(&mut self, workflow: WorkflowId) -> Result<Option<ExecutionId>, StoreError> {
        macro_rules! waiting {
            () => {
                e::table
                    .filter(sql::<Bool>(OPEN))
                    .filter(e::parent_id.is_null())
                    .filter(e::workflow_id.eq(workflow).and(e::admitted_at.is_null()))
                    .order((e::created_at, e::id))
                    .select(e::id)
            };
        }
        on!(self,
            sqlite conn => waiting!().first(conn).await.optional(),
            postgres conn => waiting!().limit(1).for_update().skip_locked().get_result(conn).await.optional())
    }

    async fn list_late(&mut self, horizon: Timestamp, limit: u32) -> Result<Vec<ExecutionId>, StoreError> {
        on!(self, conn => e::table.filter(sql::<Bool>("status = 'running'")).filter(e::deadline_at.lt(horizon))
            .order(e::deadline_at).select(e::id).limit(limit.into()).load(conn).await)
    }

    async fn list_unbegun(&mut self, horizon: Timestamp, limit: u32) -> Result<Vec<ExecutionId>, StoreError> {
        on!(self, conn => e::table.filter(sql::<Bool>("status = 'pending' AND parent_id IS NULL AND admitted_at IS NOT NULL"))
            .filter(e::admitted_at.lt(horizon)).order(e::admitted_at).select(e::id).limit(limit.into()).load(conn).await)
    }

    async fn list_executions(
        &mut self,
        owner: OwnerId,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        macro_rules! theirs {
            () => {{
                let mut query = e::table.filter(e::owner_id.eq(owner)).filter(e::workflow_id.is_not_null()).into_boxed();
                if let Some(workflow) = filter.workflow {
                    query = query.filter(e::workflow_id.eq(workflow));
                }
                if let Some(status) = filter.status {
                    query = query.filter(e::status.eq(status.as_str()));
                }
                query
            }};
        }
        let rows: Vec<Row> = on!(self, conn => theirs!().select(Row::as_select())
            .order((e::created_at.desc(), e::id.desc())).limit(page.limit()).offset(page.offset()).load(conn).await)?;
        let total: i64 = on!(self, conn => theirs!().count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(Execution::try_from).collect::<Result<_, _>>()?, total })
    }
}
