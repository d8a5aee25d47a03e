//! The registry: which agents there are, what they are found by, how well they do, and how they are called.
//!
//! - An [`Agent`] has an id and a readable id; every operation that takes an agent takes either ([`AgentRef`]).
//! - A [`Capability`] is what an agent says it can do; a tag is what its owner wants it to be found by.
//! - A [`service::Service`] is what an owner offers for money, by the call.
//! - A [`Rating`] is what one owner thinks of one agent. [`Quality`] is counted from real calls.
//! - An [`identity::Identity`] is who an agent is, whether it takes part, and who vouches for it.
//! - A credential is what we present to an agent that asks for one. It is encrypted with a [`CredentialCipher`] and is
//!   never shown again, to anybody.
//!
//! # Invariants
//! 1. A readable id belongs to one agent for ever, deleted or not.
//! 2. A deleted agent is not listed, found, read, rated or called. What happened with it stays.
//! 3. An agent can be found by words exactly while it is active, not deleted, and has an endpoint to be called at. Its vector follows after the commit: a job
//!    that is enqueued in the same transaction makes it ([`EmbedAgent`]).
//! 4. `rating_sum` and `rating_count` are the sum and the number of its ratings; nobody rates their own agent.
//! 5. An agent is changed by its owner or an administrator alone.
//! 6. `agent_tags` and `has_credential` say the same as the rows they are made from.
//!
//! # What it does not do
//! It calls no agent: where an endpoint may point is checked by the caller, before the transaction, and again at each call. Only the
//! keys by which agents prove who they are are fetched ([`proof`]), outside of any transaction.
//! It knows no money: an agent's wallet is opened by the caller in the same transaction.

mod check;
pub mod cipher;
mod credential;
mod discover;
mod error;
mod finder;
pub mod identity;
mod index;
mod manifest;
mod model;
pub mod proof;
mod quality;
mod rate;
mod read;
mod register;
pub mod service;
mod slug;
mod sql;
pub mod store;
mod terms;
mod update;

pub use check::{
    CAPABILITIES_MAX, COMMENT_CHARS_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, SCHEMA_BYTES_MAX, SEARCH_CHARS_MAX,
    TAG_CHARS_MAX, TAGS_MAX,
};
pub use cipher::{CipherError, CredentialCipher};
pub use credential::{CredentialHeader, NewCredential, StoredCredential, credential_for, delete_credential, set_credential};
pub use discover::{
    DISTANCE_MAX, DISTANCE_RELEVANT, DiscoverQuery, Discovery, Found, FullText, Near, RankBy, TextMatch, discover,
};
pub use error::RegistryError;
pub use finder::{COMPARED_MAX, EmbedAgent, Finder, FinderStats, PreparedQuery, Upkeep, VectorSearch};
pub use index::{IndexEntry, IndexTexts};
pub use model::{
    Agent, AgentName, AgentRef, AgentView, AuthType, Capability, PricingStrategy, Protocol, Quality, Rating, RatingId,
};
pub use quality::{QUALITY_DAYS, forget_old_calls, record_call};
pub use rate::{list_ratings, rate};
pub use read::{
    AgentFilter, AgentSort, capabilities, find, find_callable, list, list_mine, list_new, list_priced, list_trending, names_of,
};
pub use register::{Imported, NewAgent, register};
pub use update::{AgentChanges, delete, update};
