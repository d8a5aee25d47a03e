//! How many calls run at once: in all, and of one owner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rialto_kernel::OwnerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::BrokerError;

/// Counts the calls that run.
pub(super) struct Permits {
    all: Arc<Semaphore>,
    all_max: u32,
    owners: Arc<Mutex<HashMap<OwnerId, u32>>>,
    owner_max: u32,
}

/// Leave to run one call, given back when it is dropped.
pub(super) struct Permit {
    _all: OwnedSemaphorePermit,
    owners: Arc<Mutex<HashMap<OwnerId, u32>>>,
    owner: OwnerId,
}

impl Permits {
    pub(super) fn new(all_max: u32, owner_max: u32) -> Self {
        let all = Semaphore::new(usize::try_from(all_max).unwrap_or(Semaphore::MAX_PERMITS));
        Self { all: Arc::new(all), all_max, owners: Arc::default(), owner_max }
    }

    pub(super) fn take(&self, owner: OwnerId) -> Result<Permit, BrokerError> {
        let all = self.all.clone().try_acquire_owned().map_err(|_| BrokerError::Busy)?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let running = owners.entry(owner).or_default();
        if *running >= self.owner_max {
            return Err(BrokerError::OwnerBusy);
        }
        *running += 1;
        Ok(Permit { _all: all, owners: self.owners.clone(), owner })
    }

    /// Waits, at most `patience`, until nothing runs; nothing can start from then on. Whether it came to that.
    pub(super) async fn drain(&self, patience: Duration) -> bool {
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
        assert_eq!(permits.take(ann).err(), Some(BrokerError::OwnerBusy));
        let bobs = permits.take(bob).unwrap();
        assert_eq!(permits.take(bob).err(), Some(BrokerError::Busy));
        drop((first, bobs));
        assert!(permits.take(ann).is_ok());
        drop(second);
        assert!(permits.owners.lock().unwrap().is_empty(), "nothing is kept of owners without calls");
    }
}
