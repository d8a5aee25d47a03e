//! Paid calls: an agent is called on somebody's behalf, and its price moves if, and only if, it did what it was asked.
//!
//! - [`Broker`] makes the calls: [`Broker::invoke`] and [`Broker::invoke_stream`].
//! - A [`Conversation`] keeps what was said in [`Message`]s; every call is part of one.
//! - An [`Invocation`] is the log of one call.
//! - [`usage`] knows what services are called, by whom, and what came of it.
//! - [`proxy`] passes requests on to services, and charges for what is delivered.
//! - [`payments`] takes money of the outer world for credits and balances, and pays for calls.
//! - [`commission`] is what the house takes of a call, and [`settlement`] what a provider is paid for its calls.
//!
//! # Invariants
//! 1. A price is held before the agent is called, and posted or voided in the transaction that writes the call's end.
//!    Nobody is charged for a call that failed; no call is made that the wallet does not cover; no answer that has a price is
//!    given without it: one that comes when its hold is over is withheld, and the call is one that was interrupted.
//! 2. No transaction is open while an agent is being called.
//! 3. A call whose process died is ended by [`close_interrupted`], its hold expires, and it is never charged.
//! 4. The same idempotency key makes one call, and every repeat gets its answer.
//! 5. What was said in a call is its caller's. The agent's owner sees that it was made, and reads the payloads only if the
//!    caller shared them.
//! 6. What an agent says reaches its caller byte for byte; what is kept of it holds no NUL, and no more than a list of many
//!    has room for.
//! 7. A call that was begun is settled, whether or not anybody waits for it, and at the agent's pace.

pub mod commission;
mod conversation;
mod error;
pub mod invoke;
mod log;
mod model;
pub mod payments;
pub mod proxy;
pub mod settlement;
mod sql;
pub mod store;
pub mod usage;

pub use conversation::{
    delete_conversation, find_conversation, find_message, list_conversations, list_messages, rename_conversation,
};
pub use error::BrokerError;
pub use invoke::{
    AbandonedCall, Broker, BrokerConfig, Idempotent, InvokeRequest, Invoked, Outcome, Payload, Render, StreamEvent, Streamed,
    abandon_call, close_interrupted, let_call_go,
};
pub use log::{CallState, call_state, list_agent_calls, list_calls, list_conversation_calls};
pub use model::{
    CallStatus, ClaimName, Conversation, ConversationFilter, ConversationId, Finish, IntegrationId, Invocation, InvocationFilter,
    InvocationId, Message, MessageId, NewInvocation, Speaker,
};
