//! A double-entry ledger: accounts, transfers and holds, in memory, on SQLite or on PostgreSQL; and on it wallets and
//! purchases of credits.
//!
//! # Double entry
//! An **account** counts how much of one asset somebody has. Money is never put into an account: it is *moved* there from
//! another one. A **transfer** takes an amount from the account that pays (the *debit* side) and puts it into the account
//! that is paid (the *credit* side). Each side is an **entry** of its account, numbered 1, 2, 3, with the balance after it.
//! So nothing comes from nowhere: the balances of all accounts of an asset sum to zero, always. Money that enters from the
//! world outside comes from an account of the [`House`] that stands for that world, and may go below zero.
//!
//! ```
//! use rialto_kernel::{Amount, Asset, OwnerId};
//! use rialto_ledger::{Code, House, Ledger, LedgerError, NewAccount, NewTransfer, TransferId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::in_memory();
//! let ada = ledger.open_account(NewAccount::owned_by(OwnerId::new(), Asset::CREDIT, Code::new("till"))).await?.id;
//! let bob = ledger.open_account(NewAccount::owned_by(OwnerId::new(), Asset::CREDIT, Code::new("till"))).await?.id;
//!
//! // Ada is given 100 credits, and pays Bob 30.
//! let issuance = House::Issuance.account(Asset::CREDIT);
//! ledger.transfer(NewTransfer::new(TransferId::new(), issuance, ada, Amount::new(100)?)).await?;
//! let paid = ledger.transfer(NewTransfer::new(TransferId::new(), ada, bob, Amount::new(30)?)).await?;
//! assert_eq!((paid.debit.balance, paid.credit.balance), (70, 30));
//! assert_eq!(ledger.account(issuance).await?.balance, -100);
//!
//! // She has no more than that.
//! let refused = ledger.transfer(NewTransfer::new(TransferId::new(), ada, bob, Amount::new(71)?)).await;
//! assert!(matches!(refused, Err(LedgerError::InsufficientFunds { available: 70, .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # Safe to repeat
//! Whoever asks for a transfer chooses its **id**. When the answer is lost, ask again with the same id and the same fields:
//! the answer is the first result, marked as [`existed`](Posted::existed), and nothing moves twice. The same id with other
//! fields is refused ([`LedgerError::IdMismatch`]), since one of the two must be a mistake. Make the id *before* the first
//! attempt, and keep it with what the payment is for.
//!
//! ```
//! # use rialto_kernel::{Amount, Asset};
//! # use rialto_ledger::{Code, House, Ledger, LedgerError, NewAccount, NewTransfer, TransferId};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ledger = Ledger::in_memory();
//! # let ada = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! let gift = NewTransfer::new(TransferId::new(), House::Issuance.account(Asset::CREDIT), ada, Amount::new(100)?);
//! assert!(!ledger.transfer(gift.clone()).await?.existed);
//! assert!(ledger.transfer(gift.clone()).await?.existed);
//! assert_eq!(ledger.account(ada).await?.balance, 100);
//!
//! let other = NewTransfer { amount: Amount::new(101)?, ..gift.clone() };
//! assert_eq!(ledger.transfer(other).await, Err(LedgerError::IdMismatch(gift.id)));
//! # Ok(())
//! # }
//! ```
//!
//! # Holds
//! A **hold** sets money aside while it is not yet sure whether it will be paid: a job is running, goods are on their way. What
//! is held is still in the payer's balance, but not **available**. The hold is then *posted* (paid, whole or in part; the
//! rest is free again), *voided*, or it *expires*. It ends once, whoever races to end it.
//!
//! ```
//! # use rialto_kernel::{Amount, Asset};
//! # use rialto_ledger::{Code, House, HoldId, Ledger, LedgerError, NewAccount, NewHold, NewTransfer, TransferId};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ledger = Ledger::in_memory();
//! # let ada = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! # let bob = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! # ledger.transfer(NewTransfer::new(TransferId::new(), House::Issuance.account(Asset::CREDIT), ada, Amount::new(100)?)).await?;
//! let deposit = HoldId::new();
//! let held = ledger.hold(NewHold::new(deposit, ada, bob, Amount::new(60)?)).await?;
//! assert_eq!((held.debit.balance, held.debit.available()), (100, 40));
//!
//! let posted = ledger.post(deposit, Some(Amount::new(25)?)).await?;
//! assert_eq!((posted.debit.balance, posted.debit.available(), posted.credit.balance), (75, 75, 25));
//! assert!(matches!(ledger.void(deposit).await, Err(LedgerError::HoldResolved { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # All or nothing
//! [`Ledger::group`] does several commands as one: all of them, or none. [`Ledger::batch`] does many, each on its own. To
//! exchange one asset for another takes a group of two transfers, one for each asset ([`exchange()`]). A **balancing**
//! transfer moves as much as there is, at most its amount ([`Balancing`]).
//!
//! ```
//! # use rialto_kernel::{Amount, Asset};
//! # use rialto_ledger::{Balancing, Code, Command, House, Ledger, LedgerError, NewAccount, NewTransfer, TransferId};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ledger = Ledger::in_memory();
//! # let ada = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! # let bob = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! # let cleo = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await?.id;
//! # ledger.transfer(NewTransfer::new(TransferId::new(), House::Issuance.account(Asset::CREDIT), ada, Amount::new(100)?)).await?;
//! let pay = |to, credits| Amount::new(credits).map(|amount| NewTransfer::new(TransferId::new(), ada, to, amount));
//! let refused = ledger.group(vec![Command::Transfer(pay(bob, 60)?), Command::Transfer(pay(cleo, 60)?)]).await.unwrap_err();
//! assert_eq!(refused.index, 1);
//! assert_eq!(ledger.account(bob).await?.balance, 0, "not even the first of them");
//!
//! let all = NewTransfer { balancing: Some(Balancing::Debit), ..pay(bob, 1_000)? };
//! assert_eq!(ledger.transfer(all).await?.transfer.amount, Amount::new(100)?);
//! # Ok(())
//! # }
//! ```
//!
//! # The past
//! History is never changed: what was wrong is **reversed** by a transfer the other way, once. A transfer may be
//! **backdated**: it is written now, and *counts from* its [`effective_at`](NewTransfer::effective_at). [`mod@history`]
//! reads balances at a time, entries by cursor, and statements; [`seal`] chains what was written by hashes; [`verify`]
//! finds what was changed behind the ledger's back.
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
//! `docs/ledger.md` of the project says how each of them is tested.
//!
//! # Where it is kept
//! [`Ledger::in_memory`] for tests; [`Ledger::open`]`("sqlite:./books.db")` or `("postgres://…")` for good. All of them pass
//! the same tests. A [`Ledger`] is cheap to clone; what many tasks ask for at the same time is *gathered* into one
//! transaction, so that they share its cost.
//!
//! Where money has to move together with rows of your own, use the free functions ([`transfer()`], [`hold()`], [`group`], …)
//! over a [`LedgerStore`], which `rialto_store::Tx` is, inside your own transaction. They lock the rows
//! ([`plan::Plan::load`]), decide in memory ([`plan::Plan::run`], pure), and write everything at once
//! ([`LedgerStore::apply`]). One that returns an error has written nothing, but may have locked: give the transaction up.
//!
//! Time is handed in. The owner of an account is an id that nobody looks up here, and the ledger asks nobody for
//! permission: for callers who are not trusted there is [`access`].

pub mod access;
mod account;
pub mod balance;
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
pub mod reconcile;
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
pub use sql::pipeline;
pub use store::{Changes, LedgerStore, Locked};
pub use transfer::{batch, group, reverse, transfer};
