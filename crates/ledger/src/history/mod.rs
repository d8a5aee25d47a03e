//! Reading the books: what there is, what happened, and what was there at a time.
//!
//! - [`read_account`], [`read_transfer`], [`read_hold`]: one thing, for whom it concerns.
//! - [`accounts`], [`holds`], [`entries`], [`owner_entries`], [`by_reference`]: lists, a page at a time.
//! - [`balance`]: what an account had, now or at a time.
//! - [`Statement`]: an account over a period, line by line, with its balances before and after.
//! - [`Export`]: the journal, for other programs.
//!
//! # Two times
//! Every transfer was *created* at a moment, and *counts from* a moment: the same one, or an earlier one if it was
//! backdated. Lists of entries go by the first, in the order of the entries' numbers, with the balance that the books had
//! then. Balances at a time, and statements, go by the second: a backdated transfer counts from its effective time on, so
//! what they say of the past may change when somebody backdates.
//!
//! # Pages
//! A list is read forward by the cursor that came with the page before; what is written meanwhile neither repeats an item
//! nor hides one. A cursor is opaque, does not expire, and costs the same however deep it is. A page reads a bounded number
//! of rows: with a filter that hardly anything passes it may come back short, even empty, with a cursor to go on. The list
//! has ended when there is no cursor.

mod access;
mod balance;
mod cursor;
mod entries;
mod error;
mod export;
mod lists;
mod owner;
mod period;
mod statement;
mod store;

pub use access::{HoldView, TransferView, check_house, check_owner, read_account, read_hold, read_transfer};
pub use balance::{Balance, balance};
pub use cursor::{Cursor, Moment, Order, Paged, Slice};
pub use entries::{EntryFilter, entries};
pub use error::HistoryError;
pub use export::{Export, ExportFilter, Exported, export};
pub use lists::{AccountFilter, HoldPhase, accounts, by_reference, holds};
pub use owner::{OWNER_ACCOUNTS_MAX, OwnerEntry, owner_entries};
pub use period::Period;
pub use statement::{Statement, StatementLine, StatementTotals, WholeStatement, statement, whole_statement};
pub use store::{EntryScan, Figures, HistoryStore, JournalLine, Line};

/// The largest page.
pub const PAGE_MAX: u32 = 500;
/// How many rows one page looks at, when a filter has to be applied row by row.
pub const SCAN_MAX: u32 = 10_000;
