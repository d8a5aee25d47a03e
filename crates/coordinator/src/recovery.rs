//! Whom a step tries next, when, and when it gives up. No I/O, no clock.

use std::time::Duration;

/// The most attempts at one target.
pub const ATTEMPTS_MAX: u32 = 10;
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// The most alternatives to a target that failed.
pub const ALTERNATIVES_MAX: u32 = 5;

/// What a step does when its target fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How often the target is tried, at least once.
    pub attempts_max: u32,
    /// The wait after the first failure; it doubles with each.
    pub backoff: Duration,
    /// How many alternatives are looked for and tried, once each, when the target has failed for good.
    pub alternatives_max: u32,
}

impl Default for Recovery {
    /// Three attempts, two and four seconds apart, and no alternatives.
    fn default() -> Self {
        Self { attempts_max: 3, backoff: Duration::from_secs(2), alternatives_max: 0 }
    }
}

/// How an attempt ended that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// The place of its target among the candidates.
    pub candidate: usize,
    /// Whether the same may go well another time.
    pub may_pass: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// This candidate, after this wait.
    Candidate(usize, Duration),
    /// There is nobody left.
    GiveUp,
}

impl Recovery {
    /// Whom to try next. The first candidate of `candidates` is tried as often as the policy says, each of the others once.
    #[must_use]
    pub fn next(&self, failed: &[Failed], candidates: usize) -> Try {
        let Some(last) = failed.last() else {
            return if candidates == 0 { Try::GiveUp } else { Try::Candidate(0, Duration::ZERO) };
        };
        let first = u32::try_from(failed.iter().filter(|one| one.candidate == 0).count()).unwrap_or(u32::MAX);
        if last.candidate == 0 && last.may_pass && first < self.attempts_max {
            return Try::Candidate(0, self.wait(first));
        }
        let next = last.candidate.saturating_add(1);
        if next < candidates { Try::Candidate(next, Duration::ZERO) } else { Try::GiveUp }
    }

    fn wait(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.backoff.saturating_mul(1 << doublings).min(BACKOFF_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_tried_as_often_as_the_policy_says_and_each_alternative_once() {
        let recovery = Recovery { attempts_max: 3, backoff: Duration::from_secs(2), alternatives_max: 2 };
        let mut failed = Vec::new();
        let mut tried = Vec::new();
        while let Try::Candidate(candidate, wait) = recovery.next(&failed, 3) {
            tried.push((candidate, wait.as_secs()));
            failed.push(Failed { candidate, may_pass: true });
        }
        assert_eq!(tried, [(0, 0), (0, 2), (0, 4), (1, 0), (2, 0)]);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        let recovery = Recovery::default();
        assert_eq!(recovery.next(&[Failed { candidate: 0, may_pass: false }], 1), Try::GiveUp);
        assert_eq!(recovery.next(&[Failed { candidate: 0, may_pass: false }], 2), Try::Candidate(1, Duration::ZERO));
        assert_eq!(recovery.next(&[], 0), Try::GiveUp);
    }

    #[test]
    fn waits_are_bounded() {
        let recovery = Recovery { attempts_max: u32::MAX, backoff: Duration::from_secs(200), alternatives_max: 0 };
        assert_eq!(recovery.wait(2), BACKOFF_MAX);
        assert_eq!(recovery.wait(u32::MAX), BACKOFF_MAX);
    }
}
