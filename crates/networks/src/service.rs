//! What networks do beside the database: calls, deliveries, and waiting for messages.

use std::{sync::Arc, time::Duration};

use rialto_jobs::{RetryPolicy, lanes::Desk};
use rialto_kernel::{Clock, Timestamp};
use rialto_outbound::{OutboundClient, Permits};
use rialto_registry::CredentialCipher;
use rialto_store::Db;
use tokio::{runtime::Handle, sync::watch};

use crate::{model::ParticipantId, participant::Doorkeeper, wait::Waiters};

/// What networks may spend.
#[derive(Debug, Clone, Copy)]
pub struct NetworksConfig {
    /// How long a participant may take to answer a call, or to take a message.
    pub patience: Duration,
    /// How often, and how long apart, a message is pushed before it has failed.
    pub retry: RetryPolicy,
    /// How many calls may run at once.
    pub calls_max: u32,
    /// How many calls of one owner may run at once.
    pub calls_per_owner_max: u32,
    /// How many participants may be served at once.
    pub lanes_max: u32,
    /// How many participants of one owner may be served at once.
    pub lanes_per_owner_max: u32,
    /// How long a participant is served before it makes room for others that wait.
    pub turn: Duration,
    /// For how long a worker that says nothing is believed to live.
    pub lease: Duration,
    /// How often it is looked for due lanes when nothing wakes the worker.
    pub poll: Duration,
}

impl Default for NetworksConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            retry: RetryPolicy { attempts_max: 6, wait_first: Duration::from_secs(2), wait_max: Duration::from_secs(60) },
            calls_max: 1_024,
            calls_per_owner_max: 128,
            lanes_max: 512,
            lanes_per_owner_max: 128,
            turn: Duration::from_secs(10),
            lease: Duration::from_secs(15),
            poll: Duration::from_millis(500),
        }
    }
}

/// The networks of one server: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct Networks {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) client: OutboundClient,
    pub(crate) clock: Clock,
    /// Opens the credentials of agents.
    pub(crate) agents: CredentialCipher,
    pub(crate) door: Doorkeeper,
    pub(crate) config: NetworksConfig,
    pub(crate) runtime: Handle,
    pub(crate) permits: Permits,
    pub(crate) waiters: Waiters,
    /// Tells the courier of this process that a lane has become due.
    pub(crate) desk: Desk<ParticipantId>,
    pub(crate) closing: watch::Sender<bool>,
}

impl Networks {
    /// Networks in `db` that reach participants through `client`. Calls run on `runtime`, which should outlive those who ask
    /// for them.
    #[must_use]
    pub fn new(
        db: Db,
        client: OutboundClient,
        agents: CredentialCipher,
        door: Doorkeeper,
        clock: Clock,
        config: NetworksConfig,
        runtime: Handle,
    ) -> Self {
        let permits = Permits::new(config.calls_max, config.calls_per_owner_max);
        let (waiters, desk, closing) = (Waiters::default(), Desk::default(), watch::channel(false).0);
        Self { inner: Arc::new(Inner { db, client, clock, agents, door, config, runtime, permits, waiters, desk, closing }) }
    }

    /// What joining takes.
    #[must_use]
    pub fn door(&self) -> &Doorkeeper {
        &self.inner.door
    }

    /// Tells whoever waits in this process that there is something for `recipient`. To be called when the transaction that
    /// put it there has committed; without it things go on a little later.
    pub fn wake(&self, recipient: ParticipantId) {
        self.inner.desk.wake();
        self.inner.waiters.wake(recipient);
    }

    /// Ends all waiting, so that the server can go down.
    pub fn close(&self) {
        self.inner.closing.send_replace(true);
    }

    /// Waits, at most `patience`, until no call is running; none can start from then on. Whether it came to that.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.inner.permits.drain(patience).await
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
