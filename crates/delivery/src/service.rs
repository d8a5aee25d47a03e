//! What webhooks do beside the database: reading the outbox, and sending.

use std::{sync::Arc, time::Duration};

use rialto_jobs::lanes::{Courier, Desk};
use rialto_kernel::{Clock, Timestamp};
use rialto_outbound::{OutboundClient, OutboundPolicy};
use rialto_registry::CredentialCipher;
use rialto_store::{Db, Gathered};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    courier::{LaneEnd, write_ends},
    model::WebhookId,
    reader,
    subscribe::WEBHOOKS_MAX,
};

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
    /// How long a webhook is served before it makes room for others that wait.
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
            // An owner has not so many: how many are served at once is settled by what is left for others.
            lanes_per_owner_max: u32::from(WEBHOOKS_MAX) + 1,
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
    /// What has come of lanes, written for all of them at once.
    pub(crate) ends: Gathered<Arc<LaneEnd>>,
    /// Tells the courier of this process that there is something to send.
    pub(crate) desk: Desk<WebhookId>,
    /// Tells the reader of this process that there may be a first webhook.
    pub(crate) made: Notify,
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A reader and a courier at work.
pub struct Running {
    /// In a set, because that ends its task when it is dropped.
    reader: JoinSet<()>,
    courier: Courier,
}

impl Webhooks {
    /// Webhooks in `db` whose events go out through `client`; `cipher` seals their secrets.
    #[must_use]
    pub fn new(db: Db, client: OutboundClient, cipher: CredentialCipher, clock: Clock, config: WebhooksConfig) -> Self {
        let ends = Gathered::new(&db, write_ends);
        let (desk, made) = (Desk::default(), Notify::new());
        Self { inner: Arc::new(Inner { db, client, cipher, clock, config, ends, desk, made }) }
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

    /// Says that a webhook was made or changed. To be called when the transaction has committed; without it things go on a little
    /// later.
    pub fn wake(&self) {
        self.inner.made.notify_one();
        self.inner.desk.wake();
    }

    /// Says that something was queued for this webhook, or that it was changed, in the same way.
    pub fn rouse(&self, webhook: WebhookId) {
        self.inner.made.notify_one();
        self.inner.desk.rouse(webhook);
    }

    /// Sets a reader and a courier to work, on tasks of the runtime that this is called on.
    #[must_use = "what is dropped stops at once and leaves its lanes to their leases"]
    pub fn start(&self) -> Running {
        let mut reader = JoinSet::new();
        reader.spawn(reader::run(Arc::clone(&self.inner)));
        Running { reader, courier: Courier::start(Arc::clone(&self.inner)) }
    }
}

impl Running {
    /// Stops: nothing new is sent, what is being sent may be taken for `grace`, and all lanes are given back. Returns when
    /// nothing of this runs.
    pub async fn stop(mut self, grace: Duration) {
        tokio::join!(self.reader.shutdown(), self.courier.stop(grace));
    }
}
