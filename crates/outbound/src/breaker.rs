//! Circuit breakers: a server that fails and fails is left in peace for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Of so many servers the failures are kept. Beyond, those are forgotten whose time is over.
const SERVERS_MAX: usize = 10_000;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures in a row open it; at least one.
    pub failures_max: u32,
    /// For so long nobody calls the server. Then one call tries, and what becomes of it decides.
    pub rest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures_max: 5, rest: Duration::from_secs(60) }
    }
}

/// The server failed too often; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server failed too often and is left in peace for a while")]
pub struct CircuitOpen {
    /// How long it is worth waiting.
    pub retry_after: Duration,
}

/// How a server stands that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// It is called. It has failed this many times in a row.
    Closed(u32),
    /// It is not called for so long.
    Open(Duration),
    /// One call is trying whether it is well again.
    HalfOpen,
}

/// A breaker for each server, named by host and port. Cheap to clone; the clones are one.
#[derive(Clone)]
pub struct Breakers {
    options: BreakerOptions,
    servers: Arc<Mutex<HashMap<String, State>>>,
}

/// A server that failed and has not been well since.
enum State {
    Failing { failures: u32, since: Instant },
    Resting { until: Instant },
    Trying { since: Instant },
}

/// Leave to call a server once. Say how it went: dropped without a word, it counts as if the call had not been made.
#[must_use]
pub struct Pass {
    breakers: Breakers,
    server: String,
    is_trial: bool,
}

impl Breakers {
    /// Breakers that are all closed.
    #[must_use]
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, servers: Arc::default() }
    }

    /// Asks for leave to call `server`.
    ///
    /// # Errors
    /// [`CircuitOpen`].
    pub fn enter(&self, server: &str) -> Result<Pass, CircuitOpen> {
        let now = Instant::now();
        let pass = |is_trial| Pass { breakers: self.clone(), server: server.to_owned(), is_trial };
        let mut servers = self.servers();
        let Some(state) = servers.get_mut(server) else { return Ok(pass(false)) };
        let waits = match state {
            State::Failing { .. } => return Ok(pass(false)),
            State::Resting { until } => until.saturating_duration_since(now),
            // A trial that never comes back must not close the server for good.
            State::Trying { since } => (*since + self.options.rest).saturating_duration_since(now),
        };
        if !waits.is_zero() {
            return Err(CircuitOpen { retry_after: waits });
        }
        *state = State::Trying { since: now };
        Ok(pass(true))
    }

    /// The servers that have failed and not been well since, at most `limit`, by name.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<(String, Circuit)> {
        let now = Instant::now();
        let circuit = |state: &State| match state {
            State::Failing { failures, .. } => Circuit::Closed(*failures),
            State::Resting { until } => Circuit::Open(until.saturating_duration_since(now)),
            State::Trying { .. } => Circuit::HalfOpen,
        };
        let mut all: Vec<_> = self.servers().iter().map(|(server, state)| (server.clone(), circuit(state))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.truncate(limit);
        all
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, server: &str, is_trial: bool) {
        let now = Instant::now();
        let mut servers = self.servers();
        if servers.len() >= SERVERS_MAX && !servers.contains_key(server) {
            let rest = self.options.rest;
            servers.retain(|_, state| match state {
                State::Failing { since, .. } | State::Trying { since } => now.duration_since(*since) < rest,
                State::Resting { until } => now < *until,
            });
            if servers.len() >= SERVERS_MAX {
                return;
            }
        }
        let state = servers.entry(server.to_owned()).or_insert(State::Failing { failures: 0, since: now });
        let failures = match state {
            State::Failing { failures, .. } => failures.saturating_add(1),
            State::Trying { .. } if is_trial => self.options.failures_max,
            // A call from before it opened. The breaker knows already.
            State::Resting { .. } | State::Trying { .. } => return,
        };
        *state = if failures >= self.options.failures_max {
            State::Resting { until: now + self.options.rest }
        } else {
            State::Failing { failures, since: now }
        };
    }

    fn succeed(&self, server: &str, is_trial: bool) {
        let mut servers = self.servers();
        if is_trial || matches!(servers.get(server), Some(State::Failing { .. })) {
            servers.remove(server);
        }
    }
}

impl Pass {
    /// The server answered as servers should.
    pub fn succeeded(mut self) {
        let is_trial = std::mem::take(&mut self.is_trial);
        self.breakers.succeed(&self.server, is_trial);
    }

    /// It did not.
    pub fn failed(mut self) {
        let is_trial = std::mem::take(&mut self.is_trial);
        self.breakers.fail(&self.server, is_trial);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(state @ State::Trying { .. }) = self.breakers.servers().get_mut(&self.server)
        {
            // Whoever comes next tries.
            *state = State::Resting { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(60);

    fn opened() -> Breakers {
        let breakers = Breakers::new(BreakerOptions { failures_max: 3, rest: REST });
        for _ in 0..3 {
            breakers.enter("a:80").unwrap().failed();
        }
        breakers
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_other_servers_are_called() {
        let breakers = opened();
        assert_eq!(breakers.enter("a:80").err(), Some(CircuitOpen { retry_after: REST }));
        assert_eq!(breakers.list(10), [("a:80".to_owned(), Circuit::Open(REST))]);
        breakers.enter("b:80").unwrap().failed();
        assert_eq!(breakers.list(10)[1], ("b:80".to_owned(), Circuit::Closed(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_forgets_what_was() {
        let breakers = Breakers::new(BreakerOptions { failures_max: 2, rest: REST });
        for _ in 0..5 {
            breakers.enter("a:80").unwrap().failed();
            breakers.enter("a:80").unwrap().succeeded();
        }
        assert_eq!(breakers.list(10), []);
        drop(breakers.enter("a:80").unwrap());
        assert_eq!(breakers.list(10), [], "a call that was not made says nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_and_decides() {
        let breakers = opened();
        tokio::time::advance(REST).await;
        let trial = breakers.enter("a:80").unwrap();
        assert!(breakers.enter("a:80").is_err(), "one at a time");
        trial.failed();
        assert_eq!(breakers.enter("a:80").err(), Some(CircuitOpen { retry_after: REST }));
        tokio::time::advance(REST).await;
        breakers.enter("a:80").unwrap().succeeded();
        assert_eq!(breakers.list(10), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_without_a_result_lets_the_next_one_try() {
        let breakers = opened();
        tokio::time::advance(REST).await;
        drop(breakers.enter("a:80").unwrap());
        let forgotten = breakers.enter("a:80").unwrap();
        assert!(breakers.enter("a:80").is_err());
        tokio::time::advance(REST).await;
        assert!(breakers.enter("a:80").is_ok(), "a trial that hangs holds nobody up for ever");
        drop(forgotten);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_result_from_before_changes_nothing() {
        let breakers = Breakers::new(BreakerOptions { failures_max: 1, rest: REST });
        let (late, worse) = (breakers.enter("a:80").unwrap(), breakers.enter("a:80").unwrap());
        breakers.enter("a:80").unwrap().failed();
        late.succeeded();
        tokio::time::advance(REST / 2).await;
        worse.failed();
        assert_eq!(breakers.enter("a:80").err(), Some(CircuitOpen { retry_after: REST / 2 }));
    }
}
