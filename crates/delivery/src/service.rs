//! What webhooks do beside the database: reading the outbox, and sending.

use std::{sync::Arc, time::Duration};

use rialto_kernel::{Clock, Timestamp};
use rialto_outbound::{OutboundClient, OutboundPolicy};
use rialto_registry::CredentialCipher;
use rialto_store::Db;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{courier, reader};

/// What webhooks may spend.
#[derive(Debug, Clone)]
pub struct WebhooksConfig {
    /// How long a receiver may take.
    pub patience: Duration,
    /// How long after each failed attempt a delivery is sent again. After as many it is dead.
    pub retries: Vec<Duration>,
    /// How many webhooks may be served at once.
    pub lanes_max: u32,
    /// How many webhooks of one owner may be served at once.
    pub lanes_per_owner_max: u32,
    /// How many deliveries of one webhook may be on their way at once.
    pub at_once: usize,
    /// How long a webhook is served before others have their turn.
    pub turn: Duration,
    /// For how long a courier that says nothing is believed to live.
    pub lease: Duration,
    /// How often it is looked for what other processes have done when nothing wakes the tasks.
    pub poll: Duration,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            retries: [1, 2, 4].map(Duration::from_secs).to_vec(),
            lanes_max: 256,
            lanes_per_owner_max: 20,
            at_once: 4,
            turn: Duration::from_secs(10),
            lease: Duration::from_secs(15),
            poll: Duration::from_millis(500),
        }
    }
}

/// The webhooks of one server: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct Webhooks {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) client: OutboundClient,
    pub(crate) cipher: CredentialCipher,
    pub(crate) clock: Clock,
    pub(crate) config: WebhooksConfig,
    /// Tells the courier of this process that a lane has become due.
    pub(crate) due: Notify,
    /// Tells the reader of this process that there may be a first webhook.
    pub(crate) made: Notify,
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Working,
    /// Nothing new is sent.
    Draining,
    /// What is still being sent is given back.
    Cut,
}

/// A reader and a courier at work.
pub struct Running {
    phase: watch::Sender<Phase>,
    work: JoinHandle<()>,
}

impl Webhooks {
    /// Webhooks in `db` whose events go out through `client`; `cipher` seals their secrets.
    #[must_use]
    pub fn new(db: Db, client: OutboundClient, cipher: CredentialCipher, clock: Clock, config: WebhooksConfig) -> Self {
        let (due, made) = (Notify::new(), Notify::new());
        Self { inner: Arc::new(Inner { db, client, cipher, clock, config, due, made }) }
    }

    /// What seals secrets.
    #[must_use]
    pub fn cipher(&self) -> &CredentialCipher {
        &self.inner.cipher
    }

    /// Where events may be sent.
    #[must_use]
    pub fn policy(&self) -> &OutboundPolicy {
        self.inner.client.policy()
    }

    /// Says that a webhook was made or changed, or that something was queued. To be called when the transaction has committed;
    /// without it things go on a little later.
    pub fn wake(&self) {
        self.inner.made.notify_one();
        self.inner.due.notify_one();
    }

    /// Sets a reader and a courier to work, on tasks of the runtime that this is called on.
    #[must_use = "what is dropped stops at once and leaves its lanes to their leases"]
    pub fn start(&self) -> Running {
        let (phase, watched) = watch::channel(Phase::Working);
        let (reading, courier) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        let until = watched.clone();
        let work = tokio::spawn(async move {
            tokio::join!(reader::run(reading, until), courier::run(courier, watched));
        });
        Running { phase, work }
    }
}

impl Running {
    /// Stops: nothing new is sent, what is being sent may be taken for `grace`, and all lanes are given back. Returns when
    /// nothing of this runs.
    pub async fn stop(mut self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        if tokio::time::timeout(grace, &mut self.work).await.is_err() {
            self.phase.send_replace(Phase::Cut);
            let _ = (&mut self.work).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
    }
}
