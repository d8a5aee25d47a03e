//! Settings: flags, then `RIALTO_…` in the environment, then a TOML file, then defaults.
//!
//! There is one list, [`Flags`]. A key of the file is a flag with underscores for dashes, and is read by the flag's own
//! parser, so that every source accepts and refuses the same values.

use std::{env, net::SocketAddr, path::PathBuf};

use clap::Args;
use ipnet::IpNet;
use parse::{DatabaseUrlParser, parse_credits, parse_net, parse_ppm, parse_secret};
use rialto_coordinator::UNNAMED_MAX;
use rialto_identity::Secret;
use rialto_kernel::{Amount, Ppm};
use rialto_store::DatabaseUrl;

mod embedder;
mod file;
mod identity;
mod log;
mod mcp;
mod parse;
mod rails;
mod secrets;
mod stripe;
mod webhooks;
mod x402;

pub use embedder::{EmbedderKind, EmbedderSettings, VectorSearchKind};
pub use file::with_file;
#[cfg(test)]
pub use identity::KyaIssuer;
pub use identity::{IdentityFlags, IdentitySettings};
pub use log::LogFormat;
pub use rails::{RailFlags, RailSettings};
pub use secrets::{Secrets, load as load_secrets};
pub use stripe::Stripe;
pub use webhooks::{WebhookFlags, WebhookSettings};
pub use x402::{X402Flags, X402Settings};

