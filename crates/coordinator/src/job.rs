//! The job that drives a run.

use std::time::Duration;

use rialto_jobs::{Failure, Job, RetryPolicy};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::{drive::Coordinator, model::ExecutionId};

/// Drives a run until it ends or has to wait. What was under way when a driver died is taken up by the next one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Advance {
    execution: ExecutionId,
    /// How often it found that as many runs of its owner are driven as may be.
    #[serde(default)]
    turned_away: u32,
}

/// When a run is looked at again whose owner has as many driven as one may.
const TURNED_AWAY: RetryPolicy =
    RetryPolicy { attempts_max: u32::MAX, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(15) };

impl Job for Advance {
    const NAME: &'static str = "execution.advance";
    /// For failures of the database: those of agents are the run's own affair.
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 20, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(60) };
    /// A run has a deadline of its own, and all that it waits for has one too.
    const TIME_MAX: Duration = Duration::from_secs(86_400);
    type Context = Coordinator;

    async fn run(&self, coordinator: &Coordinator) -> Result<(), Failure> {
        if !coordinator.advance(self.execution).await? {
            coordinator.put_off(*self).await?;
        }
        Ok(())
    }
}

impl Coordinator {
    /// Gives the worker's place to somebody else's run.
    async fn put_off(&self, job: Advance) -> Result<(), StoreError> {
        let (now, turned_away) = (self.now(), job.turned_away.saturating_add(1));
        let (job, at) = (Advance { turned_away, ..job }, now.after(TURNED_AWAY.wait(turned_away)));
        self.write(async move |tx: &mut Tx| rialto_jobs::enqueue(tx, &job, at, None, now).await.map(drop)).await
    }
}

/// Has a run begun whose job may be dead, by one more job at most.
pub(crate) async fn revive(tx: &mut Tx, execution: ExecutionId, now: Timestamp) -> Result<(), StoreError> {
    let key = format!("execution.begin:{execution}");
    rialto_jobs::enqueue(tx, &Advance { execution, turned_away: 0 }, now, Some(&key), now).await.map(drop)
}

/// Has a run driven from `at` on, if the transaction commits. There may be several such jobs for one run: the youngest driver
/// is the one that counts.
pub(crate) async fn enqueue(tx: &mut Tx, execution: ExecutionId, at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    rialto_jobs::enqueue(tx, &Advance { execution, turned_away: 0 }, at, None, now).await.map(drop)
}
