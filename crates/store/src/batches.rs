//! Work that is done for many callers at once.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_channel::{Receiver, Sender};
use futures_util::{FutureExt, future::BoxFuture};

/// How many callers are served at once at most.
const BATCH_MAX: usize = 256;
/// How many callers may wait before new ones have to wait to be queued.
const QUEUE_MAX: usize = 4_096;

/// A queue without a servant: who brings something and finds nobody at work starts the work, where it is itself. So whoever is alone
/// wakes no other thread, and whoever comes while work is done is served by the next turn.
pub(crate) struct Batches<T> {
    waiting: Sender<T>,
    next: Receiver<T>,
    is_served: AtomicBool,
    serve: Box<dyn Fn(Vec<T>) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl<T: Send + 'static> Batches<T> {
    pub(crate) fn new(serve: impl Fn(Vec<T>) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Arc<Self> {
        let (waiting, next) = async_channel::bounded(QUEUE_MAX);
        Arc::new(Self { waiting, next, is_served: AtomicBool::new(false), serve: Box::new(serve) })
    }

    /// Brings something to be served. Call it within a tokio runtime.
    pub(crate) async fn bring(self: &Arc<Self>, item: T) {
        // It is never closed: this has both ends.
        let _ = self.waiting.send(item).await;
        if let Some(turn) = Turn::take(self) {
            tokio::spawn(turn.serve());
        }
    }

    fn take(&self) -> Vec<T> {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX
            && let Ok(item) = self.next.try_recv()
        {
            batch.push(item);
        }
        batch
    }
}

/// The right to serve, which one task has at a time. A runtime that ends takes its tasks along: the right is free then.
struct Turn<T>(Arc<Batches<T>>);

impl<T: Send + 'static> Turn<T> {
    fn take(batches: &Arc<Batches<T>>) -> Option<Self> {
        let is_free = !batches.next.is_empty() && !batches.is_served.swap(true, Ordering::AcqRel);
        is_free.then(|| Self(Arc::clone(batches)))
    }

    async fn serve(self) {
        let batches = Arc::clone(&self.0);
        let mut turn = Some(self);
        while turn.is_some() {
            loop {
                // Those who were just answered and come again at once are taken along. It costs no time, only a turn.
                tokio::task::yield_now().await;
                let batch = batches.take();
                if batch.is_empty() {
                    break;
                }
                // One that panics fails those who asked for it, and the next ones are served.
                let _ = AssertUnwindSafe((batches.serve)(batch)).catch_unwind().await;
            }
            // Somebody may have come after the last look and before this, and seen us at work.
            drop(turn.take());
            turn = Self::take(&batches);
        }
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        // To see what those have queued who saw us at work.
        self.0.is_served.swap(false, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use tokio::{runtime::Builder, sync::oneshot, task::JoinSet, time::timeout};

    use super::*;

    type Asked = (u32, oneshot::Sender<u32>);

    /// Answers with twice of what it is asked, except that it panics at 13 and never ends at 99.
    fn doubles(seen: &Arc<Mutex<Vec<usize>>>) -> Arc<Batches<Asked>> {
        let seen = Arc::clone(seen);
        Batches::new(move |asked: Vec<Asked>| -> BoxFuture<'static, ()> {
            seen.lock().unwrap().push(asked.len());
            Box::pin(async move {
                tokio::task::yield_now().await;
                for (n, reply) in asked {
                    assert_ne!(n, 13);
                    if n == 99 {
                        std::future::pending::<()>().await;
                    }
                    let _ = reply.send(n * 2);
                }
            })
        })
    }

    async fn ask(batches: &Arc<Batches<Asked>>, n: u32) -> Option<u32> {
        let (reply, answer) = oneshot::channel();
        batches.bring((n, reply)).await;
        timeout(Duration::from_secs(60), answer).await.unwrap().ok()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn everybody_is_served_whoever_serves() {
        let seen = Arc::default();
        let (batches, mut callers) = (doubles(&seen), JoinSet::new());
        for caller in 0..64 {
            let batches = Arc::clone(&batches);
            callers.spawn(async move {
                for n in 1_000..1_100 {
                    assert_eq!(ask(&batches, caller * 10_000 + n).await, Some((caller * 10_000 + n) * 2));
                }
            });
        }
        callers.join_all().await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen.iter().sum::<usize>(), 6_400);
        assert!(seen.iter().all(|batch| *batch <= BATCH_MAX), "{seen:?}");
    }

    #[tokio::test]
    async fn a_batch_that_panics_fails_itself_alone() {
        let batches = doubles(&Arc::default());
        assert_eq!(ask(&batches, 13).await, None);
        assert_eq!(ask(&batches, 14).await, Some(28));
    }

    #[test]
    fn a_runtime_that_ends_takes_nobody_elses_turn_along() {
        let batches = doubles(&Arc::default());
        let runtime = || Builder::new_current_thread().enable_time().build().unwrap();
        let ended = runtime();
        ended.block_on(async {
            assert!(timeout(Duration::from_millis(50), ask(&batches, 99)).await.is_err(), "it is being served");
        });
        drop(ended);
        assert_eq!(runtime().block_on(ask(&batches, 4)), Some(8));
    }
}
