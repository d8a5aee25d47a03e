//! The worker: leases what is due and runs a bounded number of jobs at once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rialto_kernel::Clock;
use rialto_store::{Db, StoreError, Tx};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Failure, Job, RetryPolicy,
    attempt::{Handler, attempt},
    queue::{self, CHANNEL, Leased, Terms, WAKE},
};

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOptions {
    /// How many jobs run at once.
    pub concurrency: usize,
    /// For how long a job is leased. The lease of a running job is renewed; that of a worker that died runs out.
    pub lease: Duration,
    /// How often the queue is looked at when nothing wakes the worker.
    pub poll: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self { concurrency: 4, lease: Duration::from_secs(60), poll: Duration::from_secs(1) }
    }
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Working,
    /// Nothing new is leased.
    Draining,
    /// What still runs is given back.
    Cut,
}

pub(crate) struct Shared {
    pub db: Db,
    pub clock: Clock,
    pub options: WorkerOptions,
}

/// A worker that is being put together. [`Worker::start`] sets it to work.
pub struct Worker {
    shared: Shared,
    handlers: BTreeMap<&'static str, Handler>,
}

impl Worker {
    /// A worker that knows no job yet.
    #[must_use]
    pub const fn new(db: Db, clock: Clock, options: WorkerOptions) -> Self {
        Self { shared: Shared { db, clock, options }, handlers: BTreeMap::new() }
    }

    /// Runs jobs of this kind, each with `context`.
    #[must_use]
    pub fn job<J: Job>(mut self, context: Arc<J::Context>) -> Self {
        let run = move |payload| {
            let context = Arc::clone(&context);
            async move {
                let job: J = serde_json::from_value(payload)?;
                job.run(&context).await
            }
            .boxed()
        };
        let terms = Terms { retry: J::RETRY, period: None };
        self.handlers.insert(J::NAME, Handler { run: Arc::new(run), time_max: J::TIME_MAX, terms });
        self
    }

    /// Runs `task` once a `period`, once for all replicas: first soon after the start, then one period after each end.
    ///
    /// A failed run is tried again sooner, with growing waits up to the period. A period may change between versions;
    /// a name may not, or the old one stays in the queue for ever.
    #[must_use]
    pub fn every<F, R>(mut self, name: &'static str, period: Duration, task: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let terms = Terms { retry: RetryPolicy::DEFAULT, period: Some(period) };
        let time_max = Duration::from_secs(10 * 60);
        self.handlers.insert(name, Handler { run: Arc::new(move |_| task().boxed()), time_max, terms });
        self
    }

    /// Sets the worker to work, on tasks of the runtime that this is called on.
    #[must_use = "a worker that is dropped stops at once and leaves its jobs to their leases"]
    pub fn start(self) -> Running {
        let (phase, watched) = watch::channel(Phase::Working);
        let shared = Arc::new(self.shared);
        let ears = tokio::spawn(hear_others(shared.db.clone(), shared.options.poll));
        let work = tokio::spawn(work(shared, self.handlers, watched));
        Running { phase, work, ears }
    }
}

/// A worker at work.
pub struct Running {
    phase: watch::Sender<Phase>,
    work: JoinHandle<()>,
    ears: JoinHandle<()>,
}

impl Running {
    /// Stops: nothing new is leased, what runs may go on for `grace`, and what runs still then is given back to the
    /// queue, to be run again by another worker. Returns when nothing of this worker runs.
    pub async fn stop(mut self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        if tokio::time::timeout(grace, &mut self.work).await.is_err() {
            self.phase.send_replace(Phase::Cut);
            let _ = (&mut self.work).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
        self.ears.abort();
    }
}

async fn work(shared: Arc<Shared>, handlers: BTreeMap<&'static str, Handler>, phase: watch::Receiver<Phase>) {
    // Owned names: a closure for `Db::write` that captures a `&'static str` makes a future that the compiler cannot prove
    // to be `Send` (rust-lang/rust#64552).
    let terms: Arc<[(String, Terms)]> = handlers.iter().map(|(name, handler)| ((*name).to_owned(), handler.terms)).collect();
    let mut scheduled = false;
    let mut running = JoinSet::new();
    let mut stopping = phase.clone();
    while *phase.borrow() == Phase::Working {
        // Listening begins before the look at the queue, so that what is enqueued in between is not missed.
        let mut woken = std::pin::pin!(WAKE.notified());
        woken.as_mut().enable();
        scheduled = scheduled || ensure_schedules(&shared, &terms).await;
        let free = shared.options.concurrency.saturating_sub(running.len());
        let leased = lease_some(&shared, &terms, free).await;
        for job in leased {
            if let Some(handler) = handlers.get(job.name.as_str()) {
                running.spawn(attempt(Arc::clone(&shared), job, handler.clone(), phase.clone()));
            }
        }
        let room = running.len() < shared.options.concurrency;
        tokio::select! {
            () = tokio::time::sleep(jittered(shared.options.poll)), if room => {}
            () = woken, if room => {}
            Some(_) = running.join_next() => {}
            Ok(_) = stopping.wait_for(|phase| *phase != Phase::Working) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Somewhere around `poll`, so that replicas do not look all at the same moment.
fn jittered(poll: Duration) -> Duration {
    poll.mul_f64(0.75 + fastrand::f64() / 2.0)
}

async fn lease_some(shared: &Shared, terms: &Arc<[(String, Terms)]>, free: usize) -> Vec<Leased> {
    if free == 0 {
        return Vec::new();
    }
    let terms = Arc::clone(terms);
    let now = shared.clock.now();
    let until = now.after(shared.options.lease);
    let leased = shared.db.write(async move |tx: &mut Tx| queue::lease(tx, &terms, free, now, until).await).await;
    leased.unwrap_or_else(|error| {
        tracing::warn!(%error, "the job queue could not be read; trying again");
        Vec::new()
    })
}

/// Returns whether all schedules are in the queue now.
async fn ensure_schedules(shared: &Shared, terms: &Arc<[(String, Terms)]>) -> bool {
    let terms = Arc::clone(terms);
    let now = shared.clock.now();
    let ensured = shared.db.write(async move |tx: &mut Tx| {
        for (name, terms) in &*terms {
            if terms.period.is_some() {
                queue::ensure_schedule(tx, name, now).await?;
            }
        }
        Ok::<_, StoreError>(())
    });
    ensured.await.inspect_err(|error| tracing::warn!(%error, "the schedules could not be written; trying again")).is_ok()
}

/// Wakes the workers of this process when a job is enqueued anywhere. Without it they still poll.
async fn hear_others(db: Db, patience: Duration) {
    loop {
        match db.listen(CHANNEL).await {
            Ok(None) => return,
            Ok(Some(mut listener)) => {
                // What was enqueued before the connection stood was not heard.
                WAKE.notify_waiters();
                while listener.heard().await {
                    WAKE.notify_waiters();
                }
                tracing::debug!("the connection that hears of new jobs broke; connecting again");
            }
            Err(error) => tracing::debug!(%error, "cannot hear of new jobs; polling, and trying again"),
        }
        tokio::time::sleep(jittered(patience * 5)).await;
    }
}