/// Every setting, as given. What was not given is `None` and gets its default in [`Settings::from_flags`].
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// A TOML file with any of these settings: `listen = "0.0.0.0:8000"`. `rialto.toml` is read when it is there.
    #[arg(long, env = "RIALTO_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8000]
    #[arg(long, env = "RIALTO_LISTEN", value_name = "ADDRESS:PORT", global = true)]
    pub listen: Option<SocketAddr>,
    /// sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE [default: sqlite:./rialto.db]
    #[arg(long, env = "RIALTO_DATABASE_URL", value_name = "URL", global = true, hide_env_values = true, value_parser = DatabaseUrlParser)]
    pub database_url: Option<DatabaseUrl>,
    /// Connections to PostgreSQL at most [default: 16]
    #[arg(long, env = "RIALTO_DATABASE_CONNECTIONS", value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub database_connections: Option<u16>,
    /// Signs tokens; at least 32 characters. With SQLite it is made and kept beside the database when not given
    #[arg(long, env = "RIALTO_JWT_SECRET", value_name = "SECRET", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub jwt_secret: Option<Secret>,
    /// Encrypts the credentials of agents; at least 32 characters [default: derived from the JWT secret]
    #[arg(long, env = "RIALTO_ENCRYPTION_KEY", value_name = "SECRET", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub encryption_key: Option<Secret>,
    /// Owners may credit their own wallets and confirm their own purchases [default: true for SQLite on loopback]
    #[arg(long, env = "RIALTO_SANDBOX", value_name = "BOOL", global = true)]
    pub sandbox: Option<bool>,
    /// Makes this user an administrator at start, and creates it when there is none
    #[arg(long, env = "RIALTO_ADMIN_EMAIL", value_name = "EMAIL", global = true, requires = "admin_password")]
    pub admin_email: Option<String>,
    /// The password of that user, when it is created
    #[arg(long, env = "RIALTO_ADMIN_PASSWORD", value_name = "PASSWORD", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub admin_password: Option<Secret>,
    /// Requests a minute from one address; 0 is no limit [default: 60, and 0 in the sandbox]
    #[arg(long, env = "RIALTO_RATE_LIMIT_PER_MINUTE", value_name = "N", global = true)]
    pub rate_limit_per_minute: Option<u32>,
    /// Requests at once from one address [default: 120]
    #[arg(long, env = "RIALTO_RATE_LIMIT_BURST", value_name = "N", global = true)]
    pub rate_limit_burst: Option<u32>,
    /// Credentials that prove nothing, a minute from one address, before they are answered with 429; 0 is no limit [default: 30]
    #[arg(long, env = "RIALTO_AUTH_FAILURES_PER_MINUTE", value_name = "N", global = true)]
    pub auth_failures_per_minute: Option<u32>,
    /// Proxies whose X-Forwarded-For is believed: addresses or CIDRs, separated by commas
    #[arg(long, env = "RIALTO_TRUSTED_PROXIES", value_name = "CIDR,…", global = true, value_delimiter = ',', value_parser = parse_net)]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// Private places that agents may be at: hosts, *.suffixes, addresses or CIDRs, separated by commas
    #[arg(long, env = "RIALTO_OUTBOUND_ALLOW", value_name = "HOST,…", global = true)]
    pub outbound_allow: Option<String>,
    /// Credits that a new user is welcomed with [default: 500]
    #[arg(long, env = "RIALTO_WELCOME_CREDITS", value_name = "CREDITS", global = true, value_parser = parse_credits)]
    pub welcome_credits: Option<Amount>,
    /// Packages on sale, as JSON: [{"id":"starter","credits":500,"price_cents":500,"label":"$5"}]
    #[arg(long, env = "RIALTO_CREDIT_PACKAGES", value_name = "JSON", global = true)]
    pub credit_packages: Option<String>,
    /// What the house takes of a trade on the market, in parts per million, where a capability says nothing else [default: 0]
    #[arg(long, env = "RIALTO_MARKET_FEE_PPM", value_name = "PPM", global = true, value_parser = parse_ppm)]
    pub market_fee_ppm: Option<Ppm>,
    /// Open orders of one owner on the market at most, of all its agents and all capabilities together [default: 2000]
    #[arg(long, env = "RIALTO_MARKET_ORDERS_PER_OWNER", value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub market_orders_per_owner: Option<u32>,
    /// What an agent may cost that a task or a step of a workflow finds and does not name, in credits, where it does not say max_credits [default: 100]
    #[arg(long, env = "RIALTO_TASK_DEFAULT_MAX_CREDITS", value_name = "CREDITS", global = true, value_parser = parse_credits)]
    pub task_default_max_credits: Option<Amount>,
    /// How long an invoked agent may take, in seconds; a streamed call only until its first byte and between two [default: 30]
    #[arg(long, env = "RIALTO_BROKER_TIMEOUT_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub broker_timeout_seconds: Option<u32>,
    /// How long money stays held after that when the server dies in between, in seconds [default: 30]
    #[arg(long, env = "RIALTO_HOLD_GRACE_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub hold_grace_seconds: Option<u32>,
    /// How long a service may take to begin its answer, and between two pieces of it, unless it says so itself, in seconds [default: 30]
    #[arg(long, env = "RIALTO_SERVICE_TIMEOUT_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub service_timeout_seconds: Option<u32>,
    /// How long a call of a service may take in all, in seconds [default: 300]
    #[arg(long, env = "RIALTO_SERVICE_CALL_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub service_call_seconds: Option<u32>,
    /// The largest body of a request for a service, in bytes [default: 67108864]
    #[arg(long, env = "RIALTO_SERVICE_BODY_LIMIT_BYTES", value_name = "BYTES", global = true, value_parser = clap::value_parser!(u32).range(1024..))]
    pub service_body_limit_bytes: Option<u32>,
    /// How much is kept, in 25 hours, of the answers to one buyer's calls of services, for repeats of an Idempotency-Key, in bytes [default: 1073741824]
    #[arg(long, env = "RIALTO_SERVICE_KEPT_BYTES_PER_BUYER", value_name = "BYTES", global = true)]
    pub service_kept_bytes_per_buyer: Option<u64>,
    /// The largest request body, in bytes [default: 1048576]
    #[arg(long, env = "RIALTO_BODY_LIMIT_BYTES", value_name = "BYTES", global = true, value_parser = clap::value_parser!(u32).range(1024..=104_857_600))]
    pub body_limit_bytes: Option<u32>,
    /// Clients of the live stream at most [default: 1000]
    #[arg(long, env = "RIALTO_STREAM_CLIENTS", value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub stream_clients: Option<u32>,
    /// Clients of the live stream from one address at most [default: 50]
    #[arg(long, env = "RIALTO_STREAM_CLIENTS_PER_ADDRESS", value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub stream_clients_per_address: Option<u32>,
    /// How long a participant of a network may take to answer a call or to take a message, in seconds [default: 30]
    #[arg(long, env = "RIALTO_NETWORK_TIMEOUT_SECONDS", value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub network_timeout_seconds: Option<u32>,
    /// How often a message is pushed to a participant before it has failed [default: 6]
    #[arg(long, env = "RIALTO_NETWORK_ATTEMPTS", value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub network_attempts: Option<u32>,
    /// Participants of one network at most [default: 50]
    #[arg(long, env = "RIALTO_NETWORK_PARTICIPANTS", value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub network_participants: Option<u32>,
    /// A Redis that keeps the contexts of networks: redis://HOST. The database does without one
    #[arg(long, env = "RIALTO_REDIS_URL", value_name = "URL", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub redis_url: Option<Secret>,
    /// Threads that answer requests [default: one a core]
    #[arg(long, env = "RIALTO_WORKERS", value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// The key of a Stripe account (or of what speaks like it); purchases are simulated without one
    #[arg(
        long,
        env = "RIALTO_STRIPE_SECRET_KEY",
        value_name = "KEY",
        global = true,
        hide_env_values = true,
        value_parser = parse_secret,
        requires = "stripe_webhook_secret"
    )]
    pub stripe_secret_key: Option<Secret>,
    /// The secret that signs that account's webhooks
    #[arg(long, env = "RIALTO_STRIPE_WEBHOOK_SECRET", value_name = "SECRET", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub stripe_webhook_secret: Option<Secret>,
    /// Where that account's API is [default: https://api.stripe.com]
    #[arg(long, env = "RIALTO_STRIPE_API_BASE", value_name = "URL", global = true)]
    pub stripe_api_base: Option<String>,
    #[command(flatten)]
    pub rails: RailFlags,
    /// Where clients reach this server from outside; buyers return there after paying [default: http://LISTEN]
    #[arg(long, env = "RIALTO_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    #[command(flatten)]
    pub x402: X402Flags,
    /// Answers the A2A protocol's test kit at the platform's address; for tests alone [default: false]
    #[arg(long, env = "RIALTO_A2A_CONFORMANCE", value_name = "BOOL", global = true)]
    pub a2a_conformance: Option<bool>,
    /// What makes the vectors by which agents are found: builtin, http, or off for words alone [default: builtin]
    #[arg(long, env = "RIALTO_EMBEDDER", value_name = "KIND", global = true)]
    pub embedder: Option<EmbedderKind>,
    /// Where an embedder that speaks as OpenAI's API does is, up to and without /embeddings [default: https://api.openai.com/v1]
    #[arg(long, env = "RIALTO_EMBEDDER_URL", value_name = "URL", global = true)]
    pub embedder_url: Option<String>,
    /// Its model
    #[arg(long, env = "RIALTO_EMBEDDER_MODEL", value_name = "NAME", global = true)]
    pub embedder_model: Option<String>,
    /// How many numbers that model's vectors have
    #[arg(long, env = "RIALTO_EMBEDDER_DIMENSIONS", value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub embedder_dimensions: Option<u16>,
    /// Its key, if it wants one
    #[arg(long, env = "RIALTO_EMBEDDER_KEY", value_name = "KEY", global = true, hide_env_values = true, value_parser = parse_secret)]
    pub embedder_key: Option<Secret>,
    /// Where the agents nearest to a query are looked up: memory, pgvector, or auto, which is pgvector beyond 100,000 agents where
    /// PostgreSQL has it [default: auto]
    #[arg(long, env = "RIALTO_VECTOR_SEARCH", value_name = "KIND", global = true)]
    pub vector_search: Option<VectorSearchKind>,
    #[command(flatten)]
    pub identity: IdentityFlags,
    #[command(flatten)]
    pub mcp: mcp::McpFlags,
    #[command(flatten)]
    pub webhooks: WebhookFlags,
    /// How to write the log [default: human on a terminal, json elsewhere]
    #[arg(long, env = "RIALTO_LOG", value_name = "FORMAT", global = true)]
    pub log: Option<LogFormat>,
    /// What to log: a level, or targets with levels [default: info]
    #[arg(long, env = "RIALTO_LOG_LEVEL", value_name = "FILTER", global = true)]
    pub log_level: Option<String>,
}

