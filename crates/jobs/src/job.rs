//! What a job is.

use std::{error::Error, fmt, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

/// Something to be done in the background, at least once.
///
/// The value is the payload: it is stored as JSON and must hold no NUL character. What the job needs from its process
/// (clients, the database) comes as its [`Context`](Job::Context).
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the queue: `noun.verb`. It never changes while such jobs are queued.
    const NAME: &'static str;
    /// When it is tried again.
    const RETRY: RetryPolicy = RetryPolicy::DEFAULT;
    /// The longest that one attempt may take.
    const TIME_MAX: Duration = Duration::from_secs(60);
    /// What the worker hands to every run.
    type Context: Send + Sync + 'static;

    /// Does the work. It may be called again for the same job, also after it succeeded.
    fn run(&self, context: &Self::Context) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How often, and how long apart, a job is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// After so many attempts it is dead.
    pub attempts_max: u32,
    /// The bound of the wait after the first attempt; it doubles with each.
    pub wait_first: Duration,
    /// The bound never grows beyond this.
    pub wait_max: Duration,
}

impl RetryPolicy {
    /// Twelve attempts within about an hour and a half.
    pub const DEFAULT: Self =
        Self { attempts_max: 12, wait_first: Duration::from_secs(2), wait_max: Duration::from_secs(30 * 60) };

    /// The longest wait after the attempt with this number, counted from one.
    #[must_use]
    pub fn bound(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.wait_first.saturating_mul(1 << doublings).min(self.wait_max)
    }

    /// A wait after the attempt with this number: anything up to the bound, so that jobs which failed together do not
    /// come back together.
    #[must_use]
    pub fn wait(&self, attempt: u32) -> Duration {
        let micros = u64::try_from(self.bound(attempt).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(fastrand::u64(0..=micros))
    }
}

/// Why an attempt failed. Any error becomes one with `?`, with its causes in the text, and the job is tried again.
pub struct Failure {
    message: String,
    hopeless: bool,
}

impl Failure {
    /// The job is tried again, as often as its policy says.
    #[must_use]
    pub fn retry(message: impl Into<String>) -> Self {
        Self { message: message.into(), hopeless: false }
    }

    /// Trying again would not help: the job is dead at once.
    #[must_use]
    pub fn give_up(message: impl Into<String>) -> Self {
        Self { message: message.into(), hopeless: true }
    }

    pub(crate) const fn is_hopeless(&self) -> bool {
        self.hopeless
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::retry(message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_random_below_it() {
        let policy = RetryPolicy { attempts_max: 9, wait_first: Duration::from_secs(2), wait_max: Duration::from_secs(60) };
        let bounds: Vec<u64> = [1, 2, 3, 4, 5, 6, 7, 100, u32::MAX].map(|n| policy.bound(n).as_secs()).into();
        assert_eq!(bounds, [2, 4, 8, 16, 32, 60, 60, 60, 60]);
        let waits: Vec<Duration> = (0..200).map(|_| policy.wait(5)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(32)));
        assert!(
            waits.iter().any(|wait| *wait < Duration::from_secs(12)) && waits.iter().any(|wait| *wait > Duration::from_secs(20))
        );
    }

    #[test]
    fn an_error_keeps_its_causes() {
        #[derive(Debug)]
        struct Outer(fmt::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("it broke")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let failure = Failure::from(Outer(fmt::Error));
        assert_eq!(failure.to_string(), format!("it broke: {}", fmt::Error));
        assert!(!failure.is_hopeless() && Failure::give_up("no").is_hopeless());
    }
}
