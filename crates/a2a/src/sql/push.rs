//! Where to tell of tasks.

use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::Timestamp;
use rialto_registry::cipher::Sealed;
use rialto_store::{StoreError, Tx, on};

use super::schema::a2a_push_configs as p;
use crate::{
    model::{StoredPush, TaskId},
    store::PushStore,
    wire::Version,
};

#[derive(Queryable, Selectable, Insertable, diesel::AsChangeset)]
#[diesel(table_name = p, treat_none_as_null = true)]
struct PushRow {
    task_id: TaskId,
    id: String,
    url: String,
    version: String,
    scheme: Option<String>,
    key_id: Option<String>,
    nonce: Option<Vec<u8>>,
    secrets: Option<Vec<u8>>,
    delivered: i64,
    queued: bool,
    created_at: Timestamp,
}

impl From<&StoredPush> for PushRow {
    fn from(push: &StoredPush) -> Self {
        let sealed = push.secrets.clone();
        Self {
            task_id: push.task,
            id: push.id.clone(),
            url: push.url.clone(),
            version: push.version.as_str().to_owned(),
            scheme: push.scheme.clone(),
            key_id: sealed.as_ref().map(|sealed| sealed.key_id.clone()),
            nonce: sealed.as_ref().map(|sealed| sealed.nonce.clone()),
            secrets: sealed.map(|sealed| sealed.ciphertext),
            delivered: push.delivered,
            queued: push.queued,
            created_at: push.created_at,
        }
    }
}

impl From<PushRow> for StoredPush {
    fn from(row: PushRow) -> Self {
        let sealed = match (row.key_id, row.nonce, row.secrets) {
            (Some(key_id), Some(nonce), Some(ciphertext)) => Some(Sealed { key_id, nonce, ciphertext }),
            _ => None,
        };
        Self {
            task: row.task_id,
            id: row.id,
            url: row.url,
            version: if row.version == Version::V03.as_str() { Version::V03 } else { Version::V10 },
            scheme: row.scheme,
            secrets: sealed,
            delivered: row.delivered,
            queued: row.queued,
            created_at: row.created_at,
        }
    }
}

impl PushStore for Tx {
    async fn put_push(&mut self, push: &StoredPush) -> Result<(), StoreError> {
        let (row, changes) = (PushRow::from(push), PushRow::from(push));
        on!(self, conn => diesel::insert_into(p::table).values(&row)
            .on_conflict((p::task_id, p::id)).do_update().set(&changes).execute(conn).await)?;
        Ok(())
    }

    async fn find_push(&mut self, task: TaskId, id: &str) -> Result<Option<StoredPush>, StoreError> {
        let row: Option<PushRow> =
            on!(self, conn => p::table.find((task, id)).select(PushRow::as_select()).first(conn).await.optional())?;
        Ok(row.map(StoredPush::from))
    }

    async fn lock_push(&mut self, task: TaskId, id: &str) -> Result<Option<StoredPush>, StoreError> {
        let row: Option<PushRow> = on!(self,
            sqlite conn => p::table.find((task, id)).select(PushRow::as_select()).first(conn).await.optional(),
            postgres conn => p::table.find((task, id)).select(PushRow::as_select()).for_update().first(conn).await.optional())?;
        Ok(row.map(StoredPush::from))
    }

    async fn list_pushes(&mut self, task: TaskId, lock: bool) -> Result<Vec<StoredPush>, StoreError> {
        macro_rules! all {
            () => {
                p::table.filter(p::task_id.eq(task)).order(p::id).select(PushRow::as_select())
            };
        }
        let rows: Vec<PushRow> = if lock {
            on!(self, sqlite conn => all!().load(conn).await, postgres conn => all!().for_update().load(conn).await)?
        } else {
            on!(self, conn => all!().load(conn).await)?
        };
        Ok(rows.into_iter().map(StoredPush::from).collect())
    }

    async fn delete_push(&mut self, task: TaskId, id: &str) -> Result<(), StoreError> {
        on!(self, conn => diesel::delete(p::table.find((task, id))).execute(conn).await)?;
        Ok(())
    }

    async fn set_push_progress(&mut self, task: TaskId, id: &str, delivered: i64, queued: bool) -> Result<(), StoreError> {
        on!(self, conn => diesel::update(p::table.find((task, id)))
            .set((p::delivered.eq(delivered), p::queued.eq(queued))).execute(conn).await)?;
        Ok(())
    }
}
