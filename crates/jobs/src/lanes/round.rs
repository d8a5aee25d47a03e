//! What a courier does: leasing lanes, round after round, and renewing what is leased.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rialto_kernel::{Id, OwnerId, limits::may_have_another};
use rialto_store::{StoreError, Tx};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{Hold, Lanes, Lease, Phase, jittered};

/// A pause after a wake-up, so that those who are queueing at the same time wake it once.
const BREATH: Duration = Duration::from_millis(2);
/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);

/// What a courier has in hand.
struct Round<L: Lanes> {
    lanes: Arc<L>,
    lease: Id<Lease>,
    tasks: JoinSet<L::Key>,
    /// Whose lanes these are.
    owners: HashMap<L::Key, OwnerId>,
}

/// Held by a task while it serves a lane, however it ends.
struct Serving<L: Lanes> {
    lanes: Arc<L>,
    key: L::Key,
    roused: Arc<Notify>,
}

impl<L: Lanes> Serving<L> {
    fn begin(lanes: &Arc<L>, key: L::Key) -> Self {
        let roused = Arc::new(Notify::new());
        lanes.desk().served().insert(key, Arc::clone(&roused));
        Self { lanes: Arc::clone(lanes), key, roused }
    }
}

impl<L: Lanes> Drop for Serving<L> {
    fn drop(&mut self) {
        let mut served = self.lanes.desk().served();
        // Its lease may have ended, and the lane be another task's by now.
        if served.get(&self.key).is_some_and(|roused| Arc::ptr_eq(roused, &self.roused)) {
            served.remove(&self.key);
        }
    }
}

/// Runs until it is told to stop.
pub(super) async fn run<L: Lanes>(lanes: Arc<L>, mut phase: watch::Receiver<Phase>) {
    let mut round = Round { lanes, lease: Id::new(), tasks: JoinSet::new(), owners: HashMap::new() };
    round.take_over().await;
    // In a set, because that ends its tasks when it is dropped: nobody renews the leases of a courier that is no more.
    let mut renewal = JoinSet::new();
    renewal.spawn(renew(Arc::clone(&round.lanes), round.lease));
    while *phase.borrow() == Phase::Working {
        // Hearing begins before the look, so that what is queued in between is not missed.
        let lanes = Arc::clone(&round.lanes);
        let mut due = std::pin::pin!(lanes.desk().due.notified());
        due.as_mut().enable();
        let pause = round.serve_due(&phase).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = async { due.await; tokio::time::sleep(BREATH).await } => {}
            Some(ended) = round.tasks.join_next() => round.forget(ended.ok()),
            _ = phase.wait_for(|phase| *phase != Phase::Working) => {}
        }
    }
    tokio::select! {
        () = async { while round.tasks.join_next().await.is_some() {} } => {}
        () = async { drop(phase.wait_for(|phase| *phase == Phase::Cut).await) } => {}
    }
    round.tasks.shutdown().await;
    renewal.shutdown().await;
    round.free(Some(round.lease)).await;
}

impl<L: Lanes> Round<L> {
    /// On SQLite no other process serves lanes: those that are leased were a dead one's.
    async fn take_over(&self) {
        if !self.lanes.db().is_postgres() {
            self.free(None).await;
        }
    }

    async fn free(&self, lease: Option<Id<Lease>>) {
        let now = self.lanes.clock().now();
        let freed = self.lanes.db().write(async move |tx: &mut Tx| L::free(tx, lease, now).await).await;
        if let Err(error) = freed {
            tracing::warn!(%error, lanes = L::NAME, "lanes could not be given back; their leases run out by themselves");
        }
    }

