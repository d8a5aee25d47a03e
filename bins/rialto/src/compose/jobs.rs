//! What happens by itself: each task once a period, once for all replicas.

use std::{sync::Arc, time::Duration};

use rialto_a2a::{
    push::{Delivery, TellOfTask},
    store::{EventStore, TaskStore},
};
use rialto_coordinator::{Advance, CallOff, RUNS_MAX, store::ExecutionStore};
use rialto_identity::{IdentityConfig, throttle};
use rialto_jobs::{Failure, Running, Worker, WorkerOptions};
use rialto_ledger::seal::{Anchor, Sealer};
use rialto_market::{MarketStore, pay_back_held};
use rialto_proxy_billing::settlement;
use rialto_registry::{EmbedAgent, Upkeep};
use rialto_simulation::SimulationStore;
use rialto_store::{StoreError, Tx, idempotency};
use tokio::sync::Mutex;

use super::{App, deliveries::CloseDelivery, deposits, embedder, outbox, reputation, retirement, webhooks, x402};
use crate::routes;

/// How many rows a sweep takes in one transaction, so that it never holds the writer for long.
pub(super) const BATCH: u32 = 500;
/// How long an answer is kept for repeats of its `Idempotency-Key`.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many runs of scenarios are kept.
const SIMULATIONS_KEPT: u32 = 50;
/// How long the events of A2A tasks are kept for those who follow them.
const TASK_EVENTS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long A2A tasks are kept that are at rest, and runs of tasks and workflows that have ended.
const TASKS_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long after a failed delivery could not be paid back it is tried again.
const PAY_BACK_AFTER: Duration = Duration::from_secs(5 * 60);
/// How often it is looked for agents that were deleted and still trade. They are of old servers, so once is enough; it is a row
/// of each agent that ever was.
const STOP_DELETED_EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many servers are told something at once.
const DELIVERIES: usize = 32;

/// How long sealing goes on in one turn when it has fallen behind. Less than its period, in which one lease must do.
const SEALING: Duration = Duration::from_secs(8);
/// How long a sweep that died with its process keeps others from it. Short: money may be waiting for it.
const LEASE: Duration = Duration::from_secs(15);

/// The workers of this process.
pub struct Workers {
    sweeps: Running,
    runs: Running,
    deliveries: Running,
}

impl Workers {
    /// Stops them; see [`Running::stop`].
    pub async fn stop(self, grace: Duration) {
        tokio::join!(self.sweeps.stop(grace), self.runs.stop(grace), self.deliveries.stop(grace));
    }
}

/// Starts the workers of this process. Runs have one of their own: they take long, and sweeps must not wait for them. So has
/// what others' servers are told: those that hang must keep nothing else from being done.
pub fn start(app: &Arc<App>) -> Workers {
    let concurrency = usize::try_from(RUNS_MAX).unwrap_or(usize::MAX);
    let options = WorkerOptions { lease: LEASE, concurrency, ..WorkerOptions::default() };
    let runs = Worker::new(app.db.clone(), app.clock.clone(), options)
        .job::<Advance>(Arc::new(app.coordinator.clone()))
        .job::<CallOff>(Arc::new(app.coordinator.clone()))
        .start();
    Workers { sweeps: sweeps(app), runs, deliveries: deliveries(app) }
}

