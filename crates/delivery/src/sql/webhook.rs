//! Webhooks, and the secrets that sign what they are sent.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper, dsl::sql,
    sql_types::Bool,
};
use rialto_kernel::{Id, OwnerId, Timestamp};
use rialto_registry::cipher::Sealed;
use rialto_store::{StoreError, Tx, on, outbox, types::Json};

use super::schema::{owners, webhook_lanes as l, webhook_secrets as s, webhooks as w};
use crate::{
    model::{EventKind, Webhook, WebhookId},
    store::WebhookStore,
    subscribe::WEBHOOKS_MAX,
};

/// As in the partial index.
pub(super) const PRESENT: &str = "webhooks.deleted_at IS NULL";

#[derive(Queryable, Selectable)]
#[diesel(table_name = w)]
pub(super) struct WebhookRow {
    id: WebhookId,
    owner_id: OwnerId,
    url: String,
    events: Json,
    active: bool,
    since_seq: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl WebhookRow {
    /// What is subscribed to by words that this program does not know, a newer one's perhaps, is not told: one row that makes no
    /// sense must not keep others from being told.
    pub(super) fn webhook(self, owner_name: Option<String>) -> Webhook {
        let word = |value: &serde_json::Value| value.as_str().and_then(EventKind::from_word);
        let words = self.events.0.as_array().map(Vec::as_slice).unwrap_or_default();
        let events: Vec<EventKind> = words.iter().filter_map(word).collect();
        if (events.len() != words.len() || events.is_empty()) && is_news(self.id) {
            tracing::warn!(webhook.id = %self.id, events = %self.events.0, "a webhook names events that there are not");
        }
        Webhook {
            events,
            owner_name: owner_name.unwrap_or_else(|| self.owner_id.to_string()),
            id: self.id,
            owner: self.owner_id,
            url: self.url,
            is_active: self.active,
            since_seq: self.since_seq,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Of how many webhooks the log says that they name events that there are not.
const ODD_MAX: usize = 1_000;
/// Those of which it has said so: they are read again and again.
static ODD: Mutex<BTreeSet<WebhookId>> = Mutex::new(BTreeSet::new());

fn is_news(id: WebhookId) -> bool {
    let mut odd = ODD.lock().unwrap_or_else(PoisonError::into_inner);
    odd.len() < ODD_MAX && odd.insert(id)
}

fn events(webhook: &Webhook) -> Json {
    Json(webhook.events.iter().map(|event| event.as_str()).collect())
}

/// Webhooks that are there, with the names of their owners.
macro_rules! present {
    () => {
        w::table
            .inner_join(diesel::JoinOnDsl::on(owners::table, owners::id.eq(w::owner_id)))
            .filter(sql::<Bool>(PRESENT))
            .select((WebhookRow::as_select(), owners::external_id))
    };
}
pub(super) use present;

impl WebhookStore for Tx {
    async fn lock_owner(&mut self, owner: OwnerId) -> Result<String, StoreError> {
        macro_rules! one {
            () => {
                owners::table.find(owner).select(owners::external_id)
            };
        }
        // Whoever refers to the owner does not stand in the way of this lock.
        let name: Option<String> = on!(self,
            sqlite conn => one!().first(conn).await,
            postgres conn => one!().for_no_key_update().first(conn).await)?;
        Ok(name.unwrap_or_else(|| owner.to_string()))
    }

    async fn count_webhooks(&mut self, owner: OwnerId) -> Result<i64, StoreError> {
        on!(self, conn => w::table.filter(w::owner_id.eq(owner)).filter(sql::<Bool>(PRESENT)).count().get_result(conn).await)
    }

    async fn newest_event(&mut self) -> Result<i64, StoreError> {
        Ok(outbox::reach(self).await?.newest)
    }

    async fn insert_webhook(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let row = (
            w::id.eq(webhook.id),
            w::owner_id.eq(webhook.owner),
            w::url.eq(&webhook.url),
            w::events.eq(events(webhook)),
            w::active.eq(webhook.is_active),
            w::since_seq.eq(webhook.since_seq),
            w::created_at.eq(webhook.created_at),
            w::updated_at.eq(webhook.updated_at),
        );
        on!(self, conn => diesel::insert_into(w::table).values(row.clone()).execute(conn).await)?;
        let lane = (l::webhook_id.eq(webhook.id), l::owner_id.eq(webhook.owner));
        on!(self, conn => diesel::insert_into(l::table).values(&lane).execute(conn).await)?;
        Ok(())
    }

    async fn list_webhooks(&mut self, owner: OwnerId) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<(WebhookRow, Option<String>)> = on!(self, conn => present!().filter(w::owner_id.eq(owner))
            .order((w::created_at.desc(), w::id.desc())).limit(WEBHOOKS_MAX.into()).load(conn).await)?;
        Ok(rows.into_iter().map(|(row, name)| row.webhook(name)).collect())
    }

    async fn find_webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let found: Option<(WebhookRow, Option<String>)> =
            on!(self, conn => present!().filter(w::id.eq(id)).first(conn).await.optional())?;
        Ok(found.map(|(row, name)| row.webhook(name)))
    }

    async fn lock_webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        if let Self::Postgres(_) = self {
            // Of itself alone: a join would lock the owner, too.
            let _: Option<WebhookId> = on!(self,
                sqlite _conn => Ok::<_, diesel::result::Error>(None),
                postgres conn => w::table.find(id).select(w::id).for_no_key_update().first(conn).await.optional())?;
        }
        self.find_webhook(id).await
    }

    async fn save_webhook(&mut self, webhook: &Webhook, with_events: bool) -> Result<(), StoreError> {
        let change = (
            w::url.eq(&webhook.url),
            with_events.then(|| w::events.eq(events(webhook))),
            w::active.eq(webhook.is_active),
            w::since_seq.eq(webhook.since_seq),
            w::updated_at.eq(webhook.updated_at),
        );
        on!(self, conn => diesel::update(w::table.find(webhook.id)).set(change.clone()).execute(conn).await)?;
        Ok(())
    }

    async fn delete_webhook(&mut self, id: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(s::table.filter(s::webhook_id.eq(id))).execute(conn).await)?;
        let gone = (w::active.eq(false), w::updated_at.eq(now), w::deleted_at.eq(now));
        on!(self, conn => diesel::update(w::table.find(id)).set(gone).execute(conn).await)?;
        Ok(())
    }