    /// Leases lanes that are due and sets a task to each. Returns after how long to look again.
    async fn serve_due(&mut self, phase: &watch::Receiver<Phase>) -> Duration {
        while let Some(ended) = self.tasks.try_join_next() {
            self.forget(ended.ok());
        }
        let (config, taken) = (self.lanes.config(), u32::try_from(self.tasks.len()).unwrap_or(u32::MAX));
        let free = config.lanes_max.saturating_sub(taken);
        if free == 0 {
            self.lanes.desk().set_crowded(true);
            return config.poll;
        }
        match self.lease_some(free).await {
            Ok((leased, pause)) => {
                for (key, owner) in leased {
                    self.owners.insert(key, owner);
                    self.spawn(key, phase.clone());
                }
                pause
            }
            Err(error) => {
                tracing::warn!(%error, lanes = L::NAME, "lanes could not be read; trying again");
                AWAY
            }
        }
    }

    fn spawn(&mut self, key: L::Key, phase: watch::Receiver<Phase>) {
        let serving = Serving::begin(&self.lanes, key);
        let roused = Arc::clone(&serving.roused);
        let work = Arc::clone(&self.lanes).serve(Hold { key, lease: self.lease, phase, roused });
        self.tasks.spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!(lanes = L::NAME, lane = %key, "the task of a lane has panicked; its lease runs out by itself");
            }
            drop(serving);
            key
        });
    }

    /// Leases lanes that are due, at most `free`, and no more of one owner than it may have. And after how long to look again.
    async fn lease_some(&self, free: u32) -> Result<(Vec<(L::Key, OwnerId)>, Duration), StoreError> {
        let (now, lease, config) = (self.lanes.clock().now(), self.lease, self.lanes.config());
        let mut counts: HashMap<OwnerId, u32> = HashMap::new();
        for owner in self.owners.values() {
            *counts.entry(*owner).or_default() += 1;
        }
        let mut left = free;
        let may_have_another = |has: u32, left: u32| may_have_another(has, config.lanes_per_owner_max, left);
        let except: Vec<OwnerId> =
            counts.iter().filter(|(_, has)| !may_have_another(**has, left)).map(|(owner, _)| *owner).collect();
        let mut crowded = !except.is_empty();
        // One more than there is room for: when it is due tells when to look again.
        let list = async move |tx: &mut Tx| L::list(tx, &except, free.saturating_add(1)).await;
        let found = self.lanes.db().read(list).await?;
        let mut pause = jittered(config.poll);
        let mut keys = Vec::new();
        for (key, owner, due_at) in found {
            if due_at > now {
                pause = pause.min(due_at.since(now));
                break;
            }
            // A lane whose task runs still is due when its lease could not be renewed in time: the task will find that out.
            if self.owners.contains_key(&key) {
                continue;
            }
            let has = counts.entry(owner).or_default();
            if may_have_another(*has, left) {
                *has += 1;
                left = left.saturating_sub(1);
                keys.push(key);
            } else {
                crowded = true;
            }
        }
        self.lanes.desk().set_crowded(crowded);
        if keys.is_empty() {
            return Ok((Vec::new(), pause));
        }
        let until = now.after(config.lease);
        let leased = self.lanes.db().write(async move |tx: &mut Tx| L::lease(tx, &keys, lease, now, until).await).await?;
        Ok((leased, pause))
    }

    /// A task that was cut off does not say which lane it served: all that no task serves are forgotten when none is left.
    fn forget(&mut self, ended: Option<L::Key>) {
        match ended {
            Some(key) => drop(self.owners.remove(&key)),
            None if self.tasks.is_empty() => self.owners.clear(),
            None => {}
        }
    }
}

/// Renews the leases of the lanes that are served, three times as often as needed, without an end.
async fn renew<L: Lanes>(lanes: Arc<L>, lease: Id<Lease>) {
    loop {
        let lease_for = lanes.config().lease;
        tokio::time::sleep(lease_for / 3).await;
        let keys: Vec<L::Key> = lanes.desk().served().keys().copied().collect();
        if keys.is_empty() {
            continue;
        }
        let until = lanes.clock().now().after(lease_for);
        let renewed = lanes.db().write(async move |tx: &mut Tx| L::renew(tx, &keys, lease, until).await).await;
        if let Err(error) = renewed {
            tracing::warn!(%error, lanes = L::NAME, "the leases of lanes could not be renewed; trying again");
        }
    }
}
