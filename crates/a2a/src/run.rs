//! Working on a task, and saying so as long as it lasts.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use rialto_kernel::Caller;
use rialto_store::{StoreError, Tx};

use crate::{
    executor::{Update, Work},
    model::{Ended, StoredTask, TaskId},
    service::{Inner, LEASE, RENEW_EVERY, lease},
    store::TaskStore,
    task,
    wire::{TaskState, params::Send, types::Artifact},
};

/// How many updates are taken at once: what comes faster than it can be kept is kept together.
const UPDATES_MAX: usize = 256;

/// Says every few seconds that this process works on its tasks, as long as the service lives.
pub(crate) fn keep_leases(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    inner.runtime.spawn(async move {
        while let Some(()) = renew(&weak).await {
            tokio::time::sleep(RENEW_EVERY).await;
        }
    });
}

async fn renew(weak: &Weak<Inner>) -> Option<()> {
    let inner = weak.upgrade()?;
    if inner.running.load(Ordering::SeqCst) > 0 {
        let (runner, until) = (inner.runner, lease(inner.clock.now()));
        let renewed = inner.db.write::<_, StoreError, _>(async move |tx: &mut Tx| tx.renew_leases(runner, until).await).await;
        if let Err(error) = renewed {
            tracing::warn!(%error, "the leases of tasks could not be renewed; trying again");
        }
    }
    Some(())
}

/// Has a task worked on.
pub(crate) fn spawn(inner: &Arc<Inner>, task: &StoredTask, caller: Caller, send: Send) {
    let (inner, id) = (Arc::clone(inner), task.id);
    inner.running.fetch_add(1, Ordering::SeqCst);
    let counted = Counted(Arc::clone(&inner));
    let begun = tokio::time::Instant::now();
    let work = Work { task: id, caller, agent: task.agent, message: send.message, metadata: send.metadata };
    let runtime = inner.runtime.clone();
    runtime.spawn(async move {
        let _counted = counted;
        // A process that stood still for so long may have been given up: its task is somebody else's to end.
        if begun.elapsed() < LEASE / 2 {
            work_on(&inner, id, work).await;
        }
    });
}

struct Counted(Arc<Inner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn work_on(inner: &Inner, id: TaskId, work: Work) {
    let mut updates = inner.executor.start(work);
    let mut taken = Vec::new();
    while updates.recv_many(&mut taken, UPDATES_MAX).await > 0 {
        for update in together(std::mem::take(&mut taken)) {
            match update {
                Update::Made { artifact, append, last_chunk } => {
                    if !keep(inner, id, artifact, append, last_chunk).await {
                        return;
                    }
                }
                Update::Ended(ended) => return conclude(inner, id, ended).await,
            }
        }
    }
    conclude(inner, id, Ended::saying(TaskState::Failed, "The work was interrupted")).await;
}

/// Pieces of one artifact that came together are one piece.
fn together(updates: Vec<Update>) -> Vec<Update> {
    let mut joined: Vec<Update> = Vec::with_capacity(updates.len());
    for update in updates {
        match (joined.last_mut(), update) {
            (
                Some(Update::Made { artifact, last_chunk, .. }),
                Update::Made { artifact: more, append: true, last_chunk: is_last },
            ) if artifact.artifact_id == more.artifact_id => {
                artifact.parts.extend(more.parts);
                *last_chunk = is_last;
            }
            (_, update) => joined.push(update),
        }
    }
    joined
}

/// Whether the task is still ours.
async fn keep(inner: &Inner, id: TaskId, artifact: Artifact, append: bool, last_chunk: bool) -> bool {
    let (runner, artifact, mut patience) = (inner.runner, Arc::new(artifact), Patience::default());
    let kept = loop {
        let (now, artifact) = (inner.clock.now(), Arc::clone(&artifact));
        let work = async move |tx: &mut Tx| task::artifact(tx, id, runner, &artifact, append, last_chunk, now).await;
        match inner.db.write(work).await {
            Ok(kept) => break kept,
            Err(error) if patience.lasts(&error).await => {}
            Err(error) => {
                tracing::error!(%error, task.id = %id, "what a task made could not be written");
                break false;
            }
        }
    };
    inner.hub.ring(id);
    kept
}

async fn conclude(inner: &Inner, id: TaskId, ended: Ended) {
    let (runner, ended, mut patience) = (inner.runner, Arc::new(ended), Patience::default());
    loop {
        let (now, ended) = (inner.clock.now(), Arc::clone(&ended));
        match inner.db.write(async move |tx: &mut Tx| task::end(tx, id, runner, &ended, now).await).await {
            Ok(_) => break,
            Err(error) if patience.lasts(&error).await => {}
            Err(error) => {
                // Its lease runs out, and whoever sweeps finds out how the work ended.
                tracing::error!(%error, task.id = %id, "the end of a task could not be written");
                break;
            }
        }
    }
    inner.hub.ring(id);
}

/// How often something is tried that the database was not able to do.
struct Patience {
    left: u32,
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { left: 8, pause: Duration::from_millis(50) }
    }
}

impl Patience {
    /// Waits a little, if the failure was one of the moment and there is patience left. Whether to try again.
    async fn lasts(&mut self, error: &StoreError) -> bool {
        if !error.is_passing() || self.left == 0 {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.left -= 1;
        self.pause *= 2;
        true
    }
}
