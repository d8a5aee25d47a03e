//! How often this process asks others' servers on behalf of one owner; its replicas count for themselves.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use rialto_kernel::{OwnerId, Timestamp};

/// How many documents are fetched for one owner within [`WINDOW`], whichever of its agents and keys it asks for.
pub const FETCHES_MAX: usize = 10;
/// Within how long.
const WINDOW: Duration = Duration::from_secs(60);
/// How many owners are remembered.
const OWNERS_MAX: u64 = 10_000;

/// What owners have had fetched lately. Cheap to clone.
#[derive(Clone)]
pub(super) struct Budget(Cache<OwnerId, Arc<Mutex<VecDeque<Timestamp>>>>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(OWNERS_MAX).time_to_idle(WINDOW).build())
    }
}

impl Budget {
    /// Counts one more fetch for `owner`.
    ///
    /// # Errors
    /// How long to wait, when there were as many as may be.
    pub(super) fn spend(&self, owner: OwnerId, now: Timestamp) -> Result<(), Duration> {
        let spent = self.0.get_with(owner, Arc::default);
        let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins anew.
        while spent.front().is_some_and(|at| *at > now || now.since(*at) >= WINDOW) {
            spent.pop_front();
        }
        match spent.front() {
            Some(first) if spent.len() >= FETCHES_MAX => Err(WINDOW.saturating_sub(now.since(*first))),
            _ => {
                spent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_so_many_fetches_a_minute_and_no_more() {
        let (budget, one, other) = (Budget::default(), OwnerId::new(), OwnerId::new());
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        for second in 0..i64::try_from(FETCHES_MAX).unwrap() {
            assert_eq!(budget.spend(one, at(second)), Ok(()));
        }
        assert_eq!(budget.spend(one, at(10)), Err(Duration::from_secs(50)));
        assert_eq!(budget.spend(other, at(10)), Ok(()), "each has its own");
        assert_eq!(budget.spend(one, at(59)), Err(Duration::from_secs(1)));
        // The first is forgotten, and with it only itself.
        assert_eq!(budget.spend(one, at(60)), Ok(()));
        assert_eq!(budget.spend(one, at(60)), Err(Duration::from_secs(1)));
        assert_eq!(budget.spend(one, at(0)), Ok(()), "a clock that was set back");
    }
}
