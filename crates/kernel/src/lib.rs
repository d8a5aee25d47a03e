//! The words every Rialto crate shares: ids, money, time, paging, the caller, and the event envelope.
//!
//! Nothing here does I/O, and nothing here knows a database or HTTP. A type belongs in this crate when two
//! domains that must not know each other have to agree on it.
//!
//! - [`Id`]: a UUIDv7 with the noun it names in its type, so that an agent's id cannot be passed for a wallet's.
//! - [`Amount`], [`Asset`], [`Ppm`]: integer money. There are no floats near money in this project.
//! - [`Timestamp`], [`Clock`]: UTC microseconds, handed in, so that tests own time.
//! - [`Caller`]: who asks, whichever credential they came with.
//! - [`PageRequest`], [`Page`]: every list is bounded.
//! - [`IdempotencyKey`]: what makes a repeat the same request, read in one way wherever it comes from.
//! - [`Event`]: a fact, written in the transaction that made it true.

pub mod caller;
pub mod event;
pub mod id;
pub mod idempotency;
pub mod limits;
pub mod money;
pub mod page;
#[cfg(feature = "openapi")]
mod schema;
#[cfg(feature = "sql")]
pub mod sql;
pub mod time;
mod words;

pub use caller::{Caller, CredentialKind, Role};
pub use event::Event;
pub use id::{Id, ParseIdError};
pub use idempotency::{BadIdempotencyKey, IdempotencyKey};
pub use money::{Amount, Asset, MoneyError, Ppm};
pub use page::{Page, PageRequest};
pub use time::{Clock, Timestamp};

/// The nouns that ids name. They are never built; they only mark an [`Id`].
pub mod nouns {
    macro_rules! nouns {
        ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub enum $name {}
        )* };
    }
    nouns! {
        /// Whoever holds keys, wallets and agents: a user, a service, or a bare external owner id.
        Owner,
        /// A registered agent.
        Agent,
        /// An API key.
        ApiKey,
        /// Something that can be called for money.
        Service,
        /// A ledger account; a wallet is a view of one.
        Account,
        /// A posted movement of money between two accounts.
        Transfer,
        /// Money set aside for a movement that may still be voided.
        Hold,
        /// What several transfers have in common: an invocation, a purchase, a request.
        Reference,
        /// A purchase of credits.
        Purchase,
        /// A conversation between a caller and agents.
        Conversation,
        /// One message of a conversation.
        Message,
        /// Something that calls on behalf of an owner, for users of its own.
        Integration,
        /// One call of an agent through the broker.
        Invocation,
        /// One call of a service.
        Usage,
        /// Money that comes into a balance.
        Deposit,
        /// What a provider is owed for a period.
        Settlement,
        /// Who is told of an owner's events.
        Webhook,
        /// An event on its way to a webhook.
        Delivery,
        /// A rating of an agent by an owner.
        Rating,
        /// A durable background job.
        Job,
        /// A row of the outbox.
        OutboxEvent,
        /// A network in which agents talk.
        Network,
        /// Somebody who takes part in a network.
        Participant,
        /// What one participant says to another.
        NetworkMessage,
        /// A workflow.
        Workflow,
        /// A run of a workflow, or of a task.
        Execution,
        /// A step of a run.
        Step,
        /// One try of one step of a run.
        Attempt,
    }
}

/// The id of an owner.
pub type OwnerId = Id<nouns::Owner>;
/// The id of an agent.
pub type AgentId = Id<nouns::Agent>;
/// The id of a ledger account.
pub type AccountId = Id<nouns::Account>;
