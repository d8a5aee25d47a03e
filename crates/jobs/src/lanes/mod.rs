//! Lanes: queues that have an order, each served by one worker at a time.
//!
//! A [`Courier`] leases lanes that are due and serves each in a task of its own. So a lane whose work is slow delays no other, and
//! no few owners take all places ([`may_have_another`]).
//!
//! - Where lanes are kept, and what is done in one, is the domain's: it implements [`Lanes`].
//! - The leases of lanes that tasks serve are renewed, and of no others. When a process dies, or a task could not give its lane back,
//!   the lease ends and the lane comes due; on SQLite, where there is only one process, also at its next start.
//! - A [`Desk`] tells the courier, and the task that serves a lane, that there is something to do. It only makes things sooner: all
//!   of it is found without it, one [`LanesConfig::poll`] later.

mod round;

use std::{
    collections::HashMap,
    fmt::Display,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rialto_kernel::{Clock, Id, OwnerId, Timestamp};
use rialto_store::{Db, StoreError, Tx};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// The noun that the leases of couriers name.
pub enum Lease {}

/// What a courier may take.
#[derive(Debug, Clone, Copy)]
pub struct LanesConfig {
    /// How many lanes are served at once.
    pub lanes_max: u32,
    /// How many lanes of one owner are served at once.
    pub lanes_per_owner_max: u32,
    /// For how long a courier that says nothing is believed to live.
    pub lease: Duration,
    /// How often it is looked for what other processes have done when nothing wakes the courier.
    pub poll: Duration,
}

/// Lanes of one kind: where they are kept, and what is done in one.
pub trait Lanes: Send + Sync + 'static {
    /// What a lane is called by.
    type Key: Copy + Eq + Hash + Display + Send + Sync + 'static;
    /// What they are, in logs.
    const NAME: &'static str;

    /// Where they are kept.
    fn db(&self) -> &Db;
    /// The time.
    fn clock(&self) -> &Clock;
    /// What a courier may take.
    fn config(&self) -> LanesConfig;
    /// Where it is told that there is something to do.
    fn desk(&self) -> &Desk<Self::Key>;

    /// Lanes in which something waits, by when they are due, except those of some owners. Leased ones are due when the lease ends.
    fn list(
        tx: &mut Tx,
        except: &[OwnerId],
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Self::Key, OwnerId, Timestamp)>, StoreError>> + Send;
    /// Leases those of these lanes that are due and that nobody else is leasing at this moment.
    fn lease(
        tx: &mut Tx,
        keys: &[Self::Key],
        lease: Id<Lease>,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<(Self::Key, OwnerId)>, StoreError>> + Send;
    /// Renews those of these leases that are this courier's still, also such as have ended by the clock and that nobody has taken;
    /// gives how many. It waits for nobody who is writing to one of the lanes: that one is renewed the next time.
    fn renew(
        tx: &mut Tx,
        keys: &[Self::Key],
        lease: Id<Lease>,
        until: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
    /// Gives lanes back: those of one courier, or all.
    fn free(tx: &mut Tx, lease: Option<Id<Lease>>, now: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Serves a leased lane. Whatever is not done when this ends is in the lane still.
    fn serve(self: Arc<Self>, hold: Hold<Self::Key>) -> impl Future<Output = ()> + Send;
}

/// A lane that is leased, for the task that serves it.
pub struct Hold<K> {
    /// Which.
    pub key: K,
    /// By which courier.
    pub lease: Id<Lease>,
    /// How far a stop has come.
    pub phase: watch::Receiver<Phase>,
    /// Wakes when something is put into this lane by this process.
    pub roused: Arc<Notify>,
}

impl<K> Hold<K> {
    /// Whether nothing new may be begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.phase.borrow() != Phase::Working
    }
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun.
    Working,
    /// Nothing new is begun.
    Draining,
    /// What is still being done is given back.
    Cut,
}

/// Where couriers of this process hear that there is something to do.
pub struct Desk<K> {
    due: Notify,
    /// The lanes that tasks serve at this moment, whose leases are renewed.
    served: Mutex<HashMap<K, Arc<Notify>>>,
    crowded: AtomicBool,
}

impl<K> Default for Desk<K> {
    fn default() -> Self {
        Self { due: Notify::new(), served: Mutex::default(), crowded: AtomicBool::new(false) }
    }
}

impl<K: Copy + Eq + Hash> Desk<K> {
    /// Says that some lane has become due. To be called when the transaction has committed.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Says that something was put into this lane. To be called when the transaction has committed.
    pub fn rouse(&self, key: K) {
        let served = self.served().get(&key).cloned();
        match served {
            Some(task) => task.notify_one(),
            None => self.due.notify_one(),
        }
    }

    /// Whether lanes wait for a place: whoever has served one for long makes room.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    fn set_crowded(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Relaxed);
    }

    fn served(&self) -> MutexGuard<'_, HashMap<K, Arc<Notify>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A courier at work.
pub struct Courier {
    phase: watch::Sender<Phase>,
    work: JoinHandle<()>,
}

impl Courier {
    /// Sets a courier to work, on tasks of the runtime that this is called on.
    #[must_use = "a courier that is dropped stops at once and leaves its lanes to their leases"]
    pub fn start<L: Lanes>(lanes: Arc<L>) -> Self {
        let (phase, watched) = watch::channel(Phase::Working);
        Self { phase, work: tokio::spawn(round::run(lanes, watched)) }
    }

    /// Stops: nothing new is begun, what is being done may take for `grace`, and all lanes are given back. Returns when nothing of
    /// this courier runs.
    pub async fn stop(mut self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        if tokio::time::timeout(grace, &mut self.work).await.is_err() {
            self.phase.send_replace(Phase::Cut);
            let _ = (&mut self.work).await;
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Somewhere around `poll`, so that replicas do not look all at the same moment.
#[must_use]
pub fn jittered(poll: Duration) -> Duration {
    poll.mul_f64(0.75 + fastrand::f64() / 2.0)
}
