//! What reading asks of a transaction.

use std::ops::RangeInclusive;

use rialto_kernel::{Amount, Asset, OwnerId, Timestamp};
use rialto_store::StoreError;

use super::{AccountFilter, Moment, Order, Period};
use crate::{
    model::{Account, Entry, Hold, HoldId, Kind, ReferenceId, Side, Transfer, TransferId},
    store::LedgerStore,
};

/// What an account had at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// The balance after the last entry that was created by then, and what entries come to that were created later, and count
    /// from then or earlier.
    pub posted: i128,
    /// What holds were to take.
    pub held_out: i64,
    /// What holds were to bring.
    pub held_in: i64,
}

/// Which entries of one account. Every field narrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryScan {
    /// The account's number.
    pub account_no: i64,
    /// The entries' numbers.
    pub seqs: RangeInclusive<i64>,
    /// Only of this side.
    pub side: Option<Side>,
    /// Only of one of these kinds; of any if there are none.
    pub kinds: Vec<Kind>,
    /// Only with this reference.
    pub reference: Option<ReferenceId>,
    /// Whether few transfers have the reference, so that its own index is the way to go, not the entries' numbers.
    pub by_reference: bool,
    /// Only at least so much.
    pub amount_min: Option<Amount>,
    /// Only at most so much.
    pub amount_max: Option<Amount>,
    /// Which come first.
    pub order: Order,
    /// How many at most.
    pub limit: u32,
}

/// An entry among those of several accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its account's number.
    pub account_no: i64,
    /// Its transfer's place in the journal.
    pub no: i64,
    /// The entry.
    pub entry: Entry,
}

impl Line {
    /// Its place among the entries of several accounts.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        Moment::of(self.entry.created_at, self.no, self.entry.side)
    }
}

/// A transfer in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// Its place in the journal. The places rise, with holes.
    pub no: i64,
    /// The transfer.
    pub transfer: Transfer,
    /// What it moved.
    pub asset: Asset,
    /// Whose the paying account is.
    pub debit_owner: Option<OwnerId>,
    /// Whose the paid account is.
    pub credit_owner: Option<OwnerId>,
}

/// The rows of the ledger, for looking at. Moments and periods are within what all stores can name, see [`Period`].
pub trait HistoryStore: LedgerStore {
    /// What an account had at `at`, in one look.
    fn figures_at(&mut self, account_no: i64, at: Timestamp) -> impl Future<Output = Result<Figures, StoreError>> + Send;

    /// What an account had at `at`, what was held aside, in one look: [`Figures::posted`].
    fn posted_at(&mut self, account_no: i64, at: Timestamp) -> impl Future<Output = Result<i128, StoreError>> + Send;

    /// How many entries each of these accounts has before `moment`, in one look, found by halving. Account numbers with
    /// their counts, in any order.
    fn count_entries_before(
        &mut self,
        account_nos: &[i64],
        moment: Moment,
    ) -> impl Future<Output = Result<Vec<(i64, i64)>, StoreError>> + Send;

    /// Entries of one account, in the order that is asked for.
    fn scan_entries(&mut self, scan: &EntryScan) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// The entries with these numbers, of several accounts at once, in any order.
    fn list_lines(&mut self, ranges: &[(i64, RangeInclusive<i64>)])
    -> impl Future<Output = Result<Vec<Line>, StoreError>> + Send;

    /// Backdated entries of an account that count from within `period`, by when they do, then by number, behind `after`.
    fn list_backdated(
        &mut self,
        account_no: i64,
        period: Period,
        after: Option<(Timestamp, i64)>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// Accounts with these numbers that the filter lets through, in the order of their numbers.
    fn list_accounts(
        &mut self,
        filter: &AccountFilter,
        nos: RangeInclusive<i64>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// The number of the newest account; zero when there is none.
    fn newest_account_no(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Holds of either side of an account, those made last first, then by id, behind `after`.
    fn list_holds(
        &mut self,
        account_no: i64,
        after: Option<(Timestamp, HoldId)>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Hold>, StoreError>> + Send;

    /// The place in the journal of the `count`th transfer with a reference behind place `after`. `None` if there are fewer.
    fn place_by_reference(
        &mut self,
        reference: ReferenceId,
        after: i64,
        count: u32,
    ) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Transfers with a reference, in the order of the journal, at these places; only those that touch an account of `owner`,
    /// if there is one.
    fn list_by_reference(
        &mut self,
        reference: ReferenceId,
        owner: Option<OwnerId>,
        nos: RangeInclusive<i64>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<JournalLine>, StoreError>> + Send;

    /// Transfers at these places of the journal that were created within `period`, in its order.
    fn list_transfers(
        &mut self,
        nos: RangeInclusive<i64>,
        period: Period,
    ) -> impl Future<Output = Result<Vec<JournalLine>, StoreError>> + Send;

    /// These transfers, in any order. Those that are not there are left out.
    fn journal_lines(&mut self, ids: &[TransferId]) -> impl Future<Output = Result<Vec<JournalLine>, StoreError>> + Send;
}
