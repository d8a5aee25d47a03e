//! Agents, and the small types that they are made of.

use std::{convert::Infallible, fmt, str::FromStr};

use rialto_kernel::{AgentId, Amount, Id, OwnerId, Timestamp, nouns, words};
use serde_json::value::RawValue;
use uuid::Uuid;

/// An agent as a client names it: by the id that the registry gave it, or by its readable id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AgentRef {
    /// `0198c0de-…`
    Id(AgentId),
    /// `summarizer-0d21bbd3`, or `agent:namespace:name:version`.
    Slug(String),
}

impl AgentRef {
    /// Reads either form. Text that is no UUID is a readable id, which may or may not exist.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Slug(text.to_owned()), Self::Id)
    }
}

impl FromStr for AgentRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::parse(text))
    }
}
impl From<AgentId> for AgentRef {
    fn from(id: AgentId) -> Self {
        Self::Id(id)
    }
}
impl fmt::Display for AgentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Slug(slug) => f.write_str(slug),
        }
    }
}

words! {
    /// What an agent asks of whoever calls its endpoint.
    AuthType {
        /// Nothing.
        Public = "public",
        /// A key in a header of its own.
        ApiKey = "api_key",
        /// A bearer token.
        BearerToken = "bearer_token",
    }
}
words! {
    /// How the price of a call comes about. Only `fixed` prices are charged by the broker; the others are for markets.
    PricingStrategy {
        /// The base price, always.
        Fixed = "fixed",
        /// Moves with demand.
        Dynamic = "dynamic",
        /// Found by bidding.
        Auction = "auction",
    }
}

words! {
    /// What an agent's endpoint speaks.
    Protocol {
        /// Its input as JSON is posted to it, and it answers with JSON.
        Http = "http",
        /// The A2A protocol as of 0.3, as JSON-RPC: `message/send`.
        A2aV03 = "a2a/0.3",
        /// The A2A protocol as of 1.0, as JSON-RPC: `SendMessage`.
        A2aV10 = "a2a/1.0",
    }
}

/// A registered agent.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its readable id, which never changes: `agent_id` in JSON.
    pub slug: String,
    /// Whose it is.
    pub owner: OwnerId,
    /// What it is called. 1 to 255 characters.
    pub name: String,
    /// What it does, in words. 1 to 10,000 characters; empty when nobody has said so.
    pub description: String,
    /// Its version, as its owner counts.
    pub version: String,
    /// Where calls go: an absolute http(s) URL. Empty when it is not called ([`Agent::has_endpoint`]).
    pub endpoint: String,
    /// What its endpoint speaks.
    pub protocol: Protocol,
    /// What its endpoint asks for.
    pub auth_type: AuthType,
    /// The JSON Schema of its input.
    pub input_schema: Option<Box<RawValue>>,
    /// The JSON Schema of its output.
    pub output_schema: Option<Box<RawValue>>,
    /// As its owner wrote them.
    pub tags: Vec<String>,
    /// One word for a shelf to put it on.
    pub category: Option<String>,
    /// Who vouches for it. `self-signed` is nobody but its owner.
    pub trust_verification: String,
    /// How its price comes about.
    pub pricing_strategy: Option<PricingStrategy>,
    /// Credits for one call, when pricing is enabled. See [`Agent::price`].
    pub base_price: Option<Amount>,
    /// Whether calls are charged.
    pub pricing_enabled: bool,
    /// Whether its endpoint can answer in a stream.
    pub supports_streaming: bool,
    /// Whether it is listed, found and called.
    pub is_active: bool,
    /// Whether it speaks for a brand.
    pub is_brand_agent: bool,
    /// The brand it belongs to.
    pub brand_id: Option<Uuid>,
    /// Whether a credential for it is stored. See [`Agent::has_credentials`].
    pub has_credential: bool,
    /// The sum of all scores.
    pub rating_sum: i32,
    /// How many owners rated it.
    pub rating_count: i32,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its owner changed it last.
    pub updated_at: Timestamp,
}

impl Agent {
    /// What one call costs; `None` when it is free.
    #[must_use]
    pub fn price(&self) -> Option<Amount> {
        self.base_price.filter(|price| self.pricing_enabled && !price.is_zero())
    }

    /// Whether there is somewhere to call it. One that is only somebody has no endpoint: it may act, and is not called.
    #[must_use]
    pub fn has_endpoint(&self) -> bool {
        !self.endpoint.is_empty()
    }

    /// Whether it can be called as far as credentials go: it asks for none, or one is stored.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.auth_type == AuthType::Public || self.has_credential
    }

    /// The mean of all scores, 1 to 5; `None` before the first.
    #[must_use]
    pub fn rating_avg(&self) -> Option<f64> {
        (self.rating_count > 0).then(|| f64::from(self.rating_sum) / f64::from(self.rating_count))
    }
}

/// What an agent says it can do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capability {
    /// Its name, such as `summarize_text`. 1 to 128 characters.
    pub id: String,
    /// The JSON Schema of its input.
    pub input_schema: Option<serde_json::Value>,
    /// The JSON Schema of its output.
    pub output_schema: Option<serde_json::Value>,
    /// What it asks for, such as `{"type": "public"}`.
    pub auth: Option<serde_json::Value>,
}

/// How an agent did over a window of days, counted from real calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Calls that reached it.
    pub calls: i64,
    /// Calls that it answered well.
    pub successes: i64,
    /// Milliseconds of all calls together.
    pub latency_ms_sum: i64,
}

impl Quality {
    /// The share of calls that went well, 0 to 1; `None` before the first call.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| real(self.successes) / real(self.calls))
    }

    /// The mean time of a call in milliseconds; `None` before the first call.
    #[must_use]
    pub fn avg_latency_ms(&self) -> Option<f64> {
        (self.calls > 0).then(|| real(self.latency_ms_sum) / real(self.calls))
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a statistic; no money is near")]
const fn real(count: i64) -> f64 {
    count as f64
}

/// An agent as lists show it.
#[derive(Debug, Clone)]
pub struct AgentView {
    /// The agent.
    pub agent: Agent,
    /// How it did over the last 90 days.
    pub quality: Quality,
    /// How far it is from a query, 0 (near) to 2; only in answers to one.
    pub distance: Option<f64>,
    /// How often it was called in the window that was asked for; only in lists of trending and of priced agents.
    pub invocation_count: Option<i64>,
}

impl From<Agent> for AgentView {
    /// An agent that nobody has called yet.
    fn from(agent: Agent) -> Self {
        Self { agent, quality: Quality::default(), distance: None, invocation_count: None }
    }
}

/// What an agent is called, even when it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentName {
    /// Its readable id.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: OwnerId,
}

/// The id of a rating.
pub type RatingId = Id<nouns::Rating>;

/// What an owner thinks of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// Its id.
    pub id: RatingId,
    /// Of which agent.
    pub agent: AgentId,
    /// Whose.
    pub owner: OwnerId,
    /// 1 to 5.
    pub score: i32,
    /// In words.
    pub comment: Option<String>,
    /// When it was given first.
    pub created_at: Timestamp,
    /// When it was given last.
    pub updated_at: Timestamp,
}
