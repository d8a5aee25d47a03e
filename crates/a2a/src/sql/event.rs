//! What happened with tasks.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, sql_query, sql_types::BigInt};
use rialto_kernel::Timestamp;
use rialto_store::{
    StoreError, Tx, on,
    types::{Json, UtcTime},
};

use super::{document, read, schema::a2a_events as e};
use crate::{model::TaskId, store::EventStore, wire::types::StreamItem};

impl EventStore for Tx {
    async fn insert_event(&mut self, task: TaskId, seq: i64, event: &StreamItem, now: Timestamp) -> Result<(), StoreError> {
        let values = (e::task_id.eq(task), e::seq.eq(seq), e::created_at.eq(now), e::event.eq(document(event)?));
        on!(self, conn => diesel::insert_into(e::table).values(&values).execute(conn).await)?;
        Ok(())
    }

    async fn list_events(&mut self, task: TaskId, after: i64, limit: i64) -> Result<Vec<(i64, StreamItem)>, StoreError> {
        let rows: Vec<(i64, Json)> = on!(self, conn => e::table.filter(e::task_id.eq(task).and(e::seq.gt(after)))
            .order(e::seq).limit(limit).select((e::seq, e::event)).load(conn).await)?;
        rows.into_iter().map(|(seq, event)| Ok((seq, read(event)?))).collect()
    }

    async fn forget_events(&mut self, horizon: Timestamp, limit: u32) -> Result<usize, StoreError> {
        const FORGET: &str = "DELETE FROM a2a_events WHERE (task_id, seq) IN \
             (SELECT task_id, seq FROM a2a_events WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        on!(self, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(i64::from(limit)).execute(conn).await)
    }
}
