//! Queueing deliveries, and how far the outbox was read.

use diesel::{
    ExpressionMethods, Insertable, QueryDsl, SelectableHelper,
    dsl::{min, sql},
    sql_types::Bool,
};
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::{
    schema::{owners, webhook_cursor as c, webhook_deliveries as d, webhooks as w},
    webhook::{PRESENT, WebhookRow, present},
};
use crate::{
    model::{DeliveryId, DeliveryStatus, NewDelivery, Webhook, WebhookId},
    store::QueueStore,
};

/// As in the partial index.
const LIVE: &str = "webhooks.active AND webhooks.deleted_at IS NULL";

/// The only row there is.
const CURSOR: i32 = 1;

const ROUSE: &str = "UPDATE webhook_lanes SET due_at = \
     CASE WHEN lease_id IS NULL AND (due_at IS NULL OR due_at > $1) THEN $1 ELSE due_at END WHERE webhook_id = $2";

statement! {
    /// Makes a lane due, unless it is being served. It waits for whoever is giving the lane back.
    struct Rouse { now: Timestamp => UtcTime | UtcTime, id: WebhookId => Uid | Uid }
    rows: ();
    sqlite: ROUSE;
    postgres: ROUSE;
}

#[derive(Insertable)]
#[diesel(table_name = d, treat_none_as_default_value = false)]
struct NewRow<'n> {
    id: DeliveryId,
    webhook_id: WebhookId,
    event_seq: Option<i64>,
    event: &'n str,
    subject_id: Id<()>,
    body: &'n str,
    status: &'static str,
    attempts: i32,
    tries: i32,
    due_at: Timestamp,
    created_at: Timestamp,
}

impl<'n> NewRow<'n> {
    fn new(new: &'n NewDelivery, now: Timestamp) -> Self {
        Self {
            id: new.id,
            webhook_id: new.webhook,
            event_seq: new.event_seq,
            event: new.event,
            subject_id: Id::from_uuid(new.subject),
            body: &new.body,
            status: DeliveryStatus::Pending.as_str(),
            attempts: 0,
            tries: 0,
            due_at: now,
            created_at: now,
        }
    }
}

impl QueueStore for Tx {
    async fn find_start(&mut self) -> Result<Option<i64>, StoreError> {
        let first: Option<i64> =
            on!(self, conn => w::table.filter(sql::<Bool>(LIVE)).select(min(w::since_seq)).first(conn).await)?;
        let Some(first) = first else { return Ok(None) };
        let cursor: i64 = on!(self, conn => c::table.find(CURSOR).select(c::seq).first(conn).await)?;
        Ok(Some(first.max(cursor)))
    }

    async fn lock_cursor(&mut self) -> Result<i64, StoreError> {
        macro_rules! one {
            () => {
                c::table.find(CURSOR).select(c::seq)
            };
        }
        on!(self, sqlite conn => one!().first(conn).await, postgres conn => one!().for_no_key_update().first(conn).await)
    }

    async fn set_cursor(&mut self, seq: i64) -> Result<(), StoreError> {
        on!(self, conn => diesel::update(c::table.find(CURSOR)).set(c::seq.eq(seq)).execute(conn).await)?;
        Ok(())
    }

    async fn list_active(&mut self, owners: &[OwnerId]) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<(WebhookRow, Option<String>)> = on!(self, conn => present!().filter(w::active)
            .filter(w::owner_id.eq_any(owners)).load(conn).await)?;
        rows.into_iter().map(|(row, name)| row.webhook(name)).collect()
    }

    async fn list_owner_names(&mut self, owners: &[OwnerId]) -> Result<Vec<(OwnerId, String)>, StoreError> {
        let rows: Vec<(OwnerId, Option<String>)> = on!(self, conn => owners::table.filter(owners::id.eq_any(owners))
            .select((owners::id, owners::external_id)).load(conn).await)?;
        Ok(rows.into_iter().map(|(id, name)| (id, name.unwrap_or_else(|| id.to_string()))).collect())
    }

    async fn queue(&mut self, new: &[NewDelivery], now: Timestamp) -> Result<(), StoreError> {
        let rows: Vec<NewRow<'_>> = new.iter().map(|new| NewRow::new(new, now)).collect();
        match self {
            Self::Sqlite(_) => {
                for row in &rows {
                    on!(self,
                        sqlite conn => diesel::insert_into(d::table).values(row)
                            .on_conflict((d::webhook_id, d::event_seq)).do_nothing().execute(conn).await,
                        postgres _conn => Ok::<_, diesel::result::Error>(0))?;
                }
            }
            Self::Postgres(_) => {
                on!(self,
                    sqlite _conn => Ok::<_, diesel::result::Error>(0),
                    postgres conn => diesel::insert_into(d::table).values(&rows)
                        .on_conflict((d::webhook_id, d::event_seq)).do_nothing().execute(conn).await)?;
            }
        }
        Ok(())
    }

    async fn rouse(&mut self, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        let rouse = || Rouse { now, id: webhook };
        on!(self, conn => rouse().execute(conn).await)?;
        Ok(())
    }
}
