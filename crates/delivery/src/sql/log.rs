//! The log of deliveries.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql,
    sql_query,
    sql_types::{BigInt, Bool},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, types::UtcTime};

use super::{
    corrupt,
    schema::{webhook_attempts as a, webhook_deliveries as d, webhook_lanes as l, webhooks as w},
};
use crate::{
    model::{Attempt, Delivery, DeliveryId, DeliveryStatus, WebhookId},
    store::LogStore,
};

const FORGET: &str = "DELETE FROM webhook_deliveries WHERE seq IN \
     (SELECT seq FROM webhook_deliveries WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";

#[derive(Queryable, Selectable)]
#[diesel(table_name = d)]
struct DeliveryRow {
    seq: i64,
    id: DeliveryId,
    webhook_id: WebhookId,
    event: String,
    status: String,
    attempts: i32,
    due_at: Option<Timestamp>,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
    last_status: Option<i32>,
    last_error: Option<String>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let status = DeliveryStatus::from_word(&row.status);
        Ok(Self {
            status: status.ok_or_else(|| corrupt("webhook_deliveries.status", &row.status))?,
            seq: row.seq,
            id: row.id,
            webhook: row.webhook_id,
            event: row.event,
            attempts: row.attempts,
            due_at: row.due_at,
            created_at: row.created_at,
            ended_at: row.ended_at,
            last_status: row.last_status,
            last_error: row.last_error,
        })
    }
}

type AttemptRow = (i32, Timestamp, i64, Option<i32>, Option<String>);

/// These deliveries, the newest first.
async fn read(tx: &mut Tx, seqs: &[i64]) -> Result<Vec<Delivery>, StoreError> {
    let rows: Vec<DeliveryRow> = on!(tx, conn => d::table.filter(d::seq.eq_any(seqs)).order(d::seq.desc())
        .select(DeliveryRow::as_select()).load(conn).await)?;
    rows.into_iter().map(Delivery::try_from).collect()
}

impl LogStore for Tx {
    async fn list_deliveries(
        &mut self,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Delivery>, Option<i64>), StoreError> {
        let before = before.unwrap_or(i64::MAX);
        macro_rules! page {
            () => {
                d::table
                    .filter(d::webhook_id.eq(webhook))
                    .filter(d::seq.lt(before))
                    .order(d::seq.desc())
                    .limit(limit.into())
                    .select(d::seq)
            };
        }
        let seqs: Vec<i64> = match status {
            None => on!(self, conn => page!().load(conn).await)?,
            Some(status) => on!(self, conn => page!().filter(d::status.eq(status.as_str())).load(conn).await)?,
        };
        let is_full = u32::try_from(seqs.len()).is_ok_and(|count| count >= limit);
        let next = seqs.last().copied().filter(|_| is_full);
        let found = read(self, &seqs).await;
        let Err(StoreError::Corrupt(_)) = found else { return Ok((found?, next)) };
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            match read(self, &[seq]).await {
                Err(StoreError::Corrupt(why)) => tracing::warn!(seq, why, "a delivery cannot be read, and is not shown"),
                one => found.extend(one?),
            }
        }
        Ok((found, next))
    }

    async fn find_delivery(&mut self, webhook: WebhookId, id: DeliveryId) -> Result<Option<(Delivery, String)>, StoreError> {
        let found: Option<(DeliveryRow, String)> = on!(self, conn => d::table
            .filter(d::id.eq(id).and(d::webhook_id.eq(webhook))).select((DeliveryRow::as_select(), d::body))
            .first(conn).await.optional())?;
        found.map(|(row, body)| Ok((Delivery::try_from(row)?, body))).transpose()
    }

    async fn list_attempts(&mut self, seq: i64, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        let rows: Vec<AttemptRow> = on!(self, conn => a::table.filter(a::delivery_seq.eq(seq)).order(a::number.desc())
            .limit(limit.into()).select((a::number, a::at, a::duration_ms, a::status_code, a::error)).load(conn).await)?;
        let attempt =
            |(number, at, duration_ms, status_code, error): AttemptRow| Attempt { number, at, duration_ms, status_code, error };
        Ok(rows.into_iter().map(attempt).collect())
    }

    async fn requeue(&mut self, seq: i64, now: Timestamp) -> Result<bool, StoreError> {
        let again = (
            d::status.eq(DeliveryStatus::Pending.as_str()),
            d::tries.eq(0),
            d::due_at.eq(now),
            d::ended_at.eq(None::<Timestamp>),
        );
        let ended = on!(self, conn => diesel::update(d::table.filter(d::seq.eq(seq))
            .filter(d::status.ne(DeliveryStatus::Pending.as_str()))).set(again).execute(conn).await)?;
        Ok(ended > 0)
    }

    async fn forget_ended(&mut self, horizon: Timestamp, limit: u32) -> Result<usize, StoreError> {
        on!(self, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(i64::from(limit)).execute(conn).await)
    }

    async fn forget_deleted(&mut self, horizon: Timestamp, limit: u32) -> Result<bool, StoreError> {
        // What is pending still is cancelled by a courier first.
        let found: Option<WebhookId> = on!(self, conn => w::table.filter(w::deleted_at.is_not_null()).filter(w::deleted_at.lt(horizon))
            .filter(sql::<Bool>("NOT EXISTS (SELECT 1 FROM webhook_deliveries AS p WHERE p.webhook_id = webhooks.id AND p.status = 'pending')"))
            .select(w::id).order(w::deleted_at).first(conn).await.optional())?;
        let Some(id) = found else { return Ok(false) };
        let seqs: Vec<i64> = on!(self, conn => d::table.filter(d::webhook_id.eq(id))
            .select(d::seq).order(d::seq).limit(limit.into()).load(conn).await)?;
        if !seqs.is_empty() {
            on!(self, conn => diesel::delete(d::table.filter(d::seq.eq_any(&seqs))).execute(conn).await)?;
            return Ok(true);
        }
        on!(self, conn => diesel::delete(l::table.find(id)).execute(conn).await)?;
        on!(self, conn => diesel::delete(w::table.find(id)).execute(conn).await)?;
        Ok(true)
    }
}
