//! What the tests of webhooks start from: owners, a clock that is moved by hand, a server that is told, readers and couriers.

use std::time::Duration;

use diesel::ExpressionMethods;
use rialto_delivery::{
    self as delivery, Delivery, DeliveryStatus, LogQuery, NewWebhook, Running, Webhook, WebhookError, WebhookId, Webhooks,
    WebhooksConfig,
};
use rialto_kernel::{Caller, Clock, CredentialKind, Event, OwnerId, Role, Timestamp};
use rialto_outbound::{ClientOptions, OutboundClient};
use rialto_registry::CredentialCipher;
use rialto_store::{
    Db, StoreError, Tx, on, outbox,
    testing::TestDb,
    types::{Uid, UtcTime},
};
use serde_json::json;
use uuid::Uuid;

pub use super::peer::{Manner, Peer, Seen};

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime};
    owners (id) {
        id -> Uid,
        kind -> Text,
        external_id -> Nullable<Text>,
        created_at -> UtcTime,
    }
}

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
pub const SECRET: &str = "whsec_my_webhook_secret";

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub webhooks: Webhooks,
    pub peer: Peer,
    /// A buyer, a provider, and somebody who has nothing to do with them.
    pub ada: Caller,
    pub bob: Caller,
    pub eve: Caller,
}

pub fn config() -> WebhooksConfig {
    WebhooksConfig { patience: Duration::from_secs(3), poll: Duration::from_millis(20), ..WebhooksConfig::default() }
}

fn webhooks(db: &Db, clock: &Clock, config: WebhooksConfig) -> Webhooks {
    let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
    Webhooks::new(db.clone(), client, cipher(), clock.clone(), config)
}

pub fn cipher() -> CredentialCipher {
    CredentialCipher::new(&[7; 32])
}

impl World {
    pub async fn new(test: &TestDb) -> Self {
        Self::with(test, config()).await
    }

    pub async fn with(test: &TestDb, config: WebhooksConfig) -> Self {
        let (db, clock) = (test.db.clone(), Clock::fixed(NOON));
        let webhooks = webhooks(&db, &clock, config);
        let (ada, bob, eve) = (owner(&db, "ada").await, owner(&db, "bob").await, owner(&db, "eve").await);
        Self { db, clock, webhooks, peer: Peer::start().await, ada, bob, eve }
    }

    /// The same webhooks, as another process has them.
    pub fn again(&self) -> Webhooks {
        webhooks(&self.db, &self.clock, config())
    }

    pub async fn stop(&self, running: Running) {
        running.stop(Duration::from_secs(5)).await;
    }

    /// A webhook of somebody at a path that behaves like this.
    pub async fn hook(&self, owner: Caller, path: &str, manner: Manner, events: &[&str]) -> Webhook {
        let made = self.try_hook(owner, &self.peer.url(path, manner), events).await.unwrap();
        self.webhooks.wake();
        made
    }

    pub fn try_hook(
        &self,
        owner: Caller,
        url: &str,
        events: &[&str],
    ) -> impl Future<Output = Result<Webhook, WebhookError>> + Send + 'static + use<> {
        let new = NewWebhook {
            url: url.to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            secret: SECRET.to_owned().into(),
        };
        let now = self.clock.now();
        self.write(async move |tx: &mut Tx| delivery::create_webhook(tx, &cipher(), &owner, &new, now).await)
    }

    /// A delivered call of a service, as the proxy tells of it.
    pub async fn call(&self, buyer: Caller, provider: Caller, service: Uuid, usage: &str) {
        let (at, usage) = (self.clock.now(), usage.to_owned());
        let tell = async move |tx: &mut Tx| {
            let data = json!({
                "usage_id": usage, "service_id": service, "buyer_owner_id": buyer.owner, "provider_owner_id": provider.owner,
                "amount_usd": "0.05", "commission_usd": "0.00", "payment_method": "balance", "free_tier": false,
                "status_code": 200, "latency_ms": 150, "reason": null,
            });
            let paid = Event { kind: "payment.completed", subject: service, owner: Some(buyer.owner), data: data.clone(), at };
            outbox::append(tx, paid).await?;
            let called = Event { kind: "service.called", subject: service, owner: Some(provider.owner), data, at };
            outbox::append(tx, called).await
        };
        self.db.write::<_, StoreError, _>(tell).await.unwrap();
    }

    /// A webhook's deliveries, the oldest first.
    pub async fn log(&self, owner: Caller, webhook: &Webhook) -> Vec<Delivery> {
        let mut log = self.try_log(owner, webhook.id).await.unwrap();
        log.reverse();
        log
    }

    pub async fn try_log(&self, owner: Caller, webhook: WebhookId) -> Result<Vec<Delivery>, WebhookError> {
        let query = LogQuery { status: None, after: None, limit: 1_000 };
        let page = self.write(async move |tx: &mut Tx| delivery::list_deliveries(tx, &owner, webhook, &query).await).await?;
        Ok(page.deliveries)
    }

    /// Waits until so many deliveries of a webhook stand so.
    pub async fn until(&self, owner: Caller, webhook: &Webhook, status: DeliveryStatus, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} are {}", status.as_str()), async || {
            self.log(owner, webhook).await.iter().filter(|one| one.status == status).count() >= count
        })
        .await;
        self.log(owner, webhook).await
    }

    /// What was told of at a path: the events' usage ids, in the order in which they came.
    pub fn told(&self, path: &str) -> Vec<String> {
        let usage = |seen: &Seen| seen.json()["payload"]["usage_id"].as_str().unwrap().to_owned();
        self.peer.seen(path).iter().map(usage).collect()
    }

    pub fn write<R, F>(&self, work: F) -> impl Future<Output = Result<R, WebhookError>> + Send + 'static + use<R, F>
    where
        F: AsyncFn(&mut Tx) -> Result<R, WebhookError> + Send + 'static,
        R: Send + 'static,
    {
        let db = self.db.clone();
        async move { db.write(work).await }
    }

    /// Changes rows behind everybody's back.
    pub async fn spoil(&self, sql: &'static str) {
        let spoil = async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(sql).execute(conn).await);
        assert!(self.db.write::<usize, StoreError, _>(spoil).await.unwrap() > 0, "{sql}");
    }

    /// Sends a test to a webhook.
    pub async fn ping(&self, owner: Caller, webhook: &Webhook) -> Delivery {
        let (id, now) = (webhook.id, self.clock.now());
        let sent = self.write(async move |tx: &mut Tx| delivery::send_test(tx, &owner, id, now).await).await.unwrap();
        self.webhooks.rouse(id);
        sent
    }

    /// How many rows a query counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let row: Result<Count, StoreError> =
            self.db.read(async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(sql).get_result(conn).await)).await;
        row.unwrap().n
    }
}

/// Somebody new of this name.
pub async fn owner(db: &Db, name: &'static str) -> Caller {
    let owner = OwnerId::new();
    db.write(async move |tx: &mut Tx| {
        let row = (owners::id.eq(owner), owners::kind.eq("external"), owners::external_id.eq(name), owners::created_at.eq(NOON));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
    })
    .await
    .unwrap();
    Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

/// Answers everything with 200.
pub fn fine() -> Manner {
    Manner::Answer(200, "{}".into())
}

/// Asks again and again, for at most half a minute, until it is so.
pub async fn eventually(what: &str, ask: impl AsyncFn() -> bool) {
    let patient = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patient).await.unwrap_or_else(|_| panic!("it never happened: {what}"));
}
