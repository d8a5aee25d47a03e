//! A2A, the protocol by which agents of different makers talk: cards, tasks, and calls in both directions.
//!
//! - A *card* is what an agent says about itself. We publish one for every agent and for the platform, and [`import`] agents
//!   by the cards of others, which are kept byte for byte and whose signatures are checked ([`card::verify`]).
//! - A *task* is what becomes of a message. [`A2a`] takes messages in, has an [`Executor`] work on them, and tells how it goes:
//!   when asked, in streams, and by push notifications.
//! - [`wire`] is what goes over the wire, of versions 1.0 and 0.3; [`wire::outgoing`] is what we say to agents of others.
//!
//! # Invariants
//! 1. A task is its client's: nobody else learns that there is one.
//! 2. A task ends once. Whoever ends it holds its row: an outcome, a cancellation and a sweep cannot all come true.
//! 3. A task that is canceled or swept has its work stopped in the same transaction, so that nothing is paid for it afterwards.
//! 4. Nobody works on a task whose lease has run out; it is ended by [`A2a::sweep`], as its work ended if it did.
//! 5. Every event of a task has a number. Streams and push notifications tell all of them, in order; whoever subscribes gets
//!    the task with all events up to one, and then those behind it.
//! 6. An owner has one agent for a card that was imported. Nobody changes an agent of somebody else by a card.
//! 7. Secrets of push notification configurations are encrypted, and never shown.
//!
//! # What it does not do
//! It knows no money and no broker: who works on tasks is for the composing program to say.

pub mod card;
mod check;
pub mod conformance;
mod error;
mod executor;
mod follow;
mod hub;
mod import;
pub mod model;
pub mod push;
mod run;
mod service;
mod sql;
pub mod store;
pub mod task;
pub mod wire;

pub use check::MESSAGE_BYTES_MAX;
pub use error::{A2aError, Told};
pub use executor::{Abandoned, Executor, Update, Work};
pub use import::{CheckedCard, card_to_refresh, import, refresh};
pub use service::A2a;
