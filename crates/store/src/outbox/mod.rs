//! The outbox: facts, written in the transaction that made them true.
//!
//! Webhooks, live streams, reputation and analytics are fed from these rows, each at least once, in order per subject:
//! [`Follower`] reads what is new, [`between`] what was before.

mod follow;
mod read;

use diesel::{
    sql_query,
    sql_types::{Array, BigInt, Bool, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
pub use follow::{Follower, Page};
pub use read::{Reach, Recorded, between, reach};
use rialto_kernel::{Event, Id, OwnerId, Timestamp, nouns::OutboxEvent};
use tokio::sync::{Notify, futures::Notified};

use crate::{
    StoreError, Tx, on,
    schema::outbox,
    statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

/// Wakes the readers of this process. It is shared by all databases of the process: a reader that is woken for another's
/// event looks once in vain.
static WAKE: Notify = Notify::const_new();

#[derive(diesel::Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct OutboxRow {
    id: Id<OutboxEvent>,
    kind: &'static str,
    subject_id: Id<()>,
    owner_id: Option<OwnerId>,
    data: Json,
    occurred_at: Timestamp,
    brief: bool,
}

#[derive(diesel::QueryableByName)]
struct Forgotten {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Writes `event` into the open transaction.
///
/// # Errors
/// Whatever the database says.
pub async fn append(tx: &mut Tx, event: Event) -> Result<(), StoreError> {
    insert(tx, event, false).await
}

async fn insert(tx: &mut Tx, event: Event, brief: bool) -> Result<(), StoreError> {
    let row = OutboxRow {
        id: Id::new(),
        kind: event.kind,
        subject_id: Id::from_uuid(event.subject),
        owner_id: event.owner,
        data: Json(event.data),
        occurred_at: event.at,
        brief,
    };
    on!(tx, conn => diesel::insert_into(outbox::table).values(&row).execute(conn).await)?;
    WAKE.notify_waiters();
    Ok(())
}

statement! {
    /// Inserts several events, in their order.
    struct InsertMany {
        id: Vec<Id<OutboxEvent>> => Array<Uid>,
        kind: Vec<&'static str> => Array<Text>,
        subject_id: Vec<Id<()>> => Array<Uid>,
        owner_id: Vec<Option<OwnerId>> => Array<Nullable<Uid>>,
        data: Vec<Json> => Array<JsonDoc>,
        occurred_at: Vec<Timestamp> => Array<UtcTime>,
        brief: bool => Bool,
    }
    rows: ();
    postgres: "INSERT INTO outbox (id, kind, subject_id, owner_id, data, occurred_at, brief)
        SELECT n.*, $7 FROM unnest($1, $2, $3, $4, $5, $6) AS n";
}

/// Writes `events` into the open transaction, in their order.
///
/// # Errors
/// Whatever the database says.
pub async fn append_all(tx: &mut Tx, events: Vec<Event>) -> Result<(), StoreError> {
    insert_all(tx, events, false).await
}

/// Like [`append_all`], for what is of interest while it happens and no longer: [`forget_brief`] may forget it soon.
///
/// # Errors
/// Whatever the database says.
pub async fn append_brief(tx: &mut Tx, events: Vec<Event>) -> Result<(), StoreError> {
    insert_all(tx, events, true).await
}

async fn insert_all(tx: &mut Tx, events: Vec<Event>, brief: bool) -> Result<(), StoreError> {
    if let Tx::Postgres(conn) = tx {
        return insert_many(conn, events, brief).await;
    }
    for event in events {
        insert(tx, event, brief).await?;
    }
    Ok(())
}

/// [`append_all`] on PostgreSQL, for who sends several statements before the first is answered.
///
/// # Errors
/// Whatever the database says.
pub async fn append_many(conn: &AsyncPgConnection, events: Vec<Event>) -> Result<(), StoreError> {
    insert_many(conn, events, false).await
}

async fn insert_many(mut conn: &AsyncPgConnection, events: Vec<Event>, brief: bool) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = InsertMany {
        id: events.iter().map(|_| Id::new()).collect(),
        kind: events.iter().map(|event| event.kind).collect(),
        subject_id: events.iter().map(|event| Id::from_uuid(event.subject)).collect(),
        owner_id: events.iter().map(|event| event.owner).collect(),
        occurred_at: events.iter().map(|event| event.at).collect(),
        data: events.into_iter().map(|event| Json(event.data)).collect(),
        brief,
    };
    crate::private::RunQueryDsl::execute(rows, &mut conn).await?;
    WAKE.notify_waiters();
    Ok(())
}

/// Waits until an event is appended in this process. That is a hint to look again soon, not now: its transaction is still
/// open, and may yet be undone. What other processes append is not heard.
///
/// PostgreSQL's `NOTIFY` would tell of those, but it takes a lock of the whole cluster until its transaction is durable, so
/// transactions that notify commit one after another: measured with 32 writers, 1,100 a second instead of 3,000. So readers
/// look often while somebody reads, which is a probe of the primary key each, and not at all otherwise.
pub fn appended() -> Notified<'static> {
    WAKE.notified()
}

/// Forgets events that happened before `horizon`, no further than `upto`, at most `limit` of them, the oldest first; returns the
/// number and the kind of each.
/// Whoever keeps a place in the outbox has not read what is behind it: nothing behind the slowest place is to be forgotten.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_before(tx: &mut Tx, horizon: Timestamp, upto: i64, limit: i64) -> Result<Vec<(i64, String)>, StoreError> {
    const FORGET: &str = "DELETE FROM outbox WHERE seq IN \
         (SELECT seq FROM outbox WHERE occurred_at < $1 AND seq <= $2 ORDER BY occurred_at LIMIT $3) RETURNING seq, kind";
    let forgotten: Vec<Forgotten> = on!(tx, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(upto)
        .bind::<BigInt, _>(limit).load(conn).await)?;
    Ok(forgotten.into_iter().map(|one| (one.seq, one.kind)).collect())
}

/// Forgets events that [`append_brief`] wrote and that happened before `horizon`, at most `limit` of them; returns how many.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_brief(tx: &mut Tx, horizon: Timestamp, limit: i64) -> Result<usize, StoreError> {
    const FORGET: &str = "DELETE FROM outbox WHERE seq IN \
         (SELECT seq FROM outbox WHERE brief AND occurred_at < $1 ORDER BY occurred_at LIMIT $2)";
    on!(tx, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(limit).execute(conn).await)
}
