//! Rate limits: the generic cell rate algorithm, in memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use rialto_kernel::{Id, nouns::ApiKey};

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A client's address, as [`counted`].
    Address(IpAddr),
    /// A client's address, for credentials that proved nothing.
    Guesser(IpAddr),
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
/// How often a shard forgets the idle ones.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// The bits of an IPv6 address that name its /64.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// The state of every subject seen lately: for each, the moment at which its bucket will be empty again.
pub struct RateLimits {
    epoch: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    /// When each subject's bucket will be empty again.
    empty_at: HashMap<Subject, Duration>,
    swept_at: Duration,
}

impl Shard {
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept_at) >= SWEEP_EVERY {
            self.empty_at.retain(|_, empty_at| *empty_at > now);
            self.swept_at = now;
        }
    }
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
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.sweep(now);
        let capacity = interval * burst;
        let empty_at = (*shard.empty_at.get(&subject).unwrap_or(&now)).max(now);
        let next = empty_at + interval;
        if next > now + capacity {
            return Verdict { allowed: false, remaining: 0, wait: next - capacity - now };
        }
        shard.empty_at.insert(subject, next);
        let used = next - now;
        let remaining = (capacity - used).as_nanos() / interval.as_nanos().max(1);
        Verdict { allowed: true, remaining: u32::try_from(remaining).unwrap_or(u32::MAX), wait: used }
    }
}

/// The client behind `peer`: itself, unless it is a proxy that we trust, in which case the last address in
/// `X-Forwarded-For` that is no such proxy. A client can put whatever it likes at the front of that header.
/// IPv4 written as IPv6, as a socket that listens to both does, is taken for the IPv4 that it is.
pub fn client_address(peer: IpAddr, forwarded_for: &str, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(&peer) {
        return peer;
    }
    let hops = forwarded_for.rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    let mut client = peer;
    for hop in hops.map(|hop| hop.to_canonical()) {
        client = hop;
        if !is_trusted(&hop) {
            break;
        }
    }
    client
}

/// The address that stands for `address` where clients are counted. Whoever has one IPv6 address has its whole /64.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK).into(),
        v4 => v4,
    }
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
        let spoofed = "1.1.1.1, 203.0.113.9, 10.0.0.7";
        assert_eq!(client_address(proxy, spoofed, &trusted), stranger);
        assert_eq!(client_address(stranger, "1.1.1.1", &trusted), stranger);
        assert_eq!(client_address(proxy, "", &trusted), proxy);
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(client_address(ip("::ffff:10.0.0.1"), "::ffff:203.0.113.9, ::ffff:10.0.0.7", &trusted), ip("203.0.113.9"));
        let subject = |text: &str| counted(ip(text));
        assert_eq!(subject("::ffff:203.0.113.9"), subject("203.0.113.9"));
        assert_eq!(subject("2001:db8:1:2::1"), subject("2001:db8:1:2:ffff::9"));
        assert_ne!(subject("2001:db8:1:2::1"), subject("2001:db8:1:3::1"));
        assert_ne!(subject("203.0.113.9"), subject("203.0.113.8"));
    }

    #[test]
    fn the_idle_are_forgotten_in_time() {
        let limits = RateLimits::default();
        let seen = || limits.shards.iter().map(|shard| shard.lock().unwrap().empty_at.len()).sum::<usize>();
        let ask = |n: u8, at| limits.check_at(Subject::Address([192, 0, 2, n].into()), QUOTA, Duration::from_secs(at));
        (0..=u8::MAX).for_each(|n| assert!(ask(n, 0).allowed));
        assert_eq!(seen(), 256);
        (0..100).for_each(|n| assert!(ask(n, 60).allowed));
        assert_eq!(seen(), 100);
    }
}
