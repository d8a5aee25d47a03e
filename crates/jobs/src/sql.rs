//! The queue's table, and the statements on it. Everything that decides is in `queue.rs`.

use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, dsl::sql, sql_types::Bool};
use rialto_kernel::{Id, Timestamp, nouns};
use rialto_store::{StoreError, Tx, on, types::Json};

use crate::queue::{Backlog, Lease, NewRow};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::{JsonDoc, Uid, UtcTime};
        jobs (id) {
            id -> Uid,
            name -> Text,
            unique_key -> Nullable<Text>,
            payload -> JsonDoc,
            state -> Text,
            attempts -> Integer,
            run_at -> UtcTime,
            lease_id -> Nullable<Uid>,
            last_error -> Nullable<Text>,
            created_at -> UtcTime,
        }
    }
}
use schema::jobs;

/// As in the partial indexes. A bound parameter would hide from both databases that an index applies.
const UNFINISHED: &str = "state <> 'dead'";

#[derive(diesel::Queryable)]
pub(crate) struct DueRow {
    pub id: Id<nouns::Job>,
    pub name: String,
    pub payload: Json,
    pub attempts: i32,
}

/// Writes the job; `false` when an unfinished one has its unique key.
pub(crate) async fn insert(tx: &mut Tx, row: NewRow) -> Result<bool, StoreError> {
    let row = (
        jobs::id.eq(row.id),
        jobs::name.eq(row.name),
        jobs::unique_key.eq(row.unique_key),
        jobs::payload.eq(Json(row.payload)),
        jobs::state.eq("queued"),
        jobs::run_at.eq(row.run_at),
        jobs::created_at.eq(row.created_at),
    );
    let inserted = on!(tx, conn => diesel::insert_into(jobs::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
    Ok(inserted == 1)
}

/// Jobs that are due, the longest due first, locked for this transaction. Those that another worker is just leasing are
/// passed over; on SQLite there is only one writer to begin with.
pub(crate) async fn due(tx: &mut Tx, names: Vec<String>, now: Timestamp, limit: i64) -> Result<Vec<DueRow>, StoreError> {
    macro_rules! due {
        () => {
            jobs::table
                .filter(sql::<Bool>(UNFINISHED))
                .filter(jobs::run_at.le(now).and(jobs::name.eq_any(&names)))
                .order(jobs::run_at)
                .limit(limit)
                .select((jobs::id, jobs::name, jobs::payload, jobs::attempts))
        };
    }
    on!(tx,
        sqlite conn => due!().load(conn).await,
        postgres conn => due!().for_update().skip_locked().load(conn).await)
}

/// Leases the jobs, which the caller has locked.
pub(crate) async fn set_leased(
    tx: &mut Tx,
    ids: &[Id<nouns::Job>],
    lease: Id<Lease>,
    until: Timestamp,
) -> Result<(), StoreError> {
    on!(tx, conn => diesel::update(jobs::table.filter(jobs::id.eq_any(ids)))
        .set((jobs::state.eq("leased"), jobs::lease_id.eq(lease), jobs::run_at.eq(until), jobs::attempts.eq(jobs::attempts + 1)))
        .execute(conn).await)?;
    Ok(())
}

/// Moves the end of the lease; `false` when it is no longer held.
pub(crate) async fn extend(tx: &mut Tx, id: Id<nouns::Job>, lease: Id<Lease>, until: Timestamp) -> Result<bool, StoreError> {
    let extended = on!(tx, conn => diesel::update(jobs::table.find(id).filter(jobs::lease_id.eq(lease)))
        .set(jobs::run_at.eq(until)).execute(conn).await)?;
    Ok(extended == 1)
}

/// Removes a job that is done; `false` when the lease is no longer held.
pub(crate) async fn delete(tx: &mut Tx, id: Id<nouns::Job>, lease: Id<Lease>) -> Result<bool, StoreError> {
    let deleted = on!(tx, conn =>
        diesel::delete(jobs::table.find(id).filter(jobs::lease_id.eq(lease))).execute(conn).await)?;
    Ok(deleted == 1)
}

/// What becomes of a leased job that goes back to the queue.
#[derive(diesel::AsChangeset)]
#[diesel(table_name = jobs)]
pub(crate) struct Requeue {
    pub run_at: Timestamp,
    pub attempts: i32,
    #[diesel(treat_none_as_null = true)]
    pub last_error: Option<String>,
}

/// Puts a leased job back; `false` when the lease is no longer held.
pub(crate) async fn requeue(tx: &mut Tx, id: Id<nouns::Job>, lease: Id<Lease>, to: Requeue) -> Result<bool, StoreError> {
    let changed = on!(tx, conn => diesel::update(jobs::table.find(id).filter(jobs::lease_id.eq(lease)))
        .set((jobs::state.eq("queued"), jobs::lease_id.eq(None::<Id<Lease>>), &to)).execute(conn).await)?;
    Ok(changed == 1)
}

/// Declares a job dead that the caller has leased or locked.
pub(crate) async fn set_dead(tx: &mut Tx, id: Id<nouns::Job>, lease: Option<Id<Lease>>, error: &str) -> Result<bool, StoreError> {
    macro_rules! dead {
        ($which:expr) => {
            on!(tx, conn => diesel::update($which)
                .set((jobs::state.eq("dead"), jobs::lease_id.eq(None::<Id<Lease>>), jobs::last_error.eq(error)))
                .execute(conn).await)?
        };
    }
    let changed = match lease {
        Some(lease) => dead!(jobs::table.find(id).filter(jobs::lease_id.eq(lease))),
        None => dead!(jobs::table.find(id)),
    };
    Ok(changed == 1)
}

pub(crate) async fn backlog(tx: &mut Tx, now: Timestamp) -> Result<Backlog, StoreError> {
    macro_rules! due {
        () => {
            jobs::table.filter(sql::<Bool>(UNFINISHED)).filter(jobs::run_at.le(now))
        };
    }
    let due: i64 = on!(tx, conn => due!().count().get_result(conn).await)?;
    let oldest: Option<Timestamp> =
        on!(tx, conn => due!().select(jobs::run_at).order(jobs::run_at).first(conn).await.optional())?;
    let dead: i64 = on!(tx, conn => jobs::table.filter(sql::<Bool>("state = 'dead'")).count().get_result(conn).await)?;
    Ok(Backlog { due, dead, waited: oldest.map(|oldest| now.since(oldest)).unwrap_or_default() })
}
