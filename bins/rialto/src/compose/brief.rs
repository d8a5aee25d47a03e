//! Answers that many ask for alike and that cost something to make: made once for all who ask within a moment.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rialto_kernel::Timestamp;

/// How long an answer is good. What it says may have changed that long ago.
const LASTS: Duration = Duration::from_secs(2);
/// How many answers are kept. With one more they are all forgotten: a moment later they are anyway.
const KEPT_MAX: usize = 1_000;

/// An answer, and when it was made.
type Made<V> = Option<(Timestamp, Arc<V>)>;

/// Answers by what was asked.
pub struct Brief<K, V>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<Made<V>>>>>);

impl<K, V> Default for Brief<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Brief<K, V> {
    /// The answer to `asked`: the one of a moment ago, or else what `make` makes. Whoever asks the same meanwhile waits for it. What
    /// failed is made anew by the next.
    pub async fn get<E>(&self, asked: K, now: Timestamp, make: impl Future<Output = Result<V, E>>) -> Result<Arc<V>, E> {
        let slot = self.slot(asked);
        let mut made = slot.lock().await;
        if let Some((at, answer)) = made.as_ref()
            && now.since(*at) < LASTS
        {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(make.await?);
        *made = Some((now, Arc::clone(&answer)));
        Ok(answer)
    }

    fn slot(&self, asked: K) -> Arc<tokio::sync::Mutex<Made<V>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX && !all.contains_key(&asked) {
            all.clear();
        }
        Arc::clone(all.entry(asked).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[actix_web::test]
    async fn an_answer_is_made_once_a_moment_and_so_many_are_kept() {
        let (brief, made) = (Brief::<usize, usize>::default(), AtomicUsize::new(0));
        let at = |ms: i64| Timestamp::from_micros(ms * 1_000);
        let ask = async |asked, ms| {
            let make = async {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(made.fetch_add(1, Ordering::SeqCst))
            };
            *brief.get(asked, at(ms), make).await.unwrap()
        };
        assert_eq!(tokio::join!(ask(1, 0), ask(1, 0), ask(2, 0)), (0, 0, 1));
        assert_eq!((ask(1, 1_999).await, ask(1, 2_000).await, ask(1, 2_001).await), (0, 2, 2));
        let failed = brief.get(3, at(0), async { Err::<usize, _>("away") }).await;
        assert_eq!((failed.unwrap_err(), ask(3, 0).await), ("away", 3));
        for asked in 0..KEPT_MAX * 2 {
            ask(asked, 0).await;
        }
        assert!(brief.0.lock().unwrap().len() <= KEPT_MAX);
    }
}
