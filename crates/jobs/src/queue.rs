//! The queue: putting jobs in, leasing them, and settling what was leased.

use std::time::Duration;

use rialto_kernel::{Id, Timestamp, nouns};
use rialto_store::{StoreError, Tx};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{Job, RetryPolicy, sql};

/// The channel on which PostgreSQL tells every replica of a new job.
pub(crate) const CHANNEL: &str = "rialto_jobs";

/// Wakes the workers of this process. It is shared by all databases of the process: a worker that is woken for
/// another's job looks once in vain.
pub(crate) static WAKE: Notify = Notify::const_new();

/// Keeps the error of an attempt readable in the table.
const ERROR_CHARS_MAX: usize = 2_000;

/// The noun that lease ids name.
pub(crate) enum Lease {}

/// What became of an [`enqueue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// The job is in the queue.
    New(Id<nouns::Job>),
    /// An unfinished job has the same unique key; nothing was written.
    Already,
}

/// How far the workers are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Jobs that are due and that nobody is running.
    pub due: i64,
    /// For how long the oldest of them has been due.
    pub waited: Duration,
    /// Jobs that were given up.
    pub dead: i64,
}

pub(crate) struct NewRow {
    pub id: Id<nouns::Job>,
    pub name: String,
    pub unique_key: Option<String>,
    pub payload: Value,
    pub run_at: Timestamp,
    pub created_at: Timestamp,
}

/// Puts `job` into the queue, to be run at `run_at` or soon after, if the caller's transaction commits.
///
/// With a `unique_key` at most one unfinished job has that key. Note that a running job is unfinished: it may already
/// have looked at what the caller is changing.
///
/// # Errors
/// Whatever the database says; [`StoreError::Corrupt`] when the job cannot be written as JSON.
pub async fn enqueue<J: Job>(
    tx: &mut Tx,
    job: &J,
    run_at: Timestamp,
    unique_key: Option<&str>,
    now: Timestamp,
) -> Result<Enqueued, StoreError> {
    let payload =
        serde_json::to_value(job).map_err(|error| StoreError::Corrupt(format!("the job {} is not JSON: {error}", J::NAME)))?;
    let id = Id::new();
    let row =
        NewRow { id, name: J::NAME.to_owned(), unique_key: unique_key.map(str::to_owned), payload, run_at, created_at: now };
    if !sql::insert(tx, row).await? {
        return Ok(Enqueued::Already);
    }
    if run_at <= now {
        wake(tx).await?;
    }
    Ok(Enqueued::New(id))
}

/// Counts what is due and what is dead, for metrics.
///
/// # Errors
/// Whatever the database says.
pub async fn backlog(tx: &mut Tx, now: Timestamp) -> Result<Backlog, StoreError> {
    sql::backlog(tx, now).await
}

async fn wake(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_postgres() {
        // Delivered when the transaction commits, to this process as well.
        tx.batch("NOTIFY rialto_jobs").await
    } else {
        // The woken worker leases through the same single writer, so it comes after this transaction's commit.
        WAKE.notify_waiters();
        Ok(())
    }
}

/// Makes sure that the schedule `name` exists; a new one is due at once.
pub(crate) async fn ensure_schedule(tx: &mut Tx, name: &str, now: Timestamp) -> Result<(), StoreError> {
    let unique_key = Some(format!("schedule:{name}"));
    let row = NewRow { id: Id::new(), name: name.to_owned(), unique_key, payload: Value::Null, run_at: now, created_at: now };
    sql::insert(tx, row).await.map(drop)
}

/// What a worker does with jobs of one name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub retry: RetryPolicy,
    /// A schedule comes due again so long after it ran.
    pub period: Option<Duration>,
}

impl Terms {
    /// Whether a failure of this attempt is the end. A schedule is never given up.
    pub(crate) const fn is_last(&self, attempt: u32, hopeless: bool) -> bool {
        self.period.is_none() && (hopeless || attempt >= self.retry.attempts_max)
    }
}

/// A job that this worker, and no other, may run and settle.
#[derive(Debug)]
pub(crate) struct Leased {
    pub id: Id<nouns::Job>,
    pub name: String,
    pub payload: Value,
    /// Counted from one.
    pub attempt: u32,
    pub lease: Id<Lease>,
}

/// Leases up to `limit` due jobs until `until`.
///
/// A job that has had all its attempts and comes due again never said how the last one ended: it is declared dead here.
pub(crate) async fn lease(
    tx: &mut Tx,
    terms: &[(String, Terms)],
    limit: usize,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let names = terms.iter().map(|(name, _)| name.clone()).collect();
    let lease = Id::new();
    let mut leased = Vec::new();
    for row in sql::due(tx, names, now, i64::try_from(limit).unwrap_or(i64::MAX)).await? {
        let started = u32::try_from(row.attempts).unwrap_or(0);
        let terms = terms.iter().find(|(name, _)| *name == row.name).map(|(_, terms)| terms);
        if terms.is_some_and(|terms| terms.is_last(started, false)) {
            tracing::error!(job.id = %row.id, job.name = row.name, "a job is dead: its worker vanished in the last attempt");
            sql::set_dead(tx, row.id, None, "the worker vanished during the last attempt").await?;
        } else {
            leased.push(Leased { id: row.id, name: row.name, payload: row.payload.0, attempt: started.saturating_add(1), lease });
        }
    }
    let ids: Vec<_> = leased.iter().map(|job| job.id).collect();
    if !ids.is_empty() {
        sql::set_leased(tx, &ids, lease, until).await?;
    }
    Ok(leased)
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Done,
    Failed {
        message: String,
        hopeless: bool,
    },
    /// The worker stops and could not wait for it. That was not the job's fault.
    Released,
}

/// Writes down how an attempt ended; `false` when the lease was lost, and so it is another worker's to say.
pub(crate) async fn settle(
    tx: &mut Tx,
    job: &Leased,
    terms: &Terms,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let attempts = i32::try_from(job.attempt).unwrap_or(i32::MAX);
    let to = match (outcome, terms.period) {
        (Outcome::Done, None) => return sql::delete(tx, job.id, job.lease).await,
        (Outcome::Done, Some(period)) => sql::Requeue { run_at: now.after(period), attempts: 0, last_error: None },
        (Outcome::Released, _) => sql::Requeue { run_at: now, attempts: attempts.saturating_sub(1), last_error: None },
        (Outcome::Failed { message, hopeless }, _) if terms.is_last(job.attempt, *hopeless) => {
            return sql::set_dead(tx, job.id, Some(job.lease), &stored(message)).await;
        }
        (Outcome::Failed { message, .. }, period) => {
            // A schedule never waits longer than it would have after a success.
            let wait = terms.retry.wait(job.attempt).min(period.unwrap_or(Duration::MAX));
            sql::Requeue { run_at: now.after(wait), attempts, last_error: Some(stored(message)) }
        }
    };
    sql::requeue(tx, job.id, job.lease, to).await
}

/// Short enough for the table, and without the NUL that PostgreSQL cannot store.
fn stored(message: &str) -> String {
    message.chars().take(ERROR_CHARS_MAX).map(|c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("(no message)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_stored_short_and_without_nul() {
        assert_eq!(stored("a\0b"), "a\u{fffd}b");
        assert_eq!(stored(&"ü".repeat(5_000)).chars().count(), ERROR_CHARS_MAX);
    }
}
