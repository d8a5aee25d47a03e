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
}

impl Job for Advance {
    const NAME: &'static str = "execution.advance";
    /// For failures of the database: those of agents are the run's own affair.
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 20, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(60) };
    /// A run has a deadline of its own, and all that it waits for has one too.
    const TIME_MAX: Duration = Duration::from_secs(86_400);
    type Context = Coordinator;

    async fn run(&self, coordinator: &Coordinator) -> Result<(), Failure> {
        coordinator.advance(self.execution).await?;
        Ok(())
    }
}

/// Has a run driven from `at` on, if the transaction commits. There may be several such jobs for one run: the youngest driver
/// is the one that counts.
pub(crate) async fn enqueue(tx: &mut Tx, execution: ExecutionId, at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    rialto_jobs::enqueue(tx, &Advance { execution }, at, None, now).await.map(drop)
}
