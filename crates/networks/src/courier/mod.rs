//! The courier: brings messages to the callbacks of those they are for.
//!
//! Every participant has a lane, in which its messages wait in the order in which they were sent. The courier leases lanes that are
//! due and serves each in a task of its own, one message after another. So the order is kept for each recipient, and one that is slow
//! or gone delays nobody else.
//!
//! - A message is taken out of its lane in the transaction that writes down what came of it. A process that dies in between
//!   leaves it there: it is sent again, with the same `webhook-id`.
//! - A lane's lease is renewed while the process lives. When it dies, its lanes come due for others; on SQLite, where there is
//!   only one process, at its next start.
//! - A lane whose participant cannot be reached is given back, and comes due when it is to be tried again.

mod lane;

use std::{collections::HashMap, sync::Arc, time::Duration};

use rialto_kernel::{Id, OwnerId};
use rialto_outbound::may_have_another;
use rialto_store::{StoreError, Tx};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    model::ParticipantId,
    service::{Inner, Networks},
    store::{LaneStore, Lease},
};

/// A pause after a wake-up, so that those who are sending at the same time wake it once.
const BREATH: Duration = Duration::from_millis(2);
/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Working,
    /// Nothing new is sent.
    Draining,
    /// What is still being sent is given back.
    Cut,
}

/// A courier at work.
pub struct Courier {
    phase: watch::Sender<Phase>,
    work: JoinHandle<()>,
}

impl Networks {
    /// Sets a courier to work, on tasks of the runtime that this is called on.
    #[must_use = "a courier that is dropped stops at once and leaves its lanes to their leases"]
    pub fn start_courier(&self) -> Courier {
        let (phase, watched) = watch::channel(Phase::Working);
        let work = tokio::spawn(work(Arc::clone(&self.inner), watched));
        Courier { phase, work }
    }
}

impl Courier {
    /// Stops: nothing new is sent, what is being sent may be taken for `grace`, and all lanes are given back. Returns when
    /// nothing of this courier runs.
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

/// What a courier has in hand.
struct Round {
    inner: Arc<Inner>,
    lease: Id<Lease>,
    lanes: JoinSet<ParticipantId>,
    /// Whose lanes these are.
    owners: HashMap<ParticipantId, OwnerId>,
}

async fn work(inner: Arc<Inner>, mut phase: watch::Receiver<Phase>) {
    let mut round = Round { inner, lease: Id::new(), lanes: JoinSet::new(), owners: HashMap::new() };
    round.take_over().await;
    // In a set, because that ends its tasks when it is dropped: nobody renews the leases of a courier that is no more.
    let mut renewal = JoinSet::new();
    renewal.spawn(renew(Arc::clone(&round.inner), round.lease));
    while *phase.borrow() == Phase::Working {
        // Hearing begins before the look, so that what is sent in between is not missed.
        let inner = Arc::clone(&round.inner);
        let mut due = std::pin::pin!(inner.due.notified());
        due.as_mut().enable();
        let pause = round.serve_due(&phase).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = async { due.await; tokio::time::sleep(BREATH).await } => {}
            Some(ended) = round.lanes.join_next() => round.forget(ended.ok()),
            _ = phase.wait_for(|phase| *phase != Phase::Working) => {}
        }
    }
    tokio::select! {
        () = async { while round.lanes.join_next().await.is_some() {} } => {}
        () = async { drop(phase.wait_for(|phase| *phase == Phase::Cut).await) } => {}
    }
    round.lanes.shutdown().await;
    renewal.shutdown().await;
    round.free(Some(round.lease)).await;
}

impl Round {
    /// On SQLite no other process serves lanes: those that are leased were a dead one's.
    async fn take_over(&self) {
        if !self.inner.db.is_postgres() {
            self.free(None).await;
        }
    }

