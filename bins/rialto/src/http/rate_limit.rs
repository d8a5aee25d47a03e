//! Rate limits: the generic cell rate algorithm, in memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use rialto_kernel::{Id, nouns::ApiKey};

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A client's address.
    Address(IpAddr),
    /// An API key with a limit of its own.
    ApiKey(Id<ApiKey>),
}

/// How much a subject may do: `per_minute` on average, and up to `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests a minute.
    pub per_minute: u32,
    /// Requests at once.
    pub burst: u32,
}

/// What the limiter says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may pass.
    pub allowed: bool,
    /// How many more may pass at once right now.
    pub remaining: u32,
    /// When to come back, for one that may not; when the burst is whole again, for one that may.
    pub wait: Duration,
}

/// How many locks the subjects are spread over.
const SHARDS: usize = 16;
/// A shard forgets the idle ones when it has grown by this many.
const SWEEP_EVERY: usize = 4_096;

/// The state of every subject seen lately: for each, the moment at which its bucket will be empty again.
pub struct RateLimits {
    epoch: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Subject, Duration>>>,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { epoch: Instant::now(), hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl RateLimits {
    /// Counts one request of `subject`. A quota of zero a minute means no limit.
    pub fn check(&self, subject: Subject, quota: Quota) -> Verdict {
        self.check_at(subject, quota, self.epoch.elapsed())
    }

    fn check_at(&self, subject: Subject, quota: Quota, now: Duration) -> Verdict {
        let unlimited = Verdict { allowed: true, remaining: u32::MAX, wait: Duration::ZERO };
        let burst = quota.burst.max(1);
        let Some(interval) = Duration::from_secs(60).checked_div(quota.per_minute) else { return unlimited };
        let shard = usize::try_from(self.hasher.hash_one(subject)).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return unlimited };
        let mut subjects = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= SWEEP_EVERY && subjects.len().is_multiple_of(SWEEP_EVERY) {
            subjects.retain(|_, empty_at| *empty_at > now);
        }
        let capacity = interval * burst;
        let empty_at = (*subjects.get(&subject).unwrap_or(&now)).max(now);
        let next = empty_at + interval;
        if next > now + capacity {
            return Verdict { allowed: false, remaining: 0, wait: next - capacity - now };
        }
        subjects.insert(subject, next);
        let used = next - now;
        let remaining = (capacity - used).as_nanos() / interval.as_nanos().max(1);
        Verdict { allowed: true, remaining: u32::try_from(remaining).unwrap_or(u32::MAX), wait: used }
    }
}

/// The client behind `peer`: itself, unless it is a proxy that we trust, in which case the last address in
/// `X-Forwarded-For` that is no such proxy. A client can put whatever it likes at the front of that header.
pub fn client_address(peer: IpAddr, forwarded_for: Option<&str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let hops = forwarded_for.unwrap_or_default().rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    let mut client = peer;
    for hop in hops {
        client = hop;
        if !is_trusted(&hop) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { per_minute: 60, burst: 3 };

    #[test]
    fn a_burst_passes_and_then_one_a_second() {
        let limits = RateLimits::default();
        let subject = Subject::Address([192, 0, 2, 1].into());
        let at = |ms| limits.check_at(subject, QUOTA, Duration::from_millis(ms));
        let allowed: Vec<bool> = [0, 0, 0, 0, 999, 1_000, 1_001, 60_000].map(|ms| at(ms).allowed).to_vec();
        assert_eq!(allowed, [true, true, true, false, false, true, false, true]);
        assert_eq!(at(60_000).remaining, 1);
        let other = Subject::Address([192, 0, 2, 2].into());
        assert!(limits.check_at(other, QUOTA, Duration::ZERO).allowed);
    }

    #[test]
    fn a_client_cannot_choose_its_own_address() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let proxy = [10, 0, 0, 1].into();
        let stranger = [203, 0, 113, 9].into();
        let spoofed = Some("1.1.1.1, 203.0.113.9, 10.0.0.7");
        assert_eq!(client_address(proxy, spoofed, &trusted), stranger);
        assert_eq!(client_address(stranger, Some("1.1.1.1"), &trusted), stranger);
        assert_eq!(client_address(proxy, None, &trusted), proxy);
    }
}
