//! The courier: sends what waits in lanes.
//!
//! It leases lanes that are due and serves each in a task of its own, for a turn at most. So a webhook whose server is slow or gone
//! delays nobody else's, and many of them have their turns one after another.
//!
//! - A delivery is settled in the transaction that writes down the attempt. A process that dies in between leaves it pending: it is
//!   sent again, with the same `webhook-id`.
//! - A lane's lease is renewed while the process lives. When it dies, its lanes come due for others; on SQLite, where there is
//!   only one process, at its next start.

mod lane;
mod send;

use std::{collections::HashMap, sync::Arc, time::Duration};

use rialto_kernel::{Id, OwnerId};
use rialto_outbound::may_have_another;
use rialto_store::{StoreError, Tx};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    model::WebhookId,
    service::{Inner, Phase},
    store::{LaneStore, Lease},
};

/// A pause after a wake-up, so that those who are queueing at the same time wake it once.
const BREATH: Duration = Duration::from_millis(2);
/// How long to wait before a database is asked again that could not answer.
const AWAY: Duration = Duration::from_secs(1);

/// What a courier has in hand.
struct Round {
    inner: Arc<Inner>,
    lease: Id<Lease>,
    lanes: JoinSet<WebhookId>,
    /// Whose lanes these are.
    owners: HashMap<WebhookId, OwnerId>,
}

/// Runs until it is told to stop.
pub(crate) async fn run(inner: Arc<Inner>, mut phase: watch::Receiver<Phase>) {
    let mut round = Round { inner, lease: Id::new(), lanes: JoinSet::new(), owners: HashMap::new() };
    round.take_over().await;
    // In a set, because that ends its tasks when it is dropped: nobody renews the leases of a courier that is no more.
    let mut renewal = JoinSet::new();
    renewal.spawn(renew(Arc::clone(&round.inner), round.lease));
    while *phase.borrow() == Phase::Working {
        // Hearing begins before the look, so that what is queued in between is not missed.
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
            tracing::warn!(%error, "lanes of webhooks could not be given back; their leases run out by themselves");
        }
    }

    /// Leases lanes that are due and sets a task to each. Returns after how long to look again.
    async fn serve_due(&mut self, phase: &watch::Receiver<Phase>) -> Duration {
        while let Some(ended) = self.lanes.try_join_next() {
            self.forget(ended.ok());
        }
        let taken = u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        let free = self.inner.config.lanes_max.saturating_sub(taken);
        if free == 0 {
            return self.inner.config.poll;
        }
        match self.lease_some(free).await {
            Ok((leased, pause)) => {
                for (id, owner) in leased {
                    self.owners.insert(id, owner);
                    self.lanes.spawn(lane::serve(Arc::clone(&self.inner), id, self.lease, phase.clone()));
                }
                pause
            }
            Err(error) => {
                tracing::warn!(%error, "the lanes of webhooks could not be read; trying again");
                AWAY
            }
        }
    }

    /// Leases lanes that are due, at most `free`, and no more of one owner than it may have. And after how long to look again.
    async fn lease_some(&self, free: u32) -> Result<(Vec<(WebhookId, OwnerId)>, Duration), StoreError> {
        let (now, lease, config) = (self.inner.now(), self.lease, &self.inner.config);
        let mut counts: HashMap<OwnerId, u32> = HashMap::new();
        for owner in self.owners.values() {
            *counts.entry(*owner).or_default() += 1;
        }
        let mut left = free;
        let may_have_another = |has: u32, left: u32| may_have_another(has, config.lanes_per_owner_max, left);
        let except: Vec<OwnerId> =
            counts.iter().filter(|(_, has)| !may_have_another(**has, left)).map(|(owner, _)| *owner).collect();
        // One more than there is room for: when it is due tells when to look again.
        let found = self.inner.db.read(async move |tx: &mut Tx| tx.list_lanes(&except, free.saturating_add(1)).await).await?;
        let mut pause = jittered(config.poll);
        let mut ids = Vec::new();
        for (id, owner, due_at) in found {
            if due_at > now {
                pause = pause.min(due_at.since(now));
                break;
            }
            let has = counts.entry(owner).or_default();
            // A lane whose task runs still is due when its lease could not be renewed in time: the task will find that out.
            if may_have_another(*has, left) && !self.owners.contains_key(&id) {
                *has += 1;
                left = left.saturating_sub(1);
                ids.push(id);
            }
        }
        if ids.is_empty() {
            return Ok((Vec::new(), pause));
        }
        let until = now.after(config.lease);
        let leased = self.inner.db.write(async move |tx: &mut Tx| tx.lease_lanes(&ids, lease, now, until).await).await?;
        Ok((leased, pause))
    }

    /// A task that panicked does not say which lane it served: all that no task serves are forgotten when none is left.
    fn forget(&mut self, ended: Option<WebhookId>) {
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
            tracing::warn!(%error, "the leases of webhooks could not be renewed; trying again");
        }
    }
}

/// Somewhere around `poll`, so that replicas do not look all at the same moment.
fn jittered(poll: Duration) -> Duration {
    poll.mul_f64(0.75 + fastrand::f64() / 2.0)
}
