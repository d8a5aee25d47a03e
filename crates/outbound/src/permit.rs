//! How many calls run at once: in all, and of one owner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rialto_kernel::OwnerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why a call may not start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// As many calls run as may run at once.
    #[error("too many calls are running")]
    All,
    /// As many calls of this owner run as one owner may have.
    #[error("too many calls of this owner are running")]
    Owner,
}

/// Counts the calls that run.
pub struct Permits {
    all: Arc<Semaphore>,
    all_max: u32,
    owners: Arc<Mutex<HashMap<OwnerId, u32>>>,
    owner_max: u32,
}

/// Leave to run one call, given back when it is dropped.
pub struct Permit {
    _all: OwnedSemaphorePermit,
    owners: Arc<Mutex<HashMap<OwnerId, u32>>>,
    owner: OwnerId,
}

impl Permits {
    /// Leave for `all_max` calls, and for `owner_max` of one owner.
    #[must_use]
    pub fn new(all_max: u32, owner_max: u32) -> Self {
        let all = Semaphore::new(usize::try_from(all_max).unwrap_or(Semaphore::MAX_PERMITS));
        Self { all: Arc::new(all), all_max, owners: Arc::default(), owner_max }
    }

    /// Takes leave for one call of `owner`.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn take(&self, owner: OwnerId) -> Result<Permit, Crowded> {
        let all = self.all.clone().try_acquire_owned().map_err(|_| Crowded::All)?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let running = owners.entry(owner).or_default();
        if *running >= self.owner_max {
            return Err(Crowded::Owner);
        }
        *running += 1;
        Ok(Permit { _all: all, owners: self.owners.clone(), owner })
    }

    /// Waits, at most `patience`, until nothing runs; nothing can start from then on. Whether it came to that.
    pub async fn drain(&self, patience: Duration) -> bool {
        let drained = tokio::time::timeout(patience, self.all.acquire_many(self.all_max)).await;
        self.all.close();
        matches!(drained, Ok(Ok(_)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = owners.get_mut(&self.owner) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_owner_takes_all() {
        let permits = Permits::new(3, 2);
        let (ann, bob) = (OwnerId::new(), OwnerId::new());
        let first = permits.take(ann).unwrap();
        let second = permits.take(ann).unwrap();
        assert_eq!(permits.take(ann).err(), Some(Crowded::Owner));
        let bobs = permits.take(bob).unwrap();
        assert_eq!(permits.take(bob).err(), Some(Crowded::All));
        drop((first, bobs));
        assert!(permits.take(ann).is_ok());
        drop(second);
        assert!(permits.owners.lock().unwrap().is_empty(), "nothing is kept of owners without calls");
    }
}
