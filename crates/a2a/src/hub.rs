//! Who waits for tasks in this process. A word from here is a hint to look; whoever waits looks now and then by itself as well,
//! for the work may be done by another process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::watch;

use crate::model::TaskId;

/// How often one looks that nobody wakes.
const POLL: Duration = Duration::from_millis(700);

/// The bells of all tasks that are waited for.
#[derive(Clone)]
pub(crate) struct Hub {
    bells: Arc<Mutex<HashMap<TaskId, Weak<watch::Sender<()>>>>>,
    closing: Arc<watch::Sender<bool>>,
}

/// The bell of one task, held as long as somebody waits for it.
pub(crate) struct Bell {
    hub: Hub,
    task: TaskId,
    sender: Arc<watch::Sender<()>>,
    rung: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { bells: Arc::default(), closing: Arc::new(watch::channel(false).0) }
    }

    pub(crate) fn bell(&self, task: TaskId) -> Bell {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bells.get(&task).and_then(Weak::upgrade);
        let sender = known.unwrap_or_else(|| {
            let fresh = Arc::new(watch::channel(()).0);
            bells.insert(task, Arc::downgrade(&fresh));
            fresh
        });
        Bell { hub: self.clone(), task, rung: sender.subscribe(), sender, closing: self.closing.subscribe() }
    }

    /// Something happened with a task, and is committed.
    pub(crate) fn ring(&self, task: TaskId) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&task).and_then(Weak::upgrade) {
            bell.send_replace(());
        }
    }

    /// The server goes down: nobody waits any more.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }
}

impl Bell {
    /// Waits until it may be worth a look again: the bell has rung since the last time, or it has been a while. `false` when the
    /// server goes down.
    pub(crate) async fn pause(&mut self) -> bool {
        tokio::select! {
            _ = self.rung.changed() => true,
            () = tokio::time::sleep(POLL) => true,
            _ = self.closing.wait_for(|closing| *closing) => false,
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let mut bells = self.hub.bells.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one who waits takes the bell away.
        if Arc::strong_count(&self.sender) == 1 {
            bells.remove(&self.task);
        }
    }
}