/// Every setting, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    pub database_url: DatabaseUrl,
    pub database_connections: usize,
    pub sandbox: bool,
    pub rate_limit_per_minute: u32,
    pub rate_limit_burst: u32,
    pub auth_failures_per_minute: u32,
    pub trusted_proxies: Vec<IpNet>,
    pub outbound_allow: String,
    pub welcome_credits: Amount,
    pub credit_packages: Option<String>,
    pub market_fee: Ppm,
    pub market_orders_per_owner: u32,
    pub task_default_max_credits: Amount,
    pub broker_timeout_seconds: u32,
    pub hold_grace_seconds: u32,
    pub service_timeout_seconds: u32,
    pub service_call_seconds: u32,
    pub service_body_limit_bytes: usize,
    pub service_kept_bytes_per_buyer: u64,
    pub body_limit_bytes: usize,
    pub stream_clients: usize,
    pub stream_clients_per_address: usize,
    pub network_timeout_seconds: u32,
    pub network_attempts: u32,
    pub network_participants: u32,
    /// It may hold a password.
    pub redis_url: Option<Secret>,
    pub workers: usize,
    pub stripe: Option<Stripe>,
    pub rails: RailSettings,
    pub x402: Option<X402Settings>,
    pub public_url: String,
    pub a2a_conformance: bool,
    pub embedder: EmbedderSettings,
    pub identity: IdentitySettings,
    pub mcp_origins: Vec<String>,
    pub webhooks: WebhookSettings,
}

