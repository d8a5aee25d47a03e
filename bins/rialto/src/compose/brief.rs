//! Answers that many ask for alike and that cost something to make: made once for all who ask within a moment.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long an answer is good. What it says may have changed that long ago.
const LASTS: Duration = Duration::from_secs(2);
/// How many answers are kept. With one more they are all forgotten: a moment later they are anyway.
const KEPT_MAX: usize = 1_000;

/// An outcome, and when making it began.
type Made<V, E> = (Instant, Result<Arc<V>, E>);

/// What was asked for, and what became of it.
struct Slot<V, E> {
    /// The last one. Whoever makes one has its turn.
    made: tokio::sync::Mutex<Option<Made<V, E>>>,
    /// How many outcomes there were.
    ended: AtomicU64,
}

impl<V, E> Default for Slot<V, E> {
    fn default() -> Self {
        Self { made: tokio::sync::Mutex::default(), ended: AtomicU64::default() }
    }
}

/// Answers by what was asked.
pub struct Brief<K, V, E>(Mutex<HashMap<K, Arc<Slot<V, E>>>>);

impl<K, V, E> Default for Brief<K, V, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V, E: Clone> Brief<K, V, E> {
    /// The answer to `asked`: the one of a moment ago, or else what `make` makes. Whoever asks the same meanwhile waits for it and
    /// has the same, be it a failure: those who wait are not sent one after another to what is away. Whoever comes after a failure
    /// has it made anew. `now` is the time as it goes by, whatever clock is set.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn get(&self, asked: K, now: Instant, make: impl Future<Output = Result<V, E>>) -> Result<Arc<V>, E> {
        let slot = self.slot(asked);
        let before = slot.ended.load(Ordering::SeqCst);
        let mut made = slot.made.lock().await;
        if let Some((at, outcome)) = made.as_ref()
            && (slot.ended.load(Ordering::SeqCst) != before || (outcome.is_ok() && now.saturating_duration_since(*at) < LASTS))
        {
            return outcome.clone();
        }
        let outcome = make.await.map(Arc::new);
        *made = Some((now, outcome.clone()));
        slot.ended.fetch_add(1, Ordering::SeqCst);
        outcome
    }

    fn slot(&self, asked: K) -> Arc<Slot<V, E>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX && !all.contains_key(&asked) {
            all.clear();
        }
        Arc::clone(all.entry(asked).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[actix_web::test]
    async fn an_answer_is_made_once_a_moment_and_so_many_are_kept() {
        let (brief, made, start) = (Brief::<usize, usize, &str>::default(), AtomicUsize::new(0), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let ask = async |asked, ms| {
            let make = async {
                tokio::task::yield_now().await;
                Ok(made.fetch_add(1, Ordering::SeqCst))
            };
            *brief.get(asked, at(ms), make).await.unwrap()
        };
        // Who of them is polled first is not said.
        let (first, same, other) = tokio::join!(ask(1, 0), ask(1, 0), ask(2, 0));
        assert_eq!((first, other), (same, 1 - first));
        assert_eq!((ask(1, 1_999).await, ask(1, 2_000).await, ask(1, 2_001).await), (first, 2, 2));
        for asked in 0..KEPT_MAX * 2 {
            ask(asked, 0).await;
        }
        assert!(brief.0.lock().unwrap().len() <= KEPT_MAX);
    }

    #[actix_web::test]
    async fn those_who_wait_share_a_failure_and_the_next_tries_again() {
        let (brief, tried, now) = (Brief::<(), usize, usize>::default(), AtomicUsize::new(0), Instant::now());
        let fail = async || {
            let make = async {
                tokio::task::yield_now().await;
                Err(tried.fetch_add(1, Ordering::SeqCst))
            };
            brief.get((), now, make).await
        };
        assert_eq!(tokio::join!(fail(), fail(), fail()), (Err(0), Err(0), Err(0)));
        assert_eq!(fail().await, Err(1));
        // Whoever makes it may go away: one of those who wait makes it then.
        let waits = async {
            tokio::task::yield_now().await;
            brief.get((), now, async { Ok(7) }).await
        };
        let gone = tokio::time::timeout(Duration::from_millis(50), brief.get((), now, std::future::pending()));
        let (gone, waited) = tokio::join!(gone, waits);
        assert!(gone.is_err());
        assert_eq!(waited, Ok(Arc::new(7)));
    }
}
