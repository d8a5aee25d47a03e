//! The job that tells of a task.

use std::time::Duration;

use rialto_jobs::{Failure, Job, RetryPolicy};
use rialto_kernel::Clock;
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

/// Tells a configuration of a task all that it has not been told yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct TellOfTask {
    /// Of which task.
    pub task: TaskId,
    /// Which of its configurations.
    pub config: String,
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
    Events(StoredPush, Vec<(i64, Value)>),
    /// Nothing: whoever writes the next event has to queue a job again.
    Nothing,
}

impl Job for TellOfTask {
    const NAME: &'static str = "a2a.tell-of-task";
    // About a quarter of an hour in all.
    const RETRY: RetryPolicy =
        RetryPolicy { attempts_max: 10, wait_first: Duration::from_secs(1), wait_max: Duration::from_secs(300) };
    const TIME_MAX: Duration = Duration::from_secs(120);
    type Context = Delivery;

    async fn run(&self, delivery: &Delivery) -> Result<(), Failure> {
        loop {
            let (task, config) = (self.task, self.config.clone());
            let next = delivery.db.write(async move |tx: &mut Tx| next(tx, task, &config).await).await?;
            let Next::Events(push, events) = next else { return Ok(()) };
            for (seq, body) in events {
                delivery.tell(&push, &body).await?;
                let (task, config) = (self.task, self.config.clone());
                let told = async move |tx: &mut Tx| tx.set_push_progress(task, &config, seq, true).await;
                delivery.db.write::<_, StoreError, _>(told).await?;
            }
        }
    }
}

/// Reads on, and says that the job stops when there is nothing more, both with the configuration locked.
async fn next(tx: &mut Tx, task: TaskId, config: &str) -> Result<Next, StoreError> {
    let Some(push) = tx.lock_push(task, config).await? else { return Ok(Next::Nothing) };
    let events = tx.list_events(task, push.delivered, PAGE).await?;
    if events.is_empty() {
        tx.set_push_progress(task, config, push.delivered, false).await?;
        return Ok(Next::Nothing);
    }
    let bodies = match push.version {
        Version::V10 => events.iter().map(|(seq, event)| (*seq, serde_json::to_value(event).unwrap_or_default())).collect(),
        Version::V03 => legacy_bodies(tx, task, &events).await?,
    };
    Ok(Next::Events(push, bodies))
}

/// Version 0.3 is told of the task as a whole, when it stands elsewhere.
async fn legacy_bodies(tx: &mut Tx, task: TaskId, events: &[(i64, StreamItem)]) -> Result<Vec<(i64, Value)>, StoreError> {
    let Some((last, _)) = events.last() else { return Ok(Vec::new()) };
    let Some(stored) = tx.find_task(task).await? else { return Ok(Vec::new()) };
    let whole = task::snapshot(tx, stored, None).await?;
    Ok(vec![(*last, v03::task(&whole))])
}

impl Delivery {
    async fn tell(&self, push: &StoredPush, body: &Value) -> Result<(), Failure> {
        let request = self.request(push, body)?;
        let answer = self.client.send(request).await.map_err(|error| match error {
            // What may not be called today may not be called in a minute either.
            OutboundError::Refused(_) | OutboundError::Request(_) => Failure::give_up(error.to_string()),
            other => Failure::from(other),
        })?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(Failure::retry(format!("the receiver answered {}", answer.status.as_u16())))
    }

    fn request(&self, push: &StoredPush, body: &Value) -> Result<OutboundRequest, Failure> {
        let secrets = match &push.secrets {
            Some(sealed) => {
                let text = self.cipher.open(push.task.cast(), sealed)?;
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
