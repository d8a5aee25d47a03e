//! Runs inside of runs: how many there may be, how many are driven at once, and how they are called off with what they are inside of.
//!
//! Workflows may be steps of workflows, so a few lines can ask for a million runs. One job drives the outermost run and all that
//! is inside of it; what is bounded here is bounded for all of that together.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rialto_jobs::{Failure, Job, RetryPolicy};
use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::Tx;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    drive::{Coordinator, DEPTH_MAX, PARALLEL_MAX},
    end::end,
    error::CoordinatorError,
    execution::OPEN_MAX,
    model::{Execution, ExecutionId, Status},
    store::{ExecutionStore, TreeStore},
};

/// How many runs may be inside of one that is inside of none, at whatever depth, in its whole life.
pub const INSIDE_MAX: u32 = 1_000;
/// How many runs of one owner may be under way in all. Those that nobody asked for by themselves have room besides the others: a
/// queue of runs must not keep those from ending that are under way.
const OPEN_IN_ALL_MAX: u32 = 2 * OPEN_MAX;
/// How many runs are called off in one transaction.
const CALLED_OFF_MAX: u32 = 100;

/// What bounds the runs inside of one run, for whoever drives them.
pub(crate) struct Tree {
    root: ExecutionId,
    /// How many there are and were, as far as is known.
    inside: AtomicU32,
    /// How many of each depth may be driven now. Those that are driven wait for deeper ones only, so that some always end.
    doors: Vec<Semaphore>,
}

impl Tree {
    /// The runs inside of `root`, of which there are and were `inside`.
    pub(crate) fn new(root: ExecutionId, inside: u32) -> Self {
        let doors = (0..DEPTH_MAX).map(|_| Semaphore::new(PARALLEL_MAX)).collect();
        Self { root, inside: AtomicU32::new(inside), doors }
    }

    /// The outermost run.
    pub(crate) const fn root(&self) -> ExecutionId {
        self.root
    }

    /// Waits until a run may be driven inside of one of this depth. `None` when there may be none that deep.
    pub(crate) async fn enter(&self, depth: i32) -> Option<SemaphorePermit<'_>> {
        let door = usize::try_from(depth).ok().and_then(|depth| self.doors.get(depth))?;
        door.acquire().await.ok()
    }

    /// Whether there may be one more. It is counted even if it does not come to be.
    fn take(&self) -> bool {
        let one_more = |inside: u32| (inside < INSIDE_MAX).then(|| inside + 1);
        self.inside.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok()
    }
}

/// Why there may not be one more run of this owner inside of others; `None` when there may.
pub(crate) async fn refusal(
    tx: &mut impl ExecutionStore,
    owner: OwnerId,
    tree: &Tree,
) -> Result<Option<String>, CoordinatorError> {
    if tx.count_open(owner, OPEN_IN_ALL_MAX).await? >= OPEN_IN_ALL_MAX {
        return Ok(Some(format!("more than {OPEN_IN_ALL_MAX} runs of its owner would be under way")));
    }
    Ok((!tree.take()).then(|| format!("more than {INSIDE_MAX} runs would be inside of one run")))
}

/// Whether what a run is inside of was called off: it will be as well.
pub(crate) async fn is_called_off(tx: &mut impl TreeStore, run: &Execution) -> Result<bool, CoordinatorError> {
    let Some((parent, root)) = run.parent.as_ref().map(|(parent, _)| *parent).zip(run.root) else { return Ok(false) };
    Ok(tx.any_called_off(&[parent, root]).await?)
}

/// Calls off runs inside of `root` whose outer ones were called off. What is left is done by a job.
pub(crate) async fn call_off(tx: &mut Tx, root: ExecutionId, now: Timestamp) -> Result<(), CoordinatorError> {
    let mut left = CALLED_OFF_MAX;
    while left > 0 {
        let found = tx.list_called_off(root, left).await?;
        if found.is_empty() {
            return Ok(());
        }
        left = left.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        for id in found {
            let Some(run) = tx.lock_execution(id).await?.filter(|run| !run.status.is_final()) else { continue };
            end(tx, run, Status::Cancelled, None, now).await?;
        }
    }
    rialto_jobs::enqueue(tx, &CallOff { root }, now, None, now).await?;
    Ok(())
}

/// Calls off runs inside of one that was called off, when they were too many for one transaction.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct CallOff {
    root: ExecutionId,
}

impl Job for CallOff {
    const NAME: &'static str = "execution.call-off";
    /// For failures of the database.
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 20, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(60) };
    const TIME_MAX: Duration = Duration::from_secs(60);
    type Context = Coordinator;

    async fn run(&self, coordinator: &Coordinator) -> Result<(), Failure> {
        Ok(coordinator.call_off(self.root).await?)
    }
}