fn sweeps(app: &Arc<App>) -> Running {
    // Each run is two small commits, also on a server where nothing happens: not every second.
    let every_few_seconds = Duration::from_secs(5);
    let every_minute = Duration::from_secs(60);
    let task = |run: fn(Arc<App>) -> Task| {
        let app = Arc::clone(app);
        move || run(Arc::clone(&app))
    };
    let search = embedder::search(&app.settings.embedder);
    let upkeep = Arc::new(Upkeep::new(app.db.clone(), app.clock.clone(), app.finder.clone()).searching(search));
    start_upkeep(&upkeep);
    Worker::new(app.db.clone(), app.clock.clone(), WorkerOptions { lease: LEASE, ..WorkerOptions::default() })
        .job::<CloseDelivery>(Arc::clone(app))
        .every("holds.expire", every_few_seconds, task(|app| Box::pin(expire_holds(app))))
        .every("ledger.seal", Duration::from_secs(10), sealing(app))
        .every("market.expire-orders", every_few_seconds, task(|app| Box::pin(expire_orders(app))))
        .every("market.pay-back", every_minute, task(|app| Box::pin(pay_back(app))))
        .every("market.stop-deleted", STOP_DELETED_EVERY, task(|app| Box::pin(stop_deleted(app))))
        .every("invocations.close-interrupted", every_few_seconds, task(|app| Box::pin(close_interrupted(app))))
        .every("usage.close-interrupted", every_few_seconds, task(|app| Box::pin(close_interrupted_usage(app))))
        .every("reputation.count", every_few_seconds, task(|app| Box::pin(count_reputation(app))))
        .every("settlements.release", every_minute, task(|app| Box::pin(release_failed_settlements(app))))
        .every("networks.close-interrupted", every_few_seconds, task(|app| Box::pin(close_interrupted_network_calls(app))))
        .every("networks.purge", every_minute, task(|app| Box::pin(purge_networks(app))))
        .every("webhooks.forget", every_minute, task(|app| Box::pin(webhooks::forget_deliveries(app))))
        .every("idempotency.forget", every_minute, task(|app| Box::pin(forget_keys(app))))
        .every("simulations.end-lost", every_few_seconds, task(|app| Box::pin(end_lost_simulations(app))))
        .every("simulations.forget", every_minute, task(|app| Box::pin(forget_simulations(app))))
        .every("executions.close-late", every_minute, task(|app| Box::pin(close_late(app))))
        .every("outbox.forget", every_minute, task(|app| Box::pin(outbox::forget_events(app))))
        .every("logins.forget-failures", every_minute, task(|app| Box::pin(forget_failures(app))))
        .every("a2a.fail-stale-tasks", every_few_seconds, task(|app| Box::pin(fail_stale_tasks(app))))
        .every("a2a.forget-events", every_minute, task(|app| Box::pin(forget_task_events(app))))
        .every("a2a.forget-tasks", every_minute, task(|app| Box::pin(forget_tasks(app))))
        .every("executions.forget", every_minute, task(|app| Box::pin(forget_runs(app))))
        .every("agents.forget-old-calls", every_minute, task(|app| Box::pin(forget_calls(app))))
        .every("agents.forget-proofs", every_minute, task(|app| Box::pin(forget_proofs(app))))
        .every("agents.embed-missing", every_minute, embedding(&upkeep))
        .job::<EmbedAgent>(upkeep)
        .start()
}

fn deliveries(app: &Arc<App>) -> Running {
    let (db, client, cipher, clock) = (app.db.clone(), app.outbound.clone(), app.cipher.clone(), app.clock.clone());
    Worker::new(app.db.clone(), app.clock.clone(), WorkerOptions { concurrency: DELIVERIES, ..WorkerOptions::default() })
        .job::<TellOfTask>(Arc::new(Delivery { db, client, cipher, clock }))
        .every("deposits.ask", Duration::from_secs(60), deposits::asking(app))
        .every("x402.fetch", x402::FETCH_EVERY, x402::fetching(app))
        .start()
}

/// Seals the ledger behind those who write to it. It remembers whom it waited for.
fn sealing(app: &Arc<App>) -> impl Fn() -> Task + use<> {
    let (app, sealer) = (Arc::clone(app), Arc::new(Mutex::new(Sealer::default())));
    move || {
        let (app, sealer) = (Arc::clone(&app), Arc::clone(&sealer));
        Box::pin(async move {
            let sealed = sealer.lock().await.catch_up(&app.db, &app.clock, SEALING).await?;
            if let Some(Anchor { no, hash }) = sealed.head.filter(|_| sealed.seals > 0) {
                // Logs are often kept elsewhere: then this is an anchor.
                tracing::info!(seal = no, %hash, transfers = sealed.transfers, "the ledger was sealed");
            }
            Ok(())
        })
    }
}

/// Reads the vectors of agents into memory, tries again for as long as the database is away, and makes those that are missing:
/// all of them, when there is another model than before. Nobody waits for it: agents are found by words meanwhile.
fn start_upkeep(upkeep: &Arc<Upkeep>) {
    let upkeep = Arc::clone(upkeep);
    actix_web::rt::spawn(async move {
        while let Err(error) = upkeep.start().await {
            tracing::warn!(%error, "the vectors of agents could not be read; trying again");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if let Err(failure) = upkeep.make_missing().await {
            tracing::warn!(%failure, "the vectors of agents could not be made; the next sweep tries again");
        }
    });
}

/// Makes the vectors that no job has made.
fn embedding(upkeep: &Arc<Upkeep>) -> impl Fn() -> Task + use<> {
    let upkeep = Arc::clone(upkeep);
    move || {
        let upkeep = Arc::clone(&upkeep);
        Box::pin(async move { upkeep.make_missing().await.map(drop) })
    }
}

type Task = std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Whether a sweep took as much as it may, so that there is probably more.
pub(super) fn is_full(swept: usize) -> bool {
    swept >= usize::try_from(BATCH).unwrap_or(usize::MAX)
}

async fn expire_holds(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        let expired = app.db.write(async move |tx: &mut Tx| rialto_ledger::expire_holds(tx, now, BATCH).await).await?;
        if !expired.is_empty() {
            tracing::warn!(holds = expired.len(), "holds expired: their money is back");
        }
        // As long as some can be: those that cannot stay, and make each batch the shorter.
        if expired.is_empty() {
            return Ok(());
        }
    }
}

async fn expire_orders(app: Arc<App>) -> Result<(), Failure> {
    while is_full(app.exchange.expire_due(BATCH).await?) {}
    Ok(())
}