    async fn free(&self, lease: Option<Id<Lease>>) {
        let now = self.inner.now();
        let freed = self.inner.db.write(async move |tx: &mut Tx| tx.free_lanes(lease, now).await).await;
        if let Err(error) = freed {
            tracing::warn!(%error, "lanes could not be given back; their leases run out by themselves");
        }
    }

    /// Leases lanes that are due and sets a task to each. Returns after how long to look again.
    async fn serve_due(&mut self, phase: &watch::Receiver<Phase>) -> Duration {
        while let Some(ended) = self.lanes.try_join_next() {
            self.forget(ended.ok());
        }
        let config = &self.inner.config;
        let lanes_max = usize::try_from(config.lanes_max).unwrap_or(usize::MAX);
        let free = u32::try_from(lanes_max.saturating_sub(self.lanes.len())).unwrap_or(0);
        if free == 0 {
            return config.poll;
        }
        match self.lease_some(free).await {
            Ok((leased, more)) => {
                for (id, owner) in leased {
                    self.owners.insert(id, owner);
                    self.lanes.spawn(lane::serve(Arc::clone(&self.inner), id, self.lease, phase.clone()));
                }
                if more { BREATH } else { jittered(self.inner.config.poll) }
            }
            Err(error) => {
                tracing::warn!(%error, "the lanes could not be read; trying again");
                AWAY
            }
        }
    }

    /// Leases lanes that are due, at most `free`, and no more of one owner than it may have. And whether there may be more.
    async fn lease_some(&self, free: u32) -> Result<(Vec<(ParticipantId, OwnerId)>, bool), StoreError> {
        let (now, lease) = (self.inner.now(), self.lease);
        let mut counts: HashMap<OwnerId, u32> = HashMap::new();
        for owner in self.owners.values() {
            *counts.entry(*owner).or_default() += 1;
        }
        let mut left = free;
        let may_have_another = |has: u32, left: u32| may_have_another(has, self.inner.config.lanes_per_owner_max, left);
        let except: Vec<OwnerId> =
            counts.iter().filter(|(_, has)| !may_have_another(**has, left)).map(|(owner, _)| *owner).collect();
        let due = self.inner.db.read(async move |tx: &mut Tx| tx.list_due_lanes(now, &except, free).await).await?;
        let more = u32::try_from(due.len()).is_ok_and(|count| count >= free);
        let mut ids = Vec::new();
        for (id, owner) in due {
            let has = counts.entry(owner).or_default();
            // A lane whose task runs still is due when its lease could not be renewed in time: the task will find that out.
            if may_have_another(*has, left) && !self.owners.contains_key(&id) {
                *has += 1;
                left = left.saturating_sub(1);
                ids.push(id);
            }
        }
        if ids.is_empty() {
            return Ok((Vec::new(), false));
        }
        let until = now.after(self.inner.config.lease);
        let leased = self.inner.db.write(async move |tx: &mut Tx| tx.lease_lanes(&ids, lease, now, until).await).await?;
        Ok((leased, more))
    }

    /// A task that panicked does not say which lane it served: all that no task serves are forgotten when none is left.
    fn forget(&mut self, ended: Option<ParticipantId>) {
        match ended {
            Some(id) => drop(self.owners.remove(&id)),
            None if self.lanes.is_empty() => self.owners.clear(),
            None => {}
        }
    }
}

/// Renews all leases of this courier three times as often as needed, without an end.
async fn renew(inner: Arc<Inner>, lease: Id<Lease>) {
    loop {
        tokio::time::sleep(inner.config.lease / 3).await;
        let until = inner.now().after(inner.config.lease);
        if let Err(error) = inner.db.write(async move |tx: &mut Tx| tx.renew_lanes(lease, until).await).await {
            tracing::warn!(%error, "the leases of lanes could not be renewed; trying again");
        }
    }
}

/// Somewhere around `poll`, so that replicas do not look all at the same moment.
fn jittered(poll: Duration) -> Duration {
    poll.mul_f64(0.75 + fastrand::f64() / 2.0)
}
