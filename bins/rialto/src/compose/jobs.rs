//! What happens by itself: each task once a period, once for all replicas.

use std::{sync::Arc, time::Duration};

use rialto_coordinator::Advance;
use rialto_identity::{IdentityConfig, throttle};
use rialto_jobs::{Failure, Running, Worker, WorkerOptions};
use rialto_ledger::seal::{Anchor, Sealer};
use rialto_store::{StoreError, Tx, idempotency, outbox};
use tokio::sync::Mutex;

use super::{App, deliveries::CloseDelivery};
use crate::routes;

/// How many rows a sweep takes in one transaction, so that it never holds the writer for long.
const BATCH: u32 = 500;
/// How long an answer is kept for repeats of its `Idempotency-Key`.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an event stays in the outbox.
const OUTBOX_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a sweep that died with its process keeps others from it. Short: money may be waiting for it.
const LEASE: Duration = Duration::from_secs(15);

/// How many runs of tasks and workflows this process drives at once. They mostly wait for agents.
const RUNS_MAX: usize = 64;

/// The workers of this process.
pub struct Workers {
    sweeps: Running,
    runs: Running,
}

impl Workers {
    /// Stops them; see [`Running::stop`].
    pub async fn stop(self, grace: Duration) {
        tokio::join!(self.sweeps.stop(grace), self.runs.stop(grace));
    }
}

/// Starts the workers of this process. Runs have one of their own: they take long, and sweeps must not wait for them.
pub fn start(app: &Arc<App>) -> Workers {
    let options = WorkerOptions { lease: LEASE, concurrency: RUNS_MAX, ..WorkerOptions::default() };
    let runs = Worker::new(app.db.clone(), app.clock.clone(), options).job::<Advance>(Arc::new(app.coordinator.clone())).start();
    Workers { sweeps: sweeps(app), runs }
}

fn sweeps(app: &Arc<App>) -> Running {
    // Each run is two small commits, also on a server where nothing happens: not every second.
    let every_few_seconds = Duration::from_secs(5);
    let every_minute = Duration::from_secs(60);
    let task = |run: fn(Arc<App>) -> Task| {
        let app = Arc::clone(app);
        move || run(Arc::clone(&app))
    };
    Worker::new(app.db.clone(), app.clock.clone(), WorkerOptions { lease: LEASE, ..WorkerOptions::default() })
        .job::<CloseDelivery>(Arc::clone(app))
        .every("holds.expire", every_few_seconds, task(|app| Box::pin(expire_holds(app))))
        .every("ledger.seal", Duration::from_secs(10), sealing(app))
        .every("market.expire-orders", every_few_seconds, task(|app| Box::pin(expire_orders(app))))
        .every("invocations.close-interrupted", every_few_seconds, task(|app| Box::pin(close_interrupted(app))))
        .every("idempotency.forget", every_minute, task(|app| Box::pin(forget_keys(app))))
        .every("executions.close-late", every_minute, task(|app| Box::pin(close_late(app))))
        .every("outbox.forget", every_minute, task(|app| Box::pin(forget_events(app))))
        .every("logins.forget-failures", every_minute, task(|app| Box::pin(forget_failures(app))))
        .every("agents.forget-old-calls", every_minute, task(|app| Box::pin(forget_calls(app))))
        .start()
}

/// Seals the ledger behind those who write to it. It remembers whom it waited for.
fn sealing(app: &Arc<App>) -> impl Fn() -> Task + use<> {
    let (app, sealer) = (Arc::clone(app), Arc::new(Mutex::new(Sealer::default())));
    move || {
        let (app, sealer) = (Arc::clone(&app), Arc::clone(&sealer));
        Box::pin(async move {
            let sealed = sealer.lock().await.run(&app.db, &app.clock).await?;
            if let Some(Anchor { no, hash }) = sealed.head.filter(|_| sealed.seals > 0) {
                // Logs are often kept elsewhere: then this is an anchor.
                tracing::info!(seal = no, %hash, transfers = sealed.transfers, "the ledger was sealed");
            }
            Ok(())
        })
    }
}

type Task = std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Whether a sweep took as much as it may, so that there is probably more.
fn is_full(swept: usize) -> bool {
    swept >= usize::try_from(BATCH).unwrap_or(usize::MAX)
}

async fn expire_holds(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        let expired = app.db.write(async move |tx: &mut Tx| rialto_ledger::expire_holds(tx, now, BATCH).await).await?;
        if !expired.is_empty() {
            tracing::warn!(holds = expired.len(), "holds expired: their money is back");
        }
        if !is_full(expired.len()) {
            return Ok(());
        }
    }
}

async fn expire_orders(app: Arc<App>) -> Result<(), Failure> {
    while is_full(app.exchange.expire_due(BATCH).await?) {}
    Ok(())
}

async fn close_interrupted(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        let work = async move |tx: &mut Tx| rialto_proxy_billing::close_interrupted(tx, routes::broker::render, now, BATCH).await;
        let closed = app.db.write(work).await?;
        if closed > 0 {
            tracing::warn!(calls = closed, "calls were interrupted by the end of a process: closed, and not charged");
        }
        if !is_full(closed) {
            return Ok(());
        }
    }
}

async fn close_late(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let closed = app.coordinator.close_late(BATCH).await?;
        if closed > 0 {
            tracing::warn!(runs = closed, "runs that nobody drives any more were ended");
        }
        if !is_full(closed) {
            return Ok(());
        }
    }
}

async fn forget_keys(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(IDEMPOTENCY_KEPT);
    let forget = async move |tx: &mut Tx| idempotency::forget_before(tx, horizon, BATCH.into()).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

async fn forget_events(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(OUTBOX_KEPT);
    let forget = async move |tx: &mut Tx| outbox::forget_before(tx, horizon, BATCH.into()).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

async fn forget_failures(app: Arc<App>) -> Result<(), Failure> {
    let (config, now) = (IdentityConfig::default(), app.clock.now());
    app.db.write(async move |tx: &mut Tx| throttle::prune(tx, &config, now).await).await?;
    Ok(())
}

async fn forget_calls(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    let forget = async move |tx: &mut Tx| rialto_registry::forget_old_calls(tx, now, BATCH).await;
    while is_full(app.db.write(forget).await?) {}
    Ok(())
}
