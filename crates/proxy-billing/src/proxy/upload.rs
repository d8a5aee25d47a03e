//! The buyer's body on its way to the provider: what it says about whose fault a broken call is.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::send::millis;

/// A body that is being passed on.
#[derive(Debug, Default)]
pub(super) struct Upload {
    is_awaited: AtomicBool,
    broke_off: AtomicBool,
    waited_ms: AtomicU64,
}

impl Upload {
    /// The next piece.
    pub(super) async fn next(&self, pieces: &mut mpsc::Receiver<Result<Bytes, String>>) -> Option<Result<Bytes, String>> {
        let since = Instant::now();
        self.is_awaited.store(true, Ordering::Relaxed);
        let piece = pieces.recv().await;
        self.is_awaited.store(false, Ordering::Relaxed);
        self.waited_ms.fetch_add(millis(since.elapsed()), Ordering::Relaxed);
        if matches!(piece, Some(Err(_))) {
            self.broke_off.store(true, Ordering::Relaxed);
        }
        piece
    }

    /// Whether the provider waits for the buyer just now.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed)
    }

    /// Whether the buyer did not send what it had announced.
    pub(super) fn broke_off(&self) -> bool {
        self.broke_off.load(Ordering::Relaxed)
    }

    /// How long the buyer let the provider wait.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }
}
