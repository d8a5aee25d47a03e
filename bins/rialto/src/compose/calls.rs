//! Where calls of agents run: not on the threads that answer requests, which end as soon as the server is told to stop.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Enough for work that is mostly waiting.
const THREADS: usize = 2;

/// A runtime that lives as long as the server. Whatever still runs when it is dropped ends at its next wait.
pub struct CallsRuntime(Option<Runtime>);

impl CallsRuntime {
    /// Starts its threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start() -> io::Result<(Self, Handle)> {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).thread_name("broker").enable_all().build()?;
        let handle = runtime.handle().clone();
        Ok((Self(Some(runtime)), handle))
    }
}

impl Drop for CallsRuntime {
    fn drop(&mut self) {
        // A runtime that is dropped as it is waits for its threads, which async code must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_outlives_the_runtime_that_uses_it_and_may_be_dropped_in_another() {
        let (runtime, handle) = CallsRuntime::start().unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let worker = Builder::new_current_thread().build().unwrap();
        worker.block_on(async {
            handle.spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                said.send(()).unwrap();
            });
        });
        drop(worker);
        heard.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        Builder::new_current_thread().build().unwrap().block_on(async move { drop(runtime) });
    }
}