impl Settings {
    /// Fills in the defaults.
    pub fn from_flags(flags: &Flags) -> Self {
        let listen = flags.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8000).into());
        let database_url = flags.database_url.clone().unwrap_or_else(|| DatabaseUrl::Sqlite("./rialto.db".into()));
        let embedded = matches!(database_url, DatabaseUrl::Sqlite(_));
        // Only where nobody but this machine can reach it may money be made of nothing.
        let sandbox = flags.sandbox.unwrap_or(embedded && listen.ip().is_loopback());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let stripe = parse::secret(&flags.stripe_secret_key).zip(parse::secret(&flags.stripe_webhook_secret));
        Self {
            listen,
            database_url,
            database_connections: flags.database_connections.unwrap_or(16).into(),
            sandbox,
            rate_limit_per_minute: flags.rate_limit_per_minute.unwrap_or(if sandbox { 0 } else { 60 }),
            rate_limit_burst: flags.rate_limit_burst.unwrap_or(120),
            auth_failures_per_minute: flags.auth_failures_per_minute.unwrap_or(30),
            trusted_proxies: flags.trusted_proxies.clone().unwrap_or_default(),
            outbound_allow: flags.outbound_allow.clone().unwrap_or_default(),
            welcome_credits: flags.welcome_credits.unwrap_or_else(|| Amount::new(500).unwrap_or_default()),
            credit_packages: flags.credit_packages.clone().or_else(|| env::var("ECONOMY_CREDIT_PACKAGES").ok()),
            market_fee: flags.market_fee_ppm.unwrap_or_default(),
            market_orders_per_owner: flags.market_orders_per_owner.unwrap_or(2_000),
            task_default_max_credits: flags
                .task_default_max_credits
                .unwrap_or_else(|| Amount::new(UNNAMED_MAX).unwrap_or_default()),
            broker_timeout_seconds: flags.broker_timeout_seconds.unwrap_or(30),
            hold_grace_seconds: flags.hold_grace_seconds.unwrap_or(30),
            service_timeout_seconds: flags.service_timeout_seconds.unwrap_or(30),
            service_call_seconds: flags.service_call_seconds.unwrap_or(300),
            service_body_limit_bytes: flags.service_body_limit_bytes.and_then(|n| n.try_into().ok()).unwrap_or(67_108_864),
            service_kept_bytes_per_buyer: flags.service_kept_bytes_per_buyer.unwrap_or(1_073_741_824),
            body_limit_bytes: flags.body_limit_bytes.and_then(|n| n.try_into().ok()).unwrap_or(1_048_576),
            stream_clients: flags.stream_clients.and_then(|n| n.try_into().ok()).unwrap_or(1_000),
            stream_clients_per_address: flags.stream_clients_per_address.and_then(|n| n.try_into().ok()).unwrap_or(50),
            network_timeout_seconds: flags.network_timeout_seconds.unwrap_or(30),
            network_attempts: flags.network_attempts.unwrap_or(6),
            network_participants: flags.network_participants.unwrap_or(50),
            redis_url: flags.redis_url.clone(),
            workers: flags.workers.map_or(cores, usize::from),
            stripe: stripe.map(|(secret_key, webhook_secret)| Stripe {
                secret_key: secret_key.expose().to_owned(),
                webhook_secret: webhook_secret.expose().to_owned(),
                api_base: flags.stripe_api_base.clone().unwrap_or_else(|| "https://api.stripe.com".into()),
            }),
            rails: RailSettings::from_flags(&flags.rails),
            x402: X402Settings::from_flags(&flags.x402),
            a2a_conformance: flags.a2a_conformance.unwrap_or(false),
            public_url: flags.public_url.clone().unwrap_or_else(|| format!("http://{listen}")),
            embedder: EmbedderSettings::from_flags(flags),
            identity: IdentitySettings::from_flags(&flags.identity, &flags.public_url),
            mcp_origins: flags.mcp.origins(),
            webhooks: WebhookSettings::from_flags(&flags.webhooks),
        }
    }
}

impl Settings {
    /// The same, for a server that listens at `address`: with port 0 it is known only then where that is.
    pub fn at(self, address: SocketAddr) -> Self {
        let guess = format!("http://{}", self.listen);
        let public_url = if self.public_url == guess { format!("http://{address}") } else { self.public_url };
        Self { listen: address, public_url, ..self }
    }
}
