//! Rows of runs that are inside of others.

use diesel::{ExpressionMethods, QueryDsl, dsl::sql, sql_types::Bool};
use rialto_store::{StoreError, Tx, on};

use super::{executions::OPEN, schema::executions as e};
use crate::{model::ExecutionId, store::TreeStore};

/// The run around it was called off.
const WITHOUT_PARENT: &str = "EXISTS (SELECT 1 FROM executions AS outside \
     WHERE outside.id = executions.parent_id AND outside.status = 'cancelled')";

impl TreeStore for Tx {
    async fn count_inside(&mut self, root: ExecutionId, limit: u32) -> Result<u32, StoreError> {
        let found: Vec<ExecutionId> = on!(self, conn => e::table.filter(e::root_id.eq(root)).select(e::id).limit(limit.into())
            .load(conn).await)?;
        Ok(u32::try_from(found.len()).unwrap_or(u32::MAX))
    }

    async fn list_called_off(&mut self, root: ExecutionId, limit: u32) -> Result<Vec<ExecutionId>, StoreError> {
        on!(self, conn => e::table.filter(e::root_id.eq(root)).filter(sql::<Bool>(OPEN)).filter(sql::<Bool>(WITHOUT_PARENT))
            .order((e::depth, e::id)).select(e::id).limit(limit.into()).load(conn).await)
    }

    async fn any_called_off(&mut self, runs: &[ExecutionId]) -> Result<bool, StoreError> {
        let found: Vec<ExecutionId> = on!(self, conn => e::table.filter(e::id.eq_any(runs)).filter(e::status.eq("cancelled"))
            .select(e::id).limit(1).load(conn).await)?;
        Ok(!found.is_empty())
    }
}
