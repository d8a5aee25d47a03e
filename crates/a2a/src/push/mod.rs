//! Push notifications: a client's server is told of each event of a task, in order, at least once.
//!
//! One job at a time is at a configuration, so that nothing overtakes. Whoever writes an event makes sure, in the same
//! transaction, that there is one; the job goes on until it has told everything, or has tried for long enough, and says in a
//! transaction that it stops.

mod config;
mod deliver;

use rialto_jobs::enqueue;
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx};

pub(crate) use self::config::keep;
pub use self::{
    config::{check, create, delete, find, list, seal},
    deliver::{Delivery, TellOfTask},
};
use crate::{model::StoredTask, store::PushStore};

/// The most configurations of one task.
pub const PUSH_CONFIGS_MAX: usize = 10;

/// Makes sure that a job is at every configuration of a task, for which there is something new. The task is locked.
pub(crate) async fn queue(tx: &mut Tx, task: &StoredTask, now: Timestamp) -> Result<(), StoreError> {
    for push in tx.list_pushes(task.id, true).await? {
        if !push.queued {
            tx.set_push_progress(task.id, &push.id, push.delivered, true).await?;
            let job = TellOfTask { task: task.id, config: push.id, of: Some(push.created_at), failed: 0 };
            enqueue(tx, &job, now, None, now).await?;
        }
    }
    Ok(())
}
