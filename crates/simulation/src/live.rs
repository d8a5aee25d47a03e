//! Runs that people watch: one at a time for all servers, a tick every interval.

use std::{sync::Arc, time::Duration};

use rialto_kernel::Clock;
use rialto_store::{Db, StoreError, Tx};
use tokio::{
    sync::{Notify, watch},
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    advance::{Advanced, advance, give_up},
    error::SimulationError,
    record::Recorded,
    run::{ProcessId, Run, RunId},
    store::SimulationStore,
    world::World,
};

/// How long to wait before the database is asked again that was away.
const AWAY: Duration = Duration::from_millis(250);
/// How often this process looks for a run of its own that nobody told it of.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Why a run ended with its server.
const SHUT_DOWN: &str = "The server that ran it was shut down.";

/// Runs simulations in this process. Cheap to clone.
///
/// Whoever starts a run writes it into the database with [`Simulator::process`] as its holder ([`crate::start`]), and calls
/// [`Simulator::wake`] after the commit. Each tick is computed in memory, apart from the runtime's threads, and is written in one
/// transaction with its events and a renewed lease. A run that is not the holder's any more, because somebody stopped it, on
/// whichever server, ends here by the next tick at the latest.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
    task: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

struct Shared {
    db: Db,
    clock: Clock,
    process: ProcessId,
    wake: Notify,
}

/// How the ticks of a run came to an end.
enum End {
    /// It has been written.
    Written,
    /// It is to be written: why it cannot go on.
    Because(String),
}

/// What came before the next tick was due.
enum Pause {
    /// The server goes down.
    Closing,
    /// A run was started or stopped.
    Woken,
}

impl Simulator {
    /// A simulator over a database whose schema is up to date. Call it within a tokio runtime.
    #[must_use]
    pub fn start(db: Db, clock: Clock) -> Self {
        let shared = Arc::new(Shared { db, clock, process: ProcessId::new(), wake: Notify::new() });
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&shared).serve(closed));
        Self { shared, closing, task: Arc::new(std::sync::Mutex::new(Some(task))) }
    }

    /// The holder of the runs that this process is to run.
    #[must_use]
    pub fn process(&self) -> ProcessId {
        self.shared.process
    }

    /// A run has been started, or stopped, by this process: look.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Ends the run of this process, with the reason that it is shut down, and waits for that.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let task = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the simulator ended badly");
        }
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, mut closing: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = self.wake.notified() => {}
                // A run may have been started without anybody having said so: whoever asked for it was gone by then.
                () = sleep(LOOK_EVERY) => {}
            }
            match self.held().await {
                Ok(Some(run)) => self.run(run, &mut closing).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a simulation cannot be taken up; trying again");
                    sleep(AWAY).await;
                    self.wake.notify_one();
                }
            }
        }
    }

    async fn held(&self) -> Result<Option<Run>, StoreError> {
        let process = self.process;
        self.db.read(async move |tx: &mut Tx| tx.find_held(process).await).await
    }

    /// Runs a run to its end.
    async fn run(&self, run: Run, closing: &mut watch::Receiver<bool>) {
        let id = run.id;
        tracing::info!(run.id = %id, scenario = run.config.scenario.as_str(), seed = run.config.seed, "a simulation begins");
        let End::Because(why) = self.ticks(run, closing).await else {
            tracing::info!(run.id = %id, "a simulation has ended");
            return;
        };
        tracing::warn!(run.id = %id, why, "a simulation cannot go on");
        let (process, now) = (self.process, self.clock.now());
        let write = async move |tx: &mut Tx| give_up(tx, id, process, &why, now).await;
        if let Err(error) = self.db.write(write).await {
            // Its lease will be over, and then it is ended by whoever looks.
            tracing::error!(%error, run.id = %id, "that a simulation has ended could not be written");
        }
    }

    async fn ticks(&self, run: Run, closing: &mut watch::Receiver<bool>) -> End {
        let interval = Duration::from_millis(run.config.interval_ms.into());
        let mut world = match World::new(run.config) {
            Ok(world) => world,
            Err(error) => return End::Because(error.to_string()),
        };
        let mut due = Instant::now();
        loop {
            let done;
            (world, done) = match spawn_blocking(move || tick(world)).await {
                Ok((world, Ok(done))) => (world, done),
                Ok((_, Err(error))) => return End::Because(error.to_string()),
                Err(panic) => return End::Because(format!("a tick ended badly: {panic}")),
            };
            match self.write(run.id, &run, done).await {
                Ok(Advanced::Going) => {}
                Ok(Advanced::Completed | Advanced::Gone) => return End::Written,
                Err(error) => return End::Because(format!("a tick could not be written: {error}")),
            }
            // A tick that took longer than its interval delays those behind it, and does not make them hurry.
            due = (due + interval).max(Instant::now());
            while let Some(end) = self.pause(due, closing).await {
                match end {
                    Pause::Closing => return End::Because(SHUT_DOWN.to_owned()),
                    Pause::Woken if self.is_over(run.id).await => {
                        // Another one may have been started since.
                        self.wake.notify_one();
                        return End::Written;
                    }
                    Pause::Woken => {}
                }
            }
        }
    }

    /// Waits for the next tick, unless something else comes first.
    async fn pause(&self, due: Instant, closing: &mut watch::Receiver<bool>) -> Option<Pause> {
        tokio::select! {
            _ = closing.wait_for(|closing| *closing) => Some(Pause::Closing),
            () = sleep_until(due) => None,
            () = self.wake.notified() => Some(Pause::Woken),
        }
    }

    /// Whether a run is known not to be this process's any more.
    async fn is_over(&self, id: RunId) -> bool {
        self.held().await.is_ok_and(|held| held.is_none_or(|run| run.id != id))
    }

    /// Writes a tick, again and again while the database is away and the lease is not over.
    async fn write(&self, id: RunId, run: &Run, done: Recorded) -> Result<Advanced, SimulationError> {
        let lease = Duration::from_millis(u64::from(crate::run::LEASE_MS) + u64::from(run.config.interval_ms));
        let late = Instant::now() + lease;
        let done = Arc::new(done);
        loop {
            let (process, now, tick) = (self.process, self.clock.now(), Arc::clone(&done));
            match self.db.write(async move |tx: &mut Tx| advance(tx, id, process, &tick, now).await).await {
                Err(SimulationError::Store(error)) if error.is_passing() && Instant::now() < late => {
                    tracing::warn!(%error, "a tick of a simulation cannot be written; trying again");
                    sleep(AWAY).await;
                }
                done => return done,
            }
        }
    }
}

fn tick(mut world: World) -> (World, Result<Recorded, SimulationError>) {
    let done = world.step().map(|tick| Recorded::of(&world, tick));
    (world, done)
}
