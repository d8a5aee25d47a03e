//! Wires the domains to the database, the clock and the outside world. Everything that lives as long as the server.

pub mod a2a;
pub mod agents;
pub mod brief;
pub mod calls;
pub mod deliveries;
pub mod deposits;
pub mod embedder;
pub mod jobs;
pub mod onboarding;
pub mod outbox;
pub mod payments;
pub mod proofs;
pub mod redis;
pub mod reputation;
pub mod retirement;
pub mod stream;
pub mod trading;
pub mod webhooks;
pub mod x402;

use std::{error::Error, sync::Arc, time::Duration};

use rialto_a2a::{A2a, Executor, conformance::Conformance};
use rialto_coordinator::Coordinator;
use rialto_delivery::Webhooks;
use rialto_identity::{Identity, IdentityConfig, Tokens};
use rialto_jobs::RetryPolicy;
use rialto_kernel::Clock;
use rialto_ledger::{Ledger, access::Teller};
use rialto_market::{Exchange, ExchangeOptions};
use rialto_networks::{CallbackUrls, Doorkeeper, Networks, NetworksConfig};
use rialto_outbound::{CallLimits, ClientOptions, OutboundClient, OutboundPolicy, Permits};
use rialto_proxy_billing::{
    Broker, BrokerConfig,
    payments::x402::X402,
    proxy::{Proxy, ProxyConfig},
};
use rialto_registry::{CredentialCipher, Finder, RegistryError, proof::Verifier};
use rialto_simulation::Simulator;
use rialto_store::{Db, DbOptions};
use tokio::runtime::Handle;

use self::brief::Brief;
use crate::{
    config::{Secrets, Settings},
    http::{answer_seal::AnswerSeal, fingerprint::Fingerprints, metrics::Metrics, rate_limit::RateLimits},
    routes::services::{RecommendationList, TrendingList},
};

/// How many requests of one owner may wait at once for something that may come.
const WAITS_PER_OWNER_MAX: u32 = 128;

