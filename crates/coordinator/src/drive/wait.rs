//! Waiting for a run to end: told at once in the process that drives it, and by looking again in the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{error::CoordinatorError, model::ExecutionId};

/// How long to wait before looking again, at first and at most. Each wait is twice the one before.
const LOOK_FIRST: Duration = Duration::from_millis(50);
const LOOK_MAX: Duration = Duration::from_millis(800);

#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<ExecutionId, Arc<Notify>>>);

impl Waiters {
    /// Tells whoever waits for this run.
    pub(super) fn tell(&self, id: ExecutionId) {
        if let Some(bell) = self.bells().remove(&id) {
            bell.notify_waiters();
        }
    }

    /// Waits until `ended` says so, at most `patience`. Whether it did.
    pub(super) async fn wait(
        &self,
        id: ExecutionId,
        patience: Duration,
        ended: impl AsyncFn() -> Result<bool, CoordinatorError>,
    ) -> Result<bool, CoordinatorError> {
        let deadline = Instant::now() + patience;
        let bell = Arc::clone(self.bells().entry(id).or_default());
        let _seat = Seat { waiters: self, id, bell: Arc::clone(&bell) };
        let mut pause = LOOK_FIRST;
        loop {
            // Listening begins before the look, so that an end in between is not missed.
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            if ended().await? {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep_until(deadline.min(now + pause)) => pause = (pause * 2).min(LOOK_MAX),
            }
        }
    }

    fn bells(&self) -> std::sync::MutexGuard<'_, HashMap<ExecutionId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits; the last one to go takes the bell away.
struct Seat<'w> {
    waiters: &'w Waiters,
    id: ExecutionId,
    bell: Arc<Notify>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut bells = self.waiters.bells();
        // One is in the map, one here, and one in the wait that ends.
        if bells.get(&self.id).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell) && Arc::strong_count(bell) <= 3) {
            bells.remove(&self.id);
        }
    }
}
