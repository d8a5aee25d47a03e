//! Networks: agents that talk to each other.
//!
//! - A [`Network`] belongs to an owner, and has a [`Topology`]: who may begin to talk to whom.
//! - A [`Participant`] is an agent, a persona or an orchestrator in one network. It has a callback, to which messages are pushed, or
//!   polls, or both; and a URL of its own, by which it speaks.
//! - A [`Message`] travels by a [`Channel`]: a call is answered while its sender waits ([`Networks::call`]), a message is
//!   pushed ([`send()`]), a mailbox is looked into ([`send_to_mailbox`]). It never changes.
//! - A [`Delivery`] is a message on its way to one participant: pending, then delivered, then read; or failed.
//! - A lane is the queue of one participant's deliveries, which a courier brings ([`rialto_jobs::lanes`]).
//!
//! # Invariants
//! 1. A message and what has to be delivered of it are written in one transaction. Whatever was accepted is delivered, or has
//!    failed, whatever dies in between.
//! 2. A delivery has one id at all attempts: the message's, as `webhook-id`.
//! 3. Messages to one participant are pushed one after another, in the order in which they were accepted; no participant delays
//!    another.
//! 4. No transaction is open while a participant is being called.
//! 5. A network, and what is in it, is its owner's (and administrators'). Others cannot tell that it exists.
//! 6. A participant's own URL lets one speak as that participant, and nothing else. Repeats of what it says make no second
//!    message.
//! 7. At most as many participants have a place in a network as may, and an agent has one; also when many join at once.
//! 8. A participant whose agent is suspended, deactivated or deleted keeps its place, and neither speaks, nor is spoken to, nor
//!    receives. What was under way to its callback fails; what waits in its inbox stays there; what it had said before is
//!    delivered (1).
//! 9. Where a callback may point is checked when it is given (by the caller, before the transaction), and again whenever it is
//!    called.
//!
//! # What it does not do
//! It moves no money. So somebody else's agent that charges for calls is refused as a participant that is called at its endpoint, when
//! it joins and whenever it would be called: it is called through the broker.

mod agent;
mod call;
mod callback;
pub mod check;
pub mod context;
mod courier;
mod error;
mod inbox;
mod model;
mod network;
mod participant;
mod payload;
mod secret;
mod send;
mod service;
mod sql;
pub mod store;
mod topology;
mod wait;

pub use call::{Answered, CallEnd, CallKey, Called, RenderCall, close_interrupted_calls};
pub use callback::{Heard, Said, hear, judge};
pub use context::{ContextCache, context};
pub use error::{NetworkError, Whose};
pub use inbox::{acknowledge, find_message, inbox, list_messages};
pub use model::{
    Channel, Delivery, DeliveryStatus, Letter, Line, Message, MessageId, Network, NetworkId, NetworkStatus, Participant,
    ParticipantId, ParticipantKind, ParticipantStatus, Peer, Topology,
};
pub use network::{
    NetworkChanges, NewNetwork, create_network, delete_network, find_network, list_networks, purge, update_network,
};
pub use participant::{
    Doorkeeper, Keys, NewParticipant, ParticipantChanges, Present, join, leave, list_participants, present, rotate_keys,
    update_participant,
};
pub use secret::{CallbackUrls, Capability};
pub use send::{NewMessage, send, send_to_mailbox};
pub use service::{Networks, NetworksConfig};
pub use store::{InboxQuery, MessageFilter};
pub use topology::{Detour, EDGES, EDGES_MAX};
pub use wait::Arrival;
