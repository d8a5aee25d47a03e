//! Durable background jobs, in the same database as everything else.
//!
//! - A [`Job`] is a value with a name: what is to be done, as JSON, and how.
//! - [`enqueue`] writes it in the caller's transaction, so a job exists exactly when the fact that asks for it does.
//! - A [`Worker`] leases due jobs and runs them, a bounded number at once, on every replica.
//! - A schedule ([`Worker::every`]) is a job that is never done: it comes due again one period after it ran, once for
//!   all replicas.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use rialto_jobs::{Failure, Job, Running, Worker, WorkerOptions, enqueue};
//! use rialto_kernel::{Clock, Timestamp};
//! use rialto_store::{Db, StoreError, Tx};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Greet { name: String }
//!
//! impl Job for Greet {
//!     const NAME: &'static str = "person.greet";
//!     type Context = Greeter;
//!
//!     async fn run(&self, greeter: &Greeter) -> Result<(), Failure> {
//!         greeter.greet(&self.name).await?;
//!         Ok(())
//!     }
//! }
//!
//! async fn sign_up(db: &Db, name: String, now: Timestamp) -> Result<(), StoreError> {
//!     db.write(async move |tx: &mut Tx| {
//!         // … write the person …
//!         enqueue(tx, &Greet { name: name.clone() }, now, None, now).await?;
//!         Ok(())
//!     })
//!     .await
//! }
//!
//! fn start(db: Db, greeter: Arc<Greeter>) -> Running {
//!     Worker::new(db, Clock::system(), WorkerOptions::default())
//!         .job::<Greet>(greeter)
//!         .every("people.count", Duration::from_secs(3_600), || async { Ok(()) })
//!         .start()
//! }
//! # struct Greeter;
//! # impl Greeter { async fn greet(&self, _: &str) -> Result<(), std::fmt::Error> { Ok(()) } }
//! ```
//!
//! # What holds
//! - A job that was enqueued by a committed transaction runs **at least once** to its end, or is dead (`state = 'dead'`,
//!   with its `last_error`) for a person to look at. It may run more than once, so running it again must do no harm.
//! - Two workers never hold the lease of one job. A worker renews its leases; when it dies, or is cut off from the
//!   database for longer than a lease, the job comes due again, and the late worker can no longer settle it.
//! - Each start counts as an attempt, so a job that takes the whole process down is dead after its last attempt too.
//! - Between attempts a failed job waits a random time below a bound that doubles (exponential backoff, full jitter).
//! - Of jobs with the same unique key at most one is unfinished.
//! - A panic in a job, and a job that takes too long, is a failed attempt of that job and of no other.
//! - A worker takes only jobs whose name it knows, so replicas of two versions may share a queue.
//!
//! Where order matters, work waits in [`lanes`] instead.
//!
//! A worker looks at the queue once a second, and at once when a job is enqueued in its own process, or, on PostgreSQL,
//! anywhere (`NOTIFY`). Replicas compare times of their own clocks: these have to agree far better than a lease is long.

mod attempt;
mod job;
pub mod lanes;
mod queue;
mod sql;
mod worker;

pub use job::{Failure, Job, RetryPolicy};
pub use queue::{Backlog, Enqueued, backlog, enqueue};
pub use worker::{Running, Worker, WorkerOptions};
