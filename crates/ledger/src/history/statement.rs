//! An account over a period: what it began with, what happened, what it ended with.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
};

use rialto_kernel::{AccountId, Timestamp};

use super::{EntryScan, HistoryError, HistoryStore, Order, Period, balance::clamped, entries::within};
use crate::{
    books::Books,
    model::{Account, Entry},
};

/// One line of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// When it counts from.
    pub effective_at: Timestamp,
    /// The entry. Its own balance is the one that the books had when it was created.
    pub entry: Entry,
    /// The balance after it, in the order of the statement.
    pub balance: i64,
}

/// What the lines of a statement come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementTotals {
    /// How many there are.
    pub lines: u64,
    /// What went out.
    pub debits: i128,
    /// What came in.
    pub credits: i128,
    /// The balance at the end.
    pub closing: i64,
}

/// A statement that is being read: the lines of a period by when they count from, the backdated ones in their places.
///
/// It keeps no more than two batches of entries in memory, however long it is. All of it has to be read in one snapshot
/// ([`Books::snapshot`]), or what is written meanwhile may be missing in its balances.
pub struct Statement {
    /// Of which account, as it is now.
    pub account: Account,
    /// Over which time.
    pub period: Period,
    /// The balance when it begins.
    pub opening: i64,
    /// What the lines so far come to.
    pub totals: StatementTotals,
    /// Entries that count from when they were created: numbers that are not read yet.
    rest: RangeInclusive<i64>,
    regular: VecDeque<Entry>,
    backdated: VecDeque<Entry>,
    /// The last backdated entry that was read; `None` inside when none was, `None` outside when there are no more.
    last_backdated: Option<Option<(Timestamp, i64)>>,
}

/// How many entries are read at once.
const BATCH: u32 = 1_000;

impl Statement {
    /// Begins a statement of an account.
    ///
    /// # Errors
    /// [`HistoryError::AccountUnknown`].
    pub async fn open(tx: &mut impl HistoryStore, account: AccountId, period: Period) -> Result<Self, HistoryError> {
        let account = tx.find_account(account).await?.ok_or(HistoryError::AccountUnknown)?;
        let opening = match period.begins() {
            Some(from) => clamped(tx.posted_at(account.no, Timestamp::from_micros(from.micros() - 1)).await?),
            None => 0,
        };
        let totals = StatementTotals { lines: 0, debits: 0, credits: 0, closing: opening };
        let rest = within(tx, &account, period).await?;
        let (regular, backdated) = (VecDeque::new(), VecDeque::new());
        Ok(Self { account, period, opening, totals, rest, regular, backdated, last_backdated: Some(None) })
    }

    /// The next line; `None` at the end, when [`Statement::totals`] are those of the whole.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub async fn next(&mut self, tx: &mut impl HistoryStore) -> Result<Option<StatementLine>, HistoryError> {
        self.refill(tx).await?;
        let backdated_first = match (self.regular.front(), self.backdated.front()) {
            (Some(regular), Some(backdated)) => place(backdated) < place(regular),
            (_, backdated) => backdated.is_some(),
        };
        let from = if backdated_first { &mut self.backdated } else { &mut self.regular };
        let Some(entry) = from.pop_front() else { return Ok(None) };
        let (signed, totals) = (entry.signed_amount(), &mut self.totals);
        let sum = if signed < 0 { &mut totals.debits } else { &mut totals.credits };
        *sum += i128::from(entry.amount.get());
        totals.lines += 1;
        totals.closing = totals.closing.saturating_add(signed);
        Ok(Some(StatementLine { effective_at: place(&entry).0, balance: totals.closing, entry }))
    }

    async fn refill(&mut self, tx: &mut impl HistoryStore) -> Result<(), HistoryError> {
        while self.regular.is_empty() && !self.rest.is_empty() {
            let (first, last) = (*self.rest.start(), *self.rest.end());
            let until = first.saturating_add(i64::from(BATCH) - 1).min(last);
            let scan = EntryScan {
                account_no: self.account.no,
                seqs: first..=until,
                side: None,
                kinds: Vec::new(),
                reference: None,
                by_reference: false,
                amount_min: None,
                amount_max: None,
                order: Order::OldestFirst,
                limit: BATCH,
            };
            self.rest = until + 1..=last;
            self.regular.extend(tx.scan_entries(&scan).await?.into_iter().filter(|entry| entry.effective_at.is_none()));
        }
        if self.backdated.is_empty()
            && let Some(after) = self.last_backdated
        {
            let found = tx.list_backdated(self.account.no, self.period, after, BATCH).await?;
            self.last_backdated = found.last().map(|entry| Some(place(entry)));
            self.backdated.extend(found);
        }
        Ok(())
    }
}

/// A statement in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeStatement {
    /// Of which account, as it is now.
    pub account: Account,
    /// Over which time.
    pub period: Period,
    /// The balance when it begins.
    pub opening: i64,
    /// What the lines come to.
    pub totals: StatementTotals,
    /// The lines.
    pub lines: Vec<StatementLine>,
}

/// Reads a statement of at most `lines_max` lines. Call it in a snapshot.
///
/// # Errors
/// [`HistoryError::AccountUnknown`]; [`HistoryError::StatementTooLong`], and then not much more than that was read.
pub async fn whole_statement(
    tx: &mut impl HistoryStore,
    account: AccountId,
    period: Period,
    lines_max: usize,
) -> Result<WholeStatement, HistoryError> {
    let mut statement = Statement::open(tx, account, period).await?;
    let mut lines = Vec::new();
    while let Some(line) = statement.next(tx).await? {
        if lines.len() == lines_max {
            return Err(HistoryError::StatementTooLong { max: lines_max });
        }
        lines.push(line);
    }
    let Statement { account, period, opening, totals, .. } = statement;
    Ok(WholeStatement { account, period, opening, totals, lines })
}

/// Where an entry stands in a statement.
fn place(entry: &Entry) -> (Timestamp, i64) {
    (entry.effective_at.unwrap_or(entry.created_at), entry.seq)
}

/// Reads a whole statement in one snapshot, and hands it to `line` as it comes: the statement so far, and its next line;
/// at the end the whole statement, and no line. `line` says whether it wants more; it is called on a thread of the store,
/// and may block there.
///
/// # Errors
/// [`HistoryError::AccountUnknown`]; [`HistoryError::Stopped`] when `line` wanted no more.
pub async fn statement<B: Books>(
    books: &B,
    account: AccountId,
    period: Period,
    line: impl FnMut(&Statement, Option<StatementLine>) -> bool + Send + 'static,
) -> Result<(), HistoryError>
where
    B::Tx: HistoryStore,
{
    // A store may run work again; what was told once must not be told twice.
    let line = Mutex::new(Some(line));
    let read = async move |tx: &mut B::Tx| {
        let mut statement = Statement::open(tx, account, period).await?;
        let taken = line.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut line = taken.ok_or(HistoryError::Stopped)?;
        loop {
            let next = statement.next(tx).await?;
            let is_last = next.is_none();
            if !line(&statement, next) {
                return Err(HistoryError::Stopped);
            }
            if is_last {
                return Ok(());
            }
        }
    };
    books.snapshot(read).await
}
