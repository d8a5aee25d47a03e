//! A tick that was done in memory becomes a fact.

use rialto_kernel::Timestamp;
use serde_json::json;

use crate::{
    error::SimulationError,
    record::Recorded,
    run::{self, ProcessId, Run, RunId, RunStatus},
    store::SimulationStore,
    world::Names,
};

/// How many trades of a run are kept: the newest.
pub const TRADES_KEPT: i64 = 1_000;

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// It is written; the next one may follow.
    Going,
    /// It is written, and was the last.
    Completed,
    /// Somebody has ended the run, or another process has.
    Gone,
}

/// Locks the run that this process runs; `None` when it does not any more.
async fn own(tx: &mut impl SimulationStore, id: RunId, holder: ProcessId) -> Result<Option<Run>, SimulationError> {
    Ok(tx.lock_running().await?.filter(|run| run.id == id && run.holder == holder))
}

/// Writes a tick, and what is told of it. Asked for again, it answers again and writes nothing.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn advance(
    tx: &mut impl SimulationStore,
    id: RunId,
    holder: ProcessId,
    done: &Recorded,
    now: Timestamp,
) -> Result<Advanced, SimulationError> {
    let Some(mut run) = own(tx, id, holder).await? else {
        // The answer to the first attempt may have been lost, and the tick the last.
        let known = tx.find_run(id).await?;
        let completed = known.is_some_and(|run| run.status == RunStatus::Completed && run.tick == done.tick.tick);
        return Ok(if completed { Advanced::Completed } else { Advanced::Gone });
    };
    if run.tick >= done.tick.tick {
        return Ok(Advanced::Going);
    }
    let rows = done.rows(Names::of(id.uuid()), now);
    run.tick = done.tick.tick;
    run.orders = i64::try_from(done.totals.orders).unwrap_or(i64::MAX);
    run.trades = done.totals.trades;
    run.failed = done.totals.failed;
    run.volume = done.totals.volume;
    run.welfare = done.totals.welfare;
    run.renew(now);
    let mut events = done.events(&run, &rows.trades, now);
    let is_last = run.tick >= run.config.ticks;
    if is_last {
        run.end(RunStatus::Completed, now);
        let data = json!({
            "scenario_name": run.config.scenario.as_str(),
            "total_ticks": run.config.ticks,
            "total_trades": run.trades,
            "total_volume": run.volume,
        });
        events.push(run.event("simulation.completed", data, now));
    }
    tx.write_tick(run.no, rows, TRADES_KEPT).await?;
    tx.update_run(&run).await?;
    tx.append_events(events).await?;
    Ok(if is_last { Advanced::Completed } else { Advanced::Going })
}

/// Ends a run of this process that cannot go on. One that has ended already stays as it is.
///
/// # Errors
/// [`SimulationError::Store`].
pub async fn give_up(
    tx: &mut impl SimulationStore,
    id: RunId,
    holder: ProcessId,
    why: &str,
    now: Timestamp,
) -> Result<(), SimulationError> {
    if let Some(run) = own(tx, id, holder).await? {
        run::fail(tx, run, why, now).await?;
    }
    Ok(())
}
