//! The outbox: facts, written in the transaction that made them true.
//!
//! Webhooks, live streams, reputation and analytics are fed from these rows, each at least once, in order per subject.

use diesel::{sql_query, sql_types::BigInt};
use rialto_kernel::{Event, Id, OwnerId, Timestamp, nouns::OutboxEvent};

use crate::{
    StoreError, Tx, on,
    schema::outbox,
    types::{Json, UtcTime},
};

#[derive(diesel::Insertable)]
#[diesel(table_name = outbox)]
struct OutboxRow {
    id: Id<OutboxEvent>,
    kind: &'static str,
    subject_id: Id<()>,
    owner_id: Option<OwnerId>,
    data: Json,
    occurred_at: Timestamp,
}

/// Writes `event` into the open transaction.
///
/// # Errors
/// Whatever the database says.
pub async fn append(tx: &mut Tx, event: Event) -> Result<(), StoreError> {
    let row = OutboxRow {
        id: Id::new(),
        kind: event.kind,
        subject_id: Id::from_uuid(event.subject),
        owner_id: event.owner,
        data: Json(event.data),
        occurred_at: event.at,
    };
    on!(tx, conn => diesel::insert_into(outbox::table).values(&row).execute(conn).await)?;
    Ok(())
}

/// Forgets events that happened before `horizon`, at most `limit` of them, the oldest first; returns how many.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_before(tx: &mut Tx, horizon: Timestamp, limit: i64) -> Result<usize, StoreError> {
    const FORGET: &str = "DELETE FROM outbox WHERE seq IN \
         (SELECT seq FROM outbox WHERE occurred_at < $1 ORDER BY occurred_at LIMIT $2)";
    on!(tx, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(limit).execute(conn).await)
}
