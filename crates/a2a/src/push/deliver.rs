//! The job that tells of a task.

use std::time::{Duration, Instant};

use rialto_jobs::{Failure, Job, RetryPolicy, enqueue};
use rialto_kernel::{Clock, Timestamp};
use rialto_outbound::{CallLimits, Method, OutboundClient, OutboundError, OutboundRequest};
use rialto_registry::CredentialCipher;
use rialto_store::{Db, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::Secrets;
use crate::{
    model::{StoredPush, TaskId},
    store::{EventStore, PushStore, TaskStore},
    task,
    wire::{Version, types::StreamItem, v03},
};

/// How many events are read at once.
const PAGE: i64 = 50;
/// What a receiver may take.
const LIMITS: CallLimits = CallLimits {
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(15),
    response_bytes_max: 64 * 1_024,
};

/// How often a receiver is tried: within about a quarter of an hour in all.
const PATIENCE: RetryPolicy =
    RetryPolicy { attempts_max: 10, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(300) };
/// For how long a job goes on. What is left is for the next.
const JOB_TIME: Duration = Duration::from_secs(60);

/// Tells a configuration of a task all that it has not been told yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TellOfTask {
    /// Of which task.
    pub task: TaskId,
    /// Which of its configurations.
    pub config: String,
    /// When that was made: another in its place has jobs of its own.
    #[serde(default)]
    pub of: Option<Timestamp>,
    /// How often the receiver has failed in a row.
    #[serde(default)]
    pub failed: u32,
}

/// What the job needs of its process.
pub struct Delivery {
    /// The database.
    pub db: Db,
    /// The way out.
    pub client: OutboundClient,
    /// Opens the secrets.
    pub cipher: CredentialCipher,
    /// The time.
    pub clock: Clock,
}

/// What is to be told next.
enum Next {
    /// These events, by number.
    Events(Box<StoredPush>, Vec<(i64, Value)>),
    /// Nothing: whoever writes the next event has to queue a job again.
    Nothing,
}

impl Job for TellOfTask {
    const NAME: &'static str = "a2a.tell-of-task";
    /// For failures of the database: those of receivers are counted by the job itself, which has to say that it stops.
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 100, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(300) };
    const TIME_MAX: Duration = Duration::from_secs(120);
    type Context = Delivery;

    async fn run(&self, delivery: &Delivery) -> Result<(), Failure> {
        let (began, mut failed) = (Instant::now(), self.failed);
        loop {
            let job = self.clone();
            let next = delivery.db.write(async move |tx: &mut Tx| job.next(tx).await).await?;
            let Next::Events(push, events) = next else { return Ok(()) };
            for (seq, body) in events {
                if began.elapsed() >= JOB_TIME {
                    return self.again(delivery, failed, Duration::ZERO).await;
                }
                if let Err(refusal) = delivery.tell(&push, &body).await {
                    failed = failed.saturating_add(1);
                    let wait = PATIENCE.wait(failed);
                    return if refusal.is_final || failed >= PATIENCE.attempts_max {
                        self.give_up(delivery, &refusal.why).await
                    } else {
                        tracing::debug!(task.id = %self.task, why = refusal.why, "a receiver could not be told of a task yet");
                        self.again(delivery, failed, wait).await
                    };
                }
                failed = 0;
                let job = self.clone();
                let told = async move |tx: &mut Tx| job.progress(tx, Some(seq), true).await;
                delivery.db.write(told).await?;
            }
        }
    }
}

/// Why a receiver was not told.
struct Refusal {
    why: String,
    /// Trying again would not help.
    is_final: bool,
}

impl TellOfTask {
    /// The configuration, locked, if it is still the one that this job is for.
    async fn lock(&self, tx: &mut Tx) -> Result<Option<StoredPush>, StoreError> {
        let push = tx.lock_push(self.task, &self.config).await?;
        Ok(push.filter(|push| self.of.is_none_or(|of| of == push.created_at)))
    }