    async fn put_secret(
        &mut self,
        webhook: WebhookId,
        secret: &Sealed,
        retired_until: Timestamp,
        old_max: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(s::table.filter(s::webhook_id.eq(webhook).and(s::expires_at.le(now)))).execute(conn).await)?;
        on!(self, conn => diesel::update(s::table.filter(s::webhook_id.eq(webhook).and(s::expires_at.is_null())))
            .set(s::expires_at.eq(retired_until)).execute(conn).await)?;
        // Those that are good for longest stay. Ids rise, so that of several of one moment the latest do.
        let old: Vec<Id<()>> = on!(self, conn => s::table.filter(s::webhook_id.eq(webhook)).select(s::id)
            .order((s::expires_at.desc(), s::id.desc())).offset(old_max.into()).load(conn).await)?;
        on!(self, conn => diesel::delete(s::table.filter(s::webhook_id.eq(webhook).and(s::id.eq_any(&old)))).execute(conn).await)?;
        let row = (
            s::webhook_id.eq(webhook),
            s::id.eq(Id::<()>::new()),
            s::key_id.eq(&secret.key_id),
            s::nonce.eq(&secret.nonce),
            s::ciphertext.eq(&secret.ciphertext),
            s::created_at.eq(now),
        );
        on!(self, conn => diesel::insert_into(s::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_secrets(&mut self, webhook: WebhookId, now: Timestamp) -> Result<Vec<(Sealed, Option<Timestamp>)>, StoreError> {
        type Row = (String, Vec<u8>, Vec<u8>, Option<Timestamp>);
        let rows: Vec<Row> = on!(self, conn => s::table.filter(s::webhook_id.eq(webhook))
            .filter(s::expires_at.is_null().or(s::expires_at.gt(now)))
            .order((s::expires_at.is_null().desc(), s::expires_at.desc(), s::id.desc()))
            .select((s::key_id, s::nonce, s::ciphertext, s::expires_at)).load(conn).await)?;
        let sealed = |(key_id, nonce, ciphertext, expires_at): Row| (Sealed { key_id, nonce, ciphertext }, expires_at);
        Ok(rows.into_iter().map(sealed).collect())
    }
}
