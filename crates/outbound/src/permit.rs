//! How many calls run at once: in all, and of one owner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rialto_kernel::{OwnerId, limits::may_have_another};
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
    /// Whether an owner gets no more than what is left for all others.
    shares: bool,
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
        Self { all: Arc::new(all), all_max, owners: Arc::default(), owner_max, shares: false }
    }

    /// The same, but no owner gets more than what is left for all others: see [`may_have_another`].
    #[must_use]
    pub fn sharing(all_max: u32, owner_max: u32) -> Self {
        Self { shares: true, ..Self::new(all_max, owner_max) }
    }

    /// Takes leave for one call of `owner`.
    ///
    /// # Errors
    /// [`Crowded`].
    pub fn take(&self, owner: OwnerId) -> Result<Permit, Crowded> {
        let all = self.all.clone().try_acquire_owned().map_err(|_| Crowded::All)?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let has = owners.get(&owner).copied().unwrap_or_default();
        // One of them has just been taken.
        let free = u32::try_from(self.all.available_permits()).unwrap_or(u32::MAX).saturating_add(1);
        if !may_have_another(has, self.owner_max, if self.shares { free } else { u32::MAX }) {
            return Err(Crowded::Owner);
        }
        owners.insert(owner, has.saturating_add(1));
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
    fn the_more_owners_there_are_the_less_each_takes() {
        let (mut free, mut taken) = (64, Vec::new());
        while free > 0 {
            let mut has = 0;
            while may_have_another(has, 24, free) {
                (has, free) = (has + 1, free - 1);
            }
            taken.push(has);
        }
        assert_eq!(taken, [24, 20, 10, 5, 3, 1, 1]);
    }

    #[test]
    fn whoever_shares_leaves_something() {
        let permits = Permits::sharing(4, 4);
        let (ann, bob, eve) = (OwnerId::new(), OwnerId::new(), OwnerId::new());
        let _anns = [permits.take(ann).unwrap(), permits.take(ann).unwrap()];
        assert_eq!(permits.take(ann).err(), Some(Crowded::Owner));
        let _bobs = permits.take(bob).unwrap();
        assert_eq!(permits.take(bob).err(), Some(Crowded::Owner));
        assert!(permits.take(eve).is_ok());
    }

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