    async fn progress(&self, tx: &mut Tx, delivered: Option<i64>, queued: bool) -> Result<(), StoreError> {
        if let Some(push) = self.lock(tx).await? {
            tx.set_push_progress(self.task, &self.config, delivered.unwrap_or(push.delivered), queued).await?;
        }
        Ok(())
    }

    /// Reads on, and says that the job stops when there is nothing more, both with the configuration locked.
    async fn next(&self, tx: &mut Tx) -> Result<Next, StoreError> {
        let Some(push) = self.lock(tx).await? else { return Ok(Next::Nothing) };
        let events = tx.list_events(self.task, push.delivered, PAGE).await?;
        if events.is_empty() {
            tx.set_push_progress(self.task, &self.config, push.delivered, false).await?;
            return Ok(Next::Nothing);
        }
        let bodies = match push.version {
            Version::V10 => events.iter().map(|(seq, event)| (*seq, serde_json::to_value(event).unwrap_or_default())).collect(),
            Version::V03 => legacy_bodies(tx, self.task, &events).await?,
        };
        Ok(Next::Events(Box::new(push), bodies))
    }

    /// Leaves the rest to another job, after a while.
    async fn again(&self, delivery: &Delivery, failed: u32, wait: Duration) -> Result<(), Failure> {
        let (job, now) = (Self { failed, ..self.clone() }, delivery.clock.now());
        let again = async move |tx: &mut Tx| match job.lock(tx).await? {
            Some(_) => enqueue(tx, &job, now.after(wait), None, now).await.map(drop),
            None => Ok(()),
        };
        Ok(delivery.db.write::<_, StoreError, _>(again).await?)
    }

    /// Stops. What was not told is told when something new happens, if the receiver is there again.
    async fn give_up(&self, delivery: &Delivery, why: &str) -> Result<(), Failure> {
        tracing::warn!(task.id = %self.task, config = self.config, why, "a receiver cannot be told of a task");
        let job = self.clone();
        Ok(delivery.db.write(async move |tx: &mut Tx| job.progress(tx, None, false).await).await?)
    }
}

/// Version 0.3 is told of the task as a whole, when it stands elsewhere.
async fn legacy_bodies(tx: &mut Tx, task: TaskId, events: &[(i64, StreamItem)]) -> Result<Vec<(i64, Value)>, StoreError> {
    let Some((last, _)) = events.last() else { return Ok(Vec::new()) };
    let Some(stored) = tx.find_task(task).await? else { return Ok(Vec::new()) };
    let whole = task::snapshot(tx, stored, None).await?;
    Ok(vec![(*last, v03::task(&whole))])
}

impl Delivery {
    async fn tell(&self, push: &StoredPush, body: &Value) -> Result<(), Refusal> {
        let request = self.request(push, body).map_err(|failure| Refusal { why: failure.to_string(), is_final: false })?;
        let answer = self.client.send(request).await.map_err(|error| {
            // What may not be called today may not be called in a minute either.
            let is_final = matches!(error, OutboundError::Refused(_) | OutboundError::Request(_));
            Refusal { why: error.to_string(), is_final }
        })?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(Refusal { why: format!("the receiver answered {}", answer.status.as_u16()), is_final: false })
    }

    fn request(&self, push: &StoredPush, body: &Value) -> Result<OutboundRequest, Failure> {
        let secrets = match &push.secrets {
            Some(sealed) => {
                let text = self.cipher.open(push.task, sealed)?;
                serde_json::from_str::<Secrets>(&text)?
            }
            None => Secrets { token: None, credentials: None },
        };
        let mut request = OutboundRequest::new(Method::POST, push.url.as_str())
            .user_agent("Rialto-A2A/1.0")
            .limits(LIMITS)
            .text_header("Content-Type", "application/a2a+json")?
            .text_header("A2A-Version", push.version.as_str())?
            .body(body.to_string());
        if let Some(token) = &secrets.token {
            request = request.text_header("X-A2A-Notification-Token", token)?;
        }
        if let (Some(scheme), Some(credentials)) = (&push.scheme, &secrets.credentials) {
            request = request.text_header("Authorization", &format!("{scheme} {credentials}"))?;
        }
        Ok(request)
    }
}
