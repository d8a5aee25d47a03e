//! What the tests of networks start from: owners, a clock that is moved by hand, a server for callbacks, a courier.

use std::{future::Future, time::Duration};

use diesel::ExpressionMethods;
use rialto_jobs::RetryPolicy;
use rialto_kernel::{Caller, Clock, CredentialKind, OwnerId, PageRequest, Role, Timestamp};
use rialto_networks::{
    self as networks, CallbackUrls, Capability, Doorkeeper, Heard, InboxQuery, Keys, Letter, MessageFilter, MessageId, Network,
    NetworkError, NetworkId, Networks, NetworksConfig, NewMessage, NewNetwork, NewParticipant, Participant, ParticipantId,
    ParticipantKind, Said, Topology,
};
use rialto_outbound::{ClientOptions, OutboundClient};
use rialto_registry::CredentialCipher;
use rialto_store::{
    Db, StoreError, Tx, on,
    testing::TestDb,
    types::{Uid, UtcTime},
};
use serde_json::Value;
use tokio::runtime::Handle;

pub use super::peer::{Manner, Peer};

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
/// What a callback may take in these tests. Whoever answers at once has to make it on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(3);

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub networks: Networks,
    pub peer: Peer,
    pub ada: Caller,
}

pub fn config() -> NetworksConfig {
    NetworksConfig {
        patience: PATIENCE,
        retry: RetryPolicy { attempts_max: 3, wait_first: Duration::from_secs(2), wait_max: Duration::from_secs(8) },
        poll: Duration::from_millis(20),
        ..NetworksConfig::default()
    }
}

pub fn door(places_max: u32) -> Doorkeeper {
    Doorkeeper { cipher: CredentialCipher::new(&[7; 32]), urls: CallbackUrls::new(b"a key", "http://rialto.test"), places_max }
}

impl World {
    pub async fn new(test: &TestDb) -> Self {
        let (db, clock) = (test.db.clone(), Clock::fixed(NOON));
        let networks = Self::networks(&db, &clock);
        let ada = owner(&db).await;
        Self { db, clock, networks, peer: Peer::start().await, ada }
    }

    pub fn networks(db: &Db, clock: &Clock) -> Networks {
        Self::networks_with(db, clock, config())
    }

    pub fn networks_with(db: &Db, clock: &Clock, config: NetworksConfig) -> Networks {
        let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
        let agents = CredentialCipher::new(&[8; 32]);
        Networks::new(db.clone(), client, agents, door(50), clock.clone(), config, Handle::current())
    }

    pub async fn network(&self, topology: Topology, metadata: Option<Value>) -> Network {
        let (ada, now) = (self.ada, self.clock.now());
        let new = NewNetwork { name: "Team".into(), topology, metadata };
        self.write(async move |tx: &mut Tx| networks::create_network(tx, &ada, &new, now).await).await.unwrap()
    }

    /// Somebody who polls.
    pub async fn poller(&self, network: &Network, name: &str) -> Participant {
        self.join(network, NewParticipant { polling_enabled: true, ..newcomer(name) }).await.unwrap().0
    }

    /// Somebody with a callback that behaves like this. The path is its name.
    pub async fn pushed(&self, network: &Network, name: &str, manner: Manner) -> Participant {
        let url = self.peer.url(&format!("/{name}"), manner);
        self.join(network, NewParticipant { callback_url: Some(url), ..newcomer(name) }).await.unwrap().0
    }

    pub async fn join(&self, network: &Network, new: NewParticipant) -> Result<(Participant, Keys), NetworkError> {
        let (ada, id, door) = (self.ada, network.id, self.networks.door().clone());
        // Nobody joins at the same moment as somebody else.
        self.clock.advance(Duration::from_micros(1));
        let now = self.clock.now();
        self.write(async move |tx: &mut Tx| networks::join(tx, &door, &ada, id, &new, now).await).await
    }

    pub async fn send(&self, from: &Participant, to: &Participant, content: &str) -> Result<Letter, NetworkError> {
        self.send_as(self.ada, message(from, to, content)).await
    }

    pub async fn send_as(&self, caller: Caller, new: NewMessage) -> Result<Letter, NetworkError> {
        let (recipient, now) = (new.recipient, self.clock.now());
        let sent = self.write(async move |tx: &mut Tx| networks::send(tx, &caller, &new, now).await).await;
        self.networks.wake(recipient);
        sent
    }

