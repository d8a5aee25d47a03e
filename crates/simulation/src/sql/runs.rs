//! Rows of `simulation_runs`.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql,
    sql_query,
    sql_types::{BigInt, Bool},
};
use rialto_kernel::{OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};

use super::schema::simulation_runs as r;
use crate::run::{ProcessId, Run, RunId, RunStatus, from_json, to_json};

#[derive(Queryable, Selectable)]
#[diesel(table_name = r)]
struct RunRow {
    no: i64,
    id: RunId,
    owner_id: OwnerId,
    config: Json,
    status: String,
    current_tick: i64,
    total_orders: i64,
    total_trades: i64,
    total_failed: i64,
    total_volume: i64,
    total_welfare: i64,
    error: Option<String>,
    holder_id: ProcessId,
    lease_until: Timestamp,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    updated_at: Timestamp,
}

impl RunRow {
    fn model(self) -> Result<Run, StoreError> {
        let odd = |what: &str| StoreError::Corrupt(format!("the simulation {} with an odd {what}", self.id));
        Ok(Run {
            no: self.no,
            id: self.id,
            owner: self.owner_id,
            config: from_json(&self.config.0).ok_or_else(|| odd("configuration"))?,
            status: RunStatus::from_word(&self.status).ok_or_else(|| odd("status"))?,
            tick: u32::try_from(self.current_tick).map_err(|_| odd("tick"))?,
            orders: self.total_orders,
            trades: self.total_trades,
            failed: self.total_failed,
            volume: self.total_volume,
            welfare: self.total_welfare,
            error: self.error,
            holder: self.holder_id,
            lease_until: self.lease_until,
            started_at: self.started_at,
            ended_at: self.ended_at,
            updated_at: self.updated_at,
        })
    }
}

/// As the partial index says it: a parameter would hide from the database that it will do.
fn is_running() -> diesel::expression::SqlLiteral<Bool> {
    sql("status = 'running'")
}

pub(super) async fn insert(tx: &mut Tx, run: &Run) -> Result<Option<i64>, StoreError> {
    macro_rules! insert {
        ($conn:ident) => {
            diesel::insert_into(r::table)
                .values((
                    r::id.eq(run.id),
                    r::owner_id.eq(run.owner),
                    r::scenario.eq(run.config.scenario.as_str()),
                    r::config.eq(Json(to_json(&run.config))),
                    r::status.eq(run.status.as_str()),
                    r::current_tick.eq(i64::from(run.tick)),
                    r::total_ticks.eq(i64::from(run.config.ticks)),
                    r::agents_count.eq(i64::from(run.config.agents())),
                    r::total_orders.eq(run.orders),
                    r::total_trades.eq(run.trades),
                    r::total_failed.eq(run.failed),
                    r::total_volume.eq(run.volume),
                    r::total_welfare.eq(run.welfare),
                    r::holder_id.eq(run.holder),
                    r::lease_until.eq(run.lease_until),
                    r::started_at.eq(run.started_at),
                    r::updated_at.eq(run.updated_at),
                ))
                .on_conflict_do_nothing()
                .returning(r::no)
                .get_result($conn)
                .await
                .optional()
        };
    }
    on!(tx, conn => insert!(conn))
}

pub(super) async fn lock_running(tx: &mut Tx) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> = on!(tx,
    sqlite conn => r::table.filter(is_running()).select(RunRow::as_select()).first(conn).await.optional(),
    postgres conn => {
        r::table.filter(is_running()).for_no_key_update().select(RunRow::as_select()).first(conn).await.optional()
    })?;
    row.map(RunRow::model).transpose()
}

pub(super) async fn find_held(tx: &mut Tx, holder: ProcessId) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> = on!(tx, conn => r::table
        .filter(is_running()).filter(r::holder_id.eq(holder))
        .select(RunRow::as_select()).first(conn).await.optional())?;
    row.map(RunRow::model).transpose()
}

pub(super) async fn find(tx: &mut Tx, id: RunId) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> =
        on!(tx, conn => r::table.filter(r::id.eq(id)).select(RunRow::as_select()).first(conn).await.optional())?;
    row.map(RunRow::model).transpose()
}

pub(super) async fn latest(tx: &mut Tx) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> =
        on!(tx, conn => r::table.order(r::no.desc()).select(RunRow::as_select()).first(conn).await.optional())?;
    row.map(RunRow::model).transpose()
}

pub(super) async fn list(tx: &mut Tx, page: PageRequest) -> Result<Page<Run>, StoreError> {
    let total: i64 = on!(tx, conn => r::table.count().get_result(conn).await)?;
    let rows: Vec<RunRow> = on!(tx, conn => r::table
        .order(r::no.desc()).limit(page.limit()).offset(page.offset())
        .select(RunRow::as_select()).load(conn).await)?;
    Ok(Page { items: rows.into_iter().map(RunRow::model).collect::<Result<_, _>>()?, total })
}

pub(super) async fn update(tx: &mut Tx, run: &Run) -> Result<(), StoreError> {
    let changes = (
        r::status.eq(run.status.as_str()),
        r::current_tick.eq(i64::from(run.tick)),
        r::total_orders.eq(run.orders),
        r::total_trades.eq(run.trades),
        r::total_failed.eq(run.failed),
        r::total_volume.eq(run.volume),
        r::total_welfare.eq(run.welfare),
        r::error.eq(run.error.as_deref()),
        r::lease_until.eq(run.lease_until),
        r::ended_at.eq(run.ended_at),
        r::updated_at.eq(run.updated_at),
    );
    let updated = on!(tx, conn => diesel::update(r::table.find(run.no)).set(changes).execute(conn).await)?;
    if updated == 1 { Ok(()) } else { Err(StoreError::Corrupt("a simulation that was running has gone".into())) }
}

/// Rows of the runs before this one go: what belongs to a run first, so that no transaction takes them all.
const FORGET: [&str; 4] = [
    "DELETE FROM simulation_ticks WHERE (run_no, tick, capability) IN
        (SELECT run_no, tick, capability FROM simulation_ticks WHERE run_no <= $1 LIMIT $2)",
    "DELETE FROM simulation_trades WHERE (run_no, no) IN
        (SELECT run_no, no FROM simulation_trades WHERE run_no <= $1 LIMIT $2)",
    "DELETE FROM simulation_books WHERE (run_no, capability) IN
        (SELECT run_no, capability FROM simulation_books WHERE run_no <= $1 LIMIT $2)",
    "DELETE FROM simulation_runs WHERE no IN (SELECT no FROM simulation_runs WHERE no <= $1 LIMIT $2)",
];

pub(super) async fn forget(tx: &mut Tx, kept: u32, limit: u32) -> Result<usize, StoreError> {
    let oldest: Option<i64> = on!(tx, conn => r::table
        .order(r::no.desc()).offset(kept.into()).select(r::no).first(conn).await.optional())?;
    let Some(oldest) = oldest else { return Ok(0) };
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut gone = 0;
    for statement in FORGET {
        gone += on!(tx, conn => sql_query(statement)
            .bind::<BigInt, _>(oldest).bind::<BigInt, _>(i64::from(limit)).execute(conn).await)?;
        // There may be more of these, and they go before what they belong to.
        if gone >= most {
            break;
        }
    }
    Ok(gone)
}
