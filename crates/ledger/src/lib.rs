//! A double-entry ledger: accounts, transfers, holds; and on it wallets and purchases of credits.
//!
//! An **account** counts how much of one asset somebody has. A **transfer** takes an amount from one account (the debit
//! side) and puts it into another (the credit side); each side is an **entry** of its account, numbered, with the
//! balance after it. A **hold** sets money aside for a transfer that is not yet sure: it is *posted*, *voided*, or it
//! *expires*. What is posted and not held is **available**. A **wallet** is an account of a person or an agent in
//! credits. A **purchase** brings credits in for money of another world.
//!
//! # What always holds
//! 1. Money is neither made nor lost: the balances of all accounts of an asset sum to zero. A transfer and its two
//!    entries are one row, so there is no entry without its counterpart.
//! 2. No account goes below zero farther than its overdraft, counting what is held: by the rules here *and* by a CHECK.
//! 3. History only grows: a trigger refuses to change or delete a transfer. What was wrong is reversed, once.
//! 4. The same id never moves money twice: asking again with the same fields gives the first result, with other fields
//!    [`LedgerError::IdMismatch`]. Also after a restart, and from any replica.
//! 5. A hold ends exactly once, whoever races to end it.
//! 6. A linked [`group`] happens as a whole or not at all.
//! 7. Refusals come in the order of [`LedgerError`]'s variants.
//!
//! # How
//! Operations are free functions over a [`LedgerStore`], which `rialto_store::Tx` implements: they lock the rows
//! ([`plan::Plan::load`]), decide in memory ([`plan::Plan::run`], pure), and write everything at once
//! ([`LedgerStore::apply`]). An operation that returns an error has written nothing, but may have locked: give the
//! transaction up.
//!
//! Time is handed in. The owner of an account is an id that nobody looks up here.

pub mod access;
mod account;
mod books;
mod error;
mod exchange;
pub mod history;
mod hold;
mod ledger;
pub mod memory;
mod model;
pub mod plan;
pub mod purchase;
pub mod seal;
mod sql;
mod store;
mod transfer;
pub mod verify;
pub mod wallet;

pub use account::{House, open_account, open_house, set_account_state};
pub use books::Books;
pub use error::{GroupError, LedgerError};
pub use exchange::{Exchange, ExchangeError, Leg, Rate, exchange};
pub use hold::{expire_holds, hold, post, void};
pub use ledger::Ledger;
pub use model::{
    Account, AccountState, Balanced, Balancing, Code, Entry, Held, Hold, HoldId, HoldState, Kind, Metadata, MetadataError,
    NewAccount, NewHold, NewReversal, NewTransfer, Overdraft, Posted, Posting, ReferenceId, Side, Transfer, TransferId,
};
pub use plan::{Command, Outcome};
pub use store::{Changes, LedgerStore};
pub use transfer::{batch, group, reverse, transfer};