    pub async fn mail(&self, from: &Participant, to: &Participant, content: &str) -> Letter {
        let (ada, new, now) = (self.ada, message(from, to, content), self.clock.now());
        self.write(async move |tx: &mut Tx| networks::send_to_mailbox(tx, &ada, &new, now).await).await.unwrap()
    }

    pub async fn hear(&self, who: &Participant, shown: &Capability, said: Said) -> Result<Heard, NetworkError> {
        self.hearing(who, shown, said).await
    }

    pub fn hearing(
        &self,
        who: &Participant,
        shown: &Capability,
        said: Said,
    ) -> impl Future<Output = Result<Heard, NetworkError>> + Send + 'static + use<> {
        let (network, id, shown, now) = (who.network, who.id, shown.clone(), self.clock.now());
        let urls = self.networks.door().urls.clone();
        self.write(async move |tx: &mut Tx| networks::hear(tx, &urls, &shown, network, id, &said, now).await)
    }

    pub async fn inbox(&self, of: &Participant, query: InboxQuery) -> Vec<Letter> {
        let (ada, network, id) = (self.ada, of.network, of.id);
        self.write(async move |tx: &mut Tx| networks::inbox(tx, &ada, network, id, &query).await).await.unwrap()
    }

    pub async fn ack(&self, network: NetworkId, ids: Vec<MessageId>) -> Result<usize, NetworkError> {
        self.ack_for(network, None, ids).await
    }

    pub async fn ack_for(
        &self,
        network: NetworkId,
        participant: Option<ParticipantId>,
        ids: Vec<MessageId>,
    ) -> Result<usize, NetworkError> {
        let (ada, now) = (self.ada, self.clock.now());
        self.write(async move |tx: &mut Tx| networks::acknowledge(tx, &ada, network, participant, &ids, now).await).await
    }

    pub async fn message(&self, network: NetworkId, id: MessageId) -> Letter {
        let ada = self.ada;
        self.write(async move |tx: &mut Tx| networks::find_message(tx, &ada, network, id).await).await.unwrap()
    }

    pub async fn messages(&self, network: NetworkId, filter: MessageFilter) -> Vec<Letter> {
        let (ada, page) = (self.ada, PageRequest::first(500));
        self.write(async move |tx: &mut Tx| networks::list_messages(tx, &ada, network, &filter, page).await).await.unwrap()
    }

    pub fn write<R, F>(&self, work: F) -> impl Future<Output = Result<R, NetworkError>> + Send + 'static + use<R, F>
    where
        F: AsyncFn(&mut Tx) -> Result<R, NetworkError> + Send + 'static,
        R: Send + 'static,
    {
        let db = self.db.clone();
        async move { db.write(work).await }
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

/// Somebody new.
pub async fn owner(db: &Db) -> Caller {
    somebody(db, Role::Operator).await
}

pub async fn somebody(db: &Db, role: Role) -> Caller {
    let owner = OwnerId::new();
    db.write(async move |tx: &mut Tx| {
        let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(NOON));
        on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
    })
    .await
    .unwrap();
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

/// A participant that has no way to be reached yet.
pub fn newcomer(name: &str) -> NewParticipant {
    NewParticipant {
        name: name.to_owned(),
        agent: None,
        kind: ParticipantKind::Agent,
        callback_url: None,
        polling_enabled: false,
        capabilities: None,
    }
}

pub fn message(from: &Participant, to: &Participant, content: &str) -> NewMessage {
    NewMessage { network: from.network, sender: from.id, recipient: to.id, content: content.to_owned(), metadata: None }
}

pub fn said(content: &str) -> Said {
    Said {
        content: content.to_owned(),
        recipient: None,
        channel: networks::Channel::Message,
        metadata: None,
        in_reply_to: None,
        key: None,
        webhook_id: None,
    }
}

pub const ALL: InboxQuery = InboxQuery { channel: None, after: 0, limit: 200 };

/// Asks again and again, for at most half a minute, until it is so.
pub async fn eventually(what: &str, ask: impl AsyncFn() -> bool) {
    let patient = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patient).await.unwrap_or_else(|_| panic!("it never happened: {what}"));
}

/// What the letters say.
pub fn contents(letters: &[Letter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.message.content.as_str()).collect()
}