/// Pays buyers back whose money is held in a wallet that was frozen, once it is open. A wallet that stays frozen is looked at
/// again after a while, however long that takes.
async fn pay_back(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(PAY_BACK_AFTER);
    let owed = app.db.read::<_, StoreError, _>(async move |tx: &mut Tx| tx.owed_trades(horizon, BATCH).await).await?;
    let mut failed = Ok(());
    for trade in owed {
        let now = app.clock.now();
        match app.db.write(async move |tx: &mut Tx| pay_back_held(tx, trade, now).await).await {
            Ok(true) => tracing::warn!(trade.id = %trade, "a failed delivery was paid back late"),
            Ok(false) => {}
            // One that cannot be read, say, keeps nobody else from their money.
            Err(error) => failed = Err(error.into()),
        }
    }
    failed
}

async fn stop_deleted(app: Arc<App>) -> Result<(), Failure> {
    let ended = retirement::stop_deleted(&app.db, &app.clock, BATCH).await?;
    if ended > 0 {
        tracing::warn!(orders = ended, "deleted agents had open orders: cancelled");
    }
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

async fn close_interrupted_usage(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        let work = async move |tx: &mut Tx| rialto_proxy_billing::proxy::close_interrupted(tx, now, BATCH).await;
        let closed = app.db.write(work).await?;
        if closed > 0 {
            tracing::warn!(calls = closed, "calls of services were interrupted by the end of a process: closed, and not charged");
        }
        if !is_full(closed) {
            return Ok(());
        }
    }
}

/// Counts calls that have ended. What the house takes of a provider's calls follows how it does.
async fn count_reputation(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        if !is_full(app.db.write(async move |tx: &mut Tx| reputation::count(tx, BATCH, now).await).await?) {
            return Ok(());
        }
    }
}

/// What a request that failed a settlement let go of only in part.
async fn release_failed_settlements(app: Arc<App>) -> Result<(), Failure> {
    while app.db.write(async move |tx: &mut Tx| settlement::release_failed(tx, BATCH).await).await? {}
    Ok(())
}

async fn end_lost_simulations(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    if let Some(run) = app.db.write(async move |tx: &mut Tx| rialto_simulation::end_lost(tx, now).await).await? {
        tracing::warn!(run.id = %run.id, tick = run.tick, "the server that ran a simulation is gone: the run has ended");
    }
    Ok(())
}

async fn forget_simulations(app: Arc<App>) -> Result<(), Failure> {
    let forget = async move |tx: &mut Tx| tx.forget_runs(SIMULATIONS_KEPT, BATCH).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

async fn close_interrupted_network_calls(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let now = app.clock.now();
        let work = async move |tx: &mut Tx| {
            rialto_networks::close_interrupted_calls(tx, routes::networks::render_call, now, BATCH).await
        };
        if !is_full(app.db.write(work).await?) {
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

async fn purge_networks(app: Arc<App>) -> Result<(), Failure> {
    while app.db.write(async move |tx: &mut Tx| rialto_networks::purge(tx, BATCH).await).await? {}
    Ok(())
}

async fn forget_keys(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(IDEMPOTENCY_KEPT);
    let forget = async move |tx: &mut Tx| idempotency::forget_before(tx, horizon, BATCH.into()).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    let now = app.clock.now();
    let forget = async move |tx: &mut Tx| rialto_proxy_billing::proxy::forget_kept(tx, now, BATCH).await;
    while is_full(app.db.write(forget).await?) {}
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

async fn forget_proofs(app: Arc<App>) -> Result<(), Failure> {
    let now = app.clock.now();
    let forget = async move |tx: &mut Tx| rialto_registry::identity::forget_proofs(tx, now, BATCH).await;
    while is_full(app.db.write(forget).await?) {}
    Ok(())
}

async fn fail_stale_tasks(app: Arc<App>) -> Result<(), Failure> {
    loop {
        let swept = app.a2a.sweep(BATCH).await?;
        if swept > 0 {
            tracing::warn!(tasks = swept, "A2A tasks were interrupted by the end of a process: ended");
        }
        if !is_full(swept) {
            return Ok(());
        }
    }
}

async fn forget_task_events(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(TASK_EVENTS_KEPT);
    let forget = async move |tx: &mut Tx| tx.forget_events(horizon, BATCH).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

async fn forget_tasks(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(TASKS_KEPT);
    let forget = async move |tx: &mut Tx| tx.forget_tasks(horizon, BATCH).await;
    while is_full(app.db.write::<_, StoreError, _>(forget).await?) {}
    Ok(())
}

async fn forget_runs(app: Arc<App>) -> Result<(), Failure> {
    let horizon = app.clock.now().before(TASKS_KEPT);
    let forget = async move |tx: &mut Tx| tx.forget_ended(horizon, BATCH).await;
    // What runs were inside of can be forgotten when those are.
    while app.db.write::<_, StoreError, _>(forget).await? > 0 {}
    Ok(())
}
