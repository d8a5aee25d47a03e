//! What verifying reads.

use rialto_kernel::{AccountId, Timestamp};
use rialto_store::StoreError;

use crate::model::{HoldId, ReferenceId, TransferId};

/// A row as it stands there, or the number of one that cannot be read at all: an id that is none, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored<T> {
    /// What it says.
    Row(T),
    /// Its number.
    Unreadable(i64),
}

/// What the row of an account says, before anybody makes sense of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFigures {
    /// Its number.
    pub no: i64,
    /// Its id.
    pub id: AccountId,
    /// The code of what it counts.
    pub asset: String,
    /// Its balance.
    pub balance: i64,
    /// What is held: out, in.
    pub held: (i64, i64),
    /// How many entries it claims to have.
    pub entries: i64,
    /// Whether the ledger can make sense of it: of its state, its asset, its overdraft.
    pub is_sound: bool,
}

/// What a hold says, compared with what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldCheck {
    /// Which hold.
    pub id: HoldId,
    /// Whether both of its accounts are there.
    pub has_accounts: bool,
    /// Whether it is in a state that there is, and, if it was posted, its transfer moved that much between its accounts.
    pub is_sound: bool,
}

/// What a row of the journal says about one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The account's number.
    pub account_no: i64,
    /// The entry's number.
    pub seq: i64,
    /// The balance after it.
    pub balance: i64,
}

/// Which account a number is, and how many entries it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountName {
    /// Its number.
    pub no: i64,
    /// Its id.
    pub id: AccountId,
    /// How many entries it claims to have.
    pub entries: i64,
}

/// One row of the journal: every column, as it stands there and before anybody makes sense of it. A row that somebody has
/// spoilt can still be read, and named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its place in the journal.
    pub no: i64,
    /// Its id.
    pub transfer: TransferId,
    /// How much moved.
    pub amount: i64,
    /// The account that paid.
    pub debit: Leg,
    /// The account that was paid.
    pub credit: Leg,
    /// What it has in common with others.
    pub reference: Option<ReferenceId>,
    /// What it takes back.
    pub reverses: Option<TransferId>,
    /// When it was posted.
    pub created_at: Timestamp,
    /// What it was.
    pub kind: i32,
    /// A text for people.
    pub memo: Option<String>,
    /// When it counts from, if it was backdated.
    pub effective_at: Option<Timestamp>,
    /// What a balancing one was asked to be at most.
    pub at_most: Option<i64>,
    /// Which account set the bound: 1 the one that pays, 2 the one that is paid.
    pub balancing: Option<i16>,
    /// Whatever else was to be remembered, as the text of a JSON document.
    pub metadata: Option<String>,
    /// Whether it is found in the histories of both accounts, where they are kept apart from it.
    pub filed: bool,
}

/// What verifying asks of a transaction.
pub trait AuditStore: Send {
    /// Accounts in the order of their numbers, after this one.
    fn list_accounts_after(
        &mut self,
        no: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Stored<AccountFigures>>, StoreError>> + Send;

    /// Those of these accounts that exist and have an id that is one, in no order.
    fn list_names(&mut self, nos: &[i64]) -> impl Future<Output = Result<Vec<AccountName>, StoreError>> + Send;

    /// What pending holds take from and bring to each account: its number, out, in.
    fn pending_totals(&mut self) -> impl Future<Output = Result<Vec<(i64, i64, i64)>, StoreError>> + Send;

    /// Holds in the order of their ids, after this one.
    fn list_holds_after(
        &mut self,
        after: Option<HoldId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<HoldCheck>, StoreError>> + Send;

    /// The number of an account whose history is kept apart from it, and has pages that it should not have.
    fn find_stray_pages(&mut self) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Transfers in the order of their numbers, after `no` and up to `last`. The ledger's numbers begin with 1, but whoever
    /// writes behind its back may use others: all of them are found after `i64::MIN`. Without `places` every row is [`JournalRow::filed`]:
    /// to know it takes two looks a row.
    fn list_journal(
        &mut self,
        no: i64,
        last: i64,
        limit: u32,
        places: bool,
    ) -> impl Future<Output = Result<Vec<Stored<JournalRow>>, StoreError>> + Send;
}
