//! Lanes: who serves which, and what waits in them.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl,
    dsl::sql,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::schema::{webhook_attempts as a, webhook_deliveries as d, webhook_lanes as l};
use crate::{
    model::{DeliveryId, DeliveryStatus, WebhookId},
    store::{Attempted, LaneStore, Lease, Parcel},
};

/// As in the partial index.
const PENDING: &str = "webhook_deliveries.status = 'pending'";

const GIVE_BACK: &str = "UPDATE webhook_lanes SET due_at = $1, lease_id = NULL WHERE webhook_id = $2";

statement! {
    /// Gives a lane back.
    struct GiveBack { due_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>, id: WebhookId => Uid | Uid }
    rows: ();
    sqlite: GIVE_BACK;
    postgres: GIVE_BACK;
}

const ATTEMPTED: &str = "UPDATE webhook_deliveries SET status = $1, attempts = $2, tries = $3, due_at = $4, ended_at = $5, \
     last_status = $6, last_error = $7 WHERE seq = $8 AND status = 'pending'";

statement! {
    /// Counts an attempt.
    struct SetAttempted {
        status: String => Text | Text,
        attempts: i32 => Integer | Integer,
        tries: i32 => Integer | Integer,
        due_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>,
        ended_at: Option<Timestamp> => Nullable<UtcTime> | Nullable<UtcTime>,
        last_status: Option<i32> => Nullable<Integer> | Nullable<Integer>,
        last_error: Option<String> => Nullable<Text> | Nullable<Text>,
        seq: i64 => BigInt | BigInt,
    }
    rows: ();
    sqlite: ATTEMPTED;
    postgres: ATTEMPTED;
}

type ParcelRow = (i64, DeliveryId, String, Id<()>, String, i32, i32);

impl LaneStore for Tx {
    async fn list_lanes(&mut self, except: &[OwnerId], limit: u32) -> Result<Vec<(WebhookId, OwnerId, Timestamp)>, StoreError> {
        let rows: Vec<(WebhookId, OwnerId, Option<Timestamp>)> = on!(self, conn => l::table
            .filter(l::due_at.is_not_null()).filter(l::owner_id.ne_all(except))
            .select((l::webhook_id, l::owner_id, l::due_at)).order(l::due_at).limit(limit.into()).load(conn).await)?;
        Ok(rows.into_iter().filter_map(|(id, owner, due_at)| Some((id, owner, due_at?))).collect())
    }

