//! Queueing deliveries, and how far the outbox was read.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, QueryDsl, SelectableHelper,
    dsl::{min, sql},
    sql_types::{BigInt, Bool, Nullable},
};
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{
    PENDING,
    schema::{owners, webhook_cursor as c, webhook_deliveries as d, webhook_lanes as l, webhooks as w},
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
        Ok(rows.into_iter().map(|(row, name)| row.webhook(name)).collect())
    }

    async fn hold_active(&mut self, ids: &[WebhookId]) -> Result<Vec<(WebhookId, i64)>, StoreError> {
        macro_rules! live {
            () => {
                w::table.filter(w::id.eq_any(ids)).filter(sql::<Bool>(LIVE)).order(w::id).select((w::id, w::since_seq))
            };
        }
        on!(self, sqlite conn => live!().load(conn).await, postgres conn => live!().for_share().load(conn).await)
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

    async fn rouse(&mut self, webhooks: &[WebhookId], now: Timestamp) -> Result<(), StoreError> {
        if self.is_postgres() {
            // An update takes its rows in no order. This waits for whoever is giving one of the lanes back.
            let _: Vec<WebhookId> = on!(self,
                sqlite _conn => Ok::<_, diesel::result::Error>(Vec::new()),
                postgres conn => l::table.filter(l::webhook_id.eq_any(webhooks)).order(l::webhook_id).select(l::webhook_id)
                    .for_no_key_update().load(conn).await)?;
        }
        on!(self, conn => diesel::update(l::table.filter(l::webhook_id.eq_any(webhooks)).filter(l::lease_id.is_null())
            .filter(l::due_at.is_null().or(l::due_at.gt(now)))).set(l::due_at.eq(now)).execute(conn).await)?;
        Ok(())
    }

    async fn list_crowded(&mut self, webhooks: &[WebhookId], kept: u32) -> Result<Vec<(WebhookId, i64)>, StoreError> {
        let one_too_many = format!(
            "(SELECT p.seq FROM webhook_deliveries AS p WHERE p.webhook_id = webhook_lanes.webhook_id AND p.status = 'pending' \
             ORDER BY p.seq DESC LIMIT 1 OFFSET {kept})"
        );
        let rows: Vec<(WebhookId, Option<i64>)> = on!(self, conn => l::table.filter(l::webhook_id.eq_any(webhooks))
            .order(l::webhook_id).select((l::webhook_id, sql::<Nullable<BigInt>>(&one_too_many))).load(conn).await)?;
        Ok(rows.into_iter().filter_map(|(id, seq)| Some((id, seq?))).collect())
    }

    async fn bury_upto(&mut self, webhook: WebhookId, upto: i64, why: &str, now: Timestamp) -> Result<usize, StoreError> {
        let dead = (
            d::status.eq(DeliveryStatus::Dead.as_str()),
            d::due_at.eq(None::<Timestamp>),
            d::ended_at.eq(now),
            d::last_error.eq(why),
        );
        on!(self, conn => diesel::update(d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING))
            .filter(d::seq.le(upto))).set(dead).execute(conn).await)
    }
}