/// What every handler may reach. One per server.
pub struct App {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Encrypts the answers with a secret in them that are kept for a repeat.
    pub answer_seal: AnswerSeal,
    /// Tells repeats of requests from others under the same idempotency key.
    pub fingerprints: Fingerprints,
    /// The settings.
    pub settings: Settings,
    /// Who is who.
    pub identity: Identity,
    /// Every call to somebody else's server.
    pub outbound: OutboundClient,
    /// Seals the credentials by which agents are called.
    pub cipher: CredentialCipher,
    /// Checks what agents show to prove who they are.
    pub verifier: Verifier,
    /// Finds agents for what somebody needs.
    pub finder: Finder,
    /// Moves money, for whoever may have it moved.
    pub teller: Teller,
    /// Where orders meet.
    pub exchange: Exchange,
    /// Who places them.
    pub traders: trading::Traders,
    /// Has what was bought there delivered.
    pub deliveries: deliveries::Deliveries,
    /// Calls agents, and charges for it.
    pub broker: Broker,
    /// Passes requests on to services, and charges for what is delivered.
    pub proxy: Proxy,
    /// Takes messages of the A2A protocol, and follows their tasks.
    pub a2a: A2a,
    /// Drives tasks and workflows.
    pub coordinator: Coordinator,
    /// Calls participants of networks, and brings them their messages.
    pub networks: Networks,
    /// Tells owners of what happens to them.
    pub webhooks: Webhooks,
    /// Keeps what networks have said last, if there is a Redis.
    pub context_cache: Option<redis::RedisCache>,
    /// Where the broker's calls run, and those of networks.
    _calls: calls::CallsRuntime,
    /// What is on sale, and who takes the money.
    pub payments: payments::Payments,
    /// Runs scenarios.
    pub simulator: Simulator,
    /// What is published as it happens.
    pub streams: stream::Streams,
    /// How many requests wait for something that may come: in all, and of one owner.
    pub waits: Permits,
    /// Which services are called most, by how many were asked for.
    pub trending: Brief<i64, TrendingList, RegistryError>,
    /// Which are recommended, by to whom and how many.
    pub recommended: Brief<(String, i64), RecommendationList, RegistryError>,
    /// Who has asked how often.
    pub rate_limits: RateLimits,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

impl App {
    /// Opens the database, brings it up to date, and wires the rest.
    ///
    /// # Errors
    /// Whatever keeps the server from starting, readable.
    pub async fn start(settings: Settings, secrets: Secrets) -> Result<Self, Box<dyn Error>> {
        let trust = proofs::trust(&settings)?;
        let db = open(&settings).await?;
        let clock = Clock::system();
        let config = IdentityConfig::default();
        let tokens = Tokens::new(&secrets.jwt, config.token_lifetime)?;
        let policy: OutboundPolicy = settings.outbound_allow.parse().map_err(|error| format!("--outbound-allow: {error}"))?;
        let outbound = OutboundClient::new(policy, &ClientOptions::default())?;
        let cipher = CredentialCipher::new(&secrets.encryption);
        let defaults = BrokerConfig::default();
        let total = Duration::from_secs(settings.broker_timeout_seconds.into());
        let broker_config = BrokerConfig {
            call: CallLimits { first_byte: total, idle: total, total, ..defaults.call },
            stream: CallLimits { first_byte: total, idle: total, ..defaults.stream },
            hold_grace: Duration::from_secs(settings.hold_grace_seconds.into()),
            ..defaults
        };
        let finder = embedder::finder(&settings.embedder).await?;
        let metrics = Metrics::new()?;
        let limits =
            stream::Limits { clients: settings.stream_clients, clients_per_address: settings.stream_clients_per_address };
        let (calls, handle) = calls::CallsRuntime::start()?;
        let networks = networks(&settings, &secrets, &db, &outbound, &cipher, &clock, handle.clone());
        let redis = settings.redis_url.as_ref().map(|url| redis::RedisCache::new(url.expose(), clock.clone()));
        let call_max = broker_config.call.total.saturating_add(broker_config.hold_grace);
        let broker = Broker::new(db.clone(), outbound.clone(), cipher.clone(), clock.clone(), broker_config, handle.clone());
        let x402 = x402::take(&settings, &outbound, &handle)?;
        let proxy = proxy(&settings, &db, &outbound, &clock, x402, handle.clone());
        let executor = executor(&settings, &broker, &finder, &db, &clock, &handle, &metrics);
        let agents = agents::Paid { db: db.clone(), finder: finder.clone(), clock: clock.clone(), broker: broker.clone() };
        let market = ExchangeOptions {
            fee: settings.market_fee,
            orders_per_owner_max: settings.market_orders_per_owner,
            ..ExchangeOptions::default()
        };
        Ok(Self {
            deliveries: deliveries::Deliveries::new(db.clone(), clock.clone(), broker.clone(), handle.clone(), call_max),
            a2a: A2a::new(db.clone(), clock.clone(), outbound.clone(), cipher.clone(), executor, handle),
            coordinator: Coordinator::paying(db.clone(), clock.clone(), Arc::new(agents), settings.task_default_max_credits),
            broker,
            proxy,
            exchange: Exchange::new(db.clone(), clock.clone(), market),
            traders: trading::Traders::start(&db),
            networks,
            webhooks: webhooks::webhooks(&settings, &secrets, &db, &outbound, &clock),
            context_cache: redis.transpose().map_err(|error| format!("--redis-url: {error}"))?,
            _calls: calls,
            teller: Teller::new(Ledger::new(db.clone(), clock.clone())),
            identity: Identity::new(db.clone(), clock.clone(), tokens, config)?,
            payments: payments::Payments::new(&settings, &outbound)?,
            verifier: Verifier::new(trust, outbound.clone()),
            outbound,
            cipher,
            finder,
            answer_seal: AnswerSeal::new(&secrets.answers),
            fingerprints: Fingerprints::new(&secrets.fingerprints),
            trending: Brief::default(),
            recommended: Brief::default(),
            rate_limits: RateLimits::default(),
            streams: stream::Streams::start(db.clone(), limits, metrics.streams.clone()),
            waits: Permits::sharing(u32::try_from(limits.clients).unwrap_or(u32::MAX), WAITS_PER_OWNER_MAX),
            metrics,
            simulator: Simulator::start(db.clone(), clock.clone()),
            db,
            clock,
            settings,
        })
    }
}

fn proxy(settings: &Settings, db: &Db, outbound: &OutboundClient, clock: &Clock, x402: Option<X402>, runtime: Handle) -> Proxy {
    let seconds = |n: u32| Duration::from_secs(n.into());
    let config = ProxyConfig {
        timeout: seconds(settings.service_timeout_seconds),
        call_max: seconds(settings.service_call_seconds),
        hold_grace: seconds(settings.hold_grace_seconds),
        kept_bytes_per_buyer_max: settings.service_kept_bytes_per_buyer,
        ..ProxyConfig::default()
    };
    Proxy::new(db.clone(), outbound.clone(), clock.clone(), config, x402, runtime)
}

/// Who works on A2A tasks.
fn executor(
    settings: &Settings,
    broker: &Broker,
    finder: &Finder,
    db: &Db,
    clock: &Clock,
    runtime: &Handle,
    metrics: &Metrics,
) -> Arc<dyn Executor> {
    let (broker, finder, db) = (broker.clone(), finder.clone(), db.clone());
    let (clock, runtime) = (clock.clone(), runtime.clone());
    let charged = metrics.credits_charged.clone();
    let executor = Arc::new(a2a::BrokerExecutor { broker, finder, db, clock, runtime, charged });
    if settings.a2a_conformance { Arc::new(Conformance::before(executor)) } else { executor }
}

fn networks(
    settings: &Settings,
    secrets: &Secrets,
    db: &Db,
    outbound: &OutboundClient,
    agents: &CredentialCipher,
    clock: &Clock,
    runtime: Handle,
) -> Networks {
    let defaults = NetworksConfig::default();
    let config = NetworksConfig {
        patience: Duration::from_secs(settings.network_timeout_seconds.into()),
        retry: RetryPolicy { attempts_max: settings.network_attempts, ..defaults.retry },
        ..defaults
    };
    let door = Doorkeeper {
        cipher: CredentialCipher::new(&secrets.networks),
        urls: CallbackUrls::new(&secrets.jwt, &settings.public_url),
        places_max: settings.network_participants,
    };
    Networks::new(db.clone(), outbound.clone(), agents.clone(), door, clock.clone(), config, runtime)
}

/// Opens the database and brings it up to date.
///
/// # Errors
/// When it cannot be opened, or is newer than this program.
pub async fn open(settings: &Settings) -> Result<Db, Box<dyn Error>> {
    let options = DbOptions { connections_max: settings.database_connections, ..DbOptions::default() };
    let db = Db::open(&settings.database_url, &options).await.map_err(|error| format!("{}: {error}", settings.database_url))?;
    let report = db.migrate().await?;
    if !report.applied.is_empty() {
        tracing::info!(applied = report.applied.join(", "), "the schema was brought up to date");
    }
    Ok(db)
}