    async fn lease_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(WebhookId, OwnerId)>, StoreError> {
        macro_rules! due {
            () => {
                l::table
                    .filter(l::webhook_id.eq_any(ids))
                    .filter(l::due_at.le(now))
                    .order(l::webhook_id)
                    .select((l::webhook_id, l::owner_id))
            };
        }
        let lanes: Vec<(WebhookId, OwnerId)> = on!(self,
            sqlite conn => due!().load(conn).await,
            postgres conn => due!().for_no_key_update().skip_locked().load(conn).await)?;
        let leased: Vec<WebhookId> = lanes.iter().map(|(id, _)| *id).collect();
        if !leased.is_empty() {
            on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq_any(&leased)))
                .set((l::lease_id.eq(lease), l::due_at.eq(until))).execute(conn).await)?;
        }
        Ok(lanes)
    }

    async fn renew_lanes(
        &mut self,
        ids: &[WebhookId],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<usize, StoreError> {
        on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq_any(ids)).filter(l::lease_id.eq(lease))
            .filter(l::due_at.gt(now))).set(l::due_at.eq(until)).execute(conn).await)
    }

    async fn free_lanes(&mut self, lease: Option<Id<Lease>>, now: Timestamp) -> Result<usize, StoreError> {
        let change = (l::due_at.eq(now), l::lease_id.eq(None::<Id<Lease>>));
        match lease {
            Some(lease) => {
                on!(self, conn => diesel::update(l::table.filter(l::lease_id.eq(lease))).set(change).execute(conn).await)
            }
            None => {
                on!(self, conn => diesel::update(l::table.filter(l::lease_id.is_not_null())).set(change).execute(conn).await)
            }
        }
    }

    async fn lock_lane(&mut self, id: WebhookId, lease: Id<Lease>) -> Result<bool, StoreError> {
        macro_rules! mine {
            () => {
                l::table.find(id).filter(l::lease_id.eq(lease)).select(l::webhook_id)
            };
        }
        let mine: Option<WebhookId> = on!(self,
            sqlite conn => mine!().first(conn).await.optional(),
            postgres conn => mine!().for_no_key_update().first(conn).await.optional())?;
        Ok(mine.is_some())
    }

    async fn extend_lane(&mut self, id: WebhookId, lease: Id<Lease>, until: Timestamp) -> Result<bool, StoreError> {
        let extended: usize = on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq(id)).filter(l::lease_id.eq(lease)))
            .set(l::due_at.eq(until)).execute(conn).await)?;
        Ok(extended > 0)
    }

    async fn give_back(&mut self, id: WebhookId, due_at: Option<Timestamp>) -> Result<(), StoreError> {
        let give_back = || GiveBack { due_at, id };
        on!(self, conn => give_back().execute(conn).await)?;
        Ok(())
    }

    async fn list_parcels(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Parcel>, StoreError> {
        let rows: Vec<ParcelRow> = on!(self, conn => d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING))
            .filter(d::due_at.le(now)).order(d::seq).limit(limit.into())
            .select((d::seq, d::id, d::event, d::subject_id, d::body, d::attempts, d::tries)).load(conn).await)?;
        let parcel = |(seq, id, event, subject, body, attempts, tries): ParcelRow| Parcel {
            seq,
            id,
            event,
            subject: subject.uuid(),
            body,
            attempts,
            tries,
        };
        Ok(rows.into_iter().map(parcel).collect())
    }

    async fn next_due(&mut self, webhook: WebhookId) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<Option<Timestamp>> = on!(self, conn => d::table.filter(d::webhook_id.eq(webhook))
            .filter(sql::<Bool>(PENDING)).order(d::due_at).select(d::due_at).first(conn).await.optional())?;
        Ok(next.flatten())
    }

    async fn is_pending(&mut self, seq: i64) -> Result<bool, StoreError> {
        let found: Option<i64> = on!(self, conn => d::table.find(seq).filter(sql::<Bool>(PENDING)).select(d::seq)
            .first(conn).await.optional())?;
        Ok(found.is_some())
    }

    async fn set_attempted(&mut self, attempted: &Attempted) -> Result<(), StoreError> {
        let made = &attempted.attempt;
        let set = || SetAttempted {
            status: attempted.status.as_str().to_owned(),
            attempts: made.number,
            tries: attempted.tries,
            due_at: attempted.due_at,
            ended_at: (attempted.status != DeliveryStatus::Pending).then_some(attempted.ended),
            last_status: made.status_code,
            last_error: made.error.clone(),
            seq: attempted.seq,
        };
        let counted: usize = on!(self, conn => set().execute(conn).await)?;
        if counted == 0 {
            return Ok(());
        }
        let row = (
            a::delivery_seq.eq(attempted.seq),
            a::number.eq(made.number),
            a::at.eq(made.at),
            a::duration_ms.eq(made.duration_ms),
            a::status_code.eq(made.status_code),
            a::error.eq(made.error.as_deref()),
        );
        // It is written again when nobody knows whether it was.
        on!(self, conn => diesel::insert_into(a::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
        Ok(())
    }

    async fn cancel_all(&mut self, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING)))
            .set(cancelled).execute(conn).await)?;
        Ok(())
    }

    async fn cancel_pending(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let seqs: Vec<i64> = on!(self, conn => d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING))
            .select(d::seq).order(d::seq).limit(limit.into()).load(conn).await)?;
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::seq.eq_any(&seqs))).set(cancelled).execute(conn).await)
    }
}
