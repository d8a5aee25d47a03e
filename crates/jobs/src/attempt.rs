//! One attempt at one job: run it, keep its lease, write down how it ended.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use rialto_store::{StoreError, Tx};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    Failure,
    queue::{self, Leased, Outcome, Terms},
    sql,
    worker::{Phase, Shared},
};

pub(crate) type Run = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// How this process runs jobs of one name.
#[derive(Clone)]
pub(crate) struct Handler {
    pub run: Run,
    pub time_max: Duration,
    pub terms: Terms,
}

pub(crate) async fn attempt(shared: Arc<Shared>, job: Leased, handler: Handler, mut phase: watch::Receiver<Phase>) {
    let run = pin!(run(&handler, job.payload.clone()));
    let outcome = tokio::select! {
        outcome = run => outcome,
        () = keep_lease(&shared, &job) => {
            tracing::warn!(job.id = %job.id, job.name, "a job's lease was lost while it ran; it is another worker's now");
            return;
        }
        Ok(_) = phase.wait_for(|phase| *phase == Phase::Cut) => Outcome::Released,
    };
    tell(&job, &handler.terms, &outcome);
    let (id, name) = (job.id, job.name.clone());
    match settle(&shared, job, handler.terms, outcome).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(job.id = %id, job.name = name, "a job's lease had ended before it was settled"),
        // The lease runs out by itself, and the job comes due again.
        Err(error) => tracing::error!(job.id = %id, job.name = name, %error, "a job could not be settled; it will run again"),
    }
}

async fn run(handler: &Handler, payload: Value) -> Outcome {
    // The handler is called inside the guard: what it does before its first await may panic too.
    let run = AssertUnwindSafe(async { (handler.run)(payload).await }).catch_unwind();
    let failed = |message: String, hopeless| Outcome::Failed { message, hopeless };
    match tokio::time::timeout(handler.time_max, run).await {
        Ok(Ok(Ok(()))) => Outcome::Done,
        Ok(Ok(Err(failure))) => failed(failure.to_string(), failure.is_hopeless()),
        Ok(Err(panic)) => failed(queue::panic_message(&*panic), false),
        Err(_elapsed) => failed(format!("took longer than {:?}", handler.time_max), false),
    }
}

/// Renews the lease three times as often as it needs to be, and returns when it is lost.
async fn keep_lease(shared: &Shared, job: &Leased) {
    let (id, lease) = (job.id, job.lease);
    loop {
        tokio::time::sleep(shared.options.lease / 3).await;
        let until = shared.clock.now().after(shared.options.lease);
        match shared.db.write(async move |tx: &mut Tx| sql::extend(tx, id, lease, until).await).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(job.id = %id, %error, "a job's lease could not be renewed; trying again"),
        }
    }
}

async fn settle(shared: &Shared, job: Leased, terms: Terms, outcome: Outcome) -> Result<bool, StoreError> {
    let now = shared.clock.now();
    let job = Arc::new(job);
    shared.db.write(async move |tx: &mut Tx| queue::settle(tx, &job, &terms, &outcome, now).await).await
}

fn tell(job: &Leased, terms: &Terms, outcome: &Outcome) {
    match outcome {
        Outcome::Done => tracing::debug!(job.id = %job.id, job.name, job.attempt, "a job is done"),
        Outcome::Released => tracing::info!(job.id = %job.id, job.name, "a job is given back: this worker stops"),
        Outcome::Failed { message, hopeless } if terms.is_last(job.attempt, *hopeless) => {
            tracing::error!(job.id = %job.id, job.name, job.attempt, error = message, "a job is dead");
        }
        Outcome::Failed { message, .. } => {
            tracing::warn!(job.id = %job.id, job.name, job.attempt, error = message, "a job failed and will run again");
        }
    }
}
