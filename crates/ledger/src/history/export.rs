//! The journal, for other programs.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
};

use rialto_kernel::AccountId;

use super::{HistoryError, HistoryStore, JournalLine, Period, entries::within};
use crate::{books::Books, model::TransferId};

/// Which transfers to export. The default takes all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFilter {
    /// Only those that touch this account.
    pub account: Option<AccountId>,
    /// Only those created within this period.
    pub period: Period,
}

impl Default for ExportFilter {
    fn default() -> Self {
        Self { account: None, period: Period::ALL }
    }
}

/// One batch of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The transfers, in the order of the journal.
    pub lines: Vec<JournalLine>,
    /// How far it has come.
    pub done: i64,
    /// How far it goes.
    pub all: i64,
}

/// An export that is being read: transfers in the order of the journal, a bounded batch at a time.
///
/// All of it has to be read in one snapshot ([`Books::snapshot`]): on PostgreSQL a transfer may be committed after one
/// that stands behind it in the journal, and be missed otherwise.
///
/// By account it goes straight to the account's entries. Without one it reads the whole journal, also for a short period:
/// no index holds the times.
pub struct Export {
    period: Period,
    /// The account's number, if it is about one.
    account_no: Option<i64>,
    /// What is left: numbers of the account's entries, or places of the journal.
    rest: RangeInclusive<i64>,
    first: i64,
    /// The last place that was given out: a transfer from an account to itself has two entries.
    last_no: i64,
}

/// How many places of the journal are read at once.
const BATCH: i64 = 2_000;

impl Export {
    /// Begins an export.
    ///
    /// # Errors
    /// [`HistoryError::AccountUnknown`].
    pub async fn open(tx: &mut impl HistoryStore, filter: &ExportFilter) -> Result<Self, HistoryError> {
        let period = filter.period;
        let (account_no, rest) = match filter.account {
            None => (None, 1..=tx.newest_transfer_no().await?),
            Some(id) => {
                let account = tx.find_account(id).await?.ok_or(HistoryError::AccountUnknown)?;
                (Some(account.no), within(tx, &account, period).await?)
            }
        };
        Ok(Self { period, account_no, first: *rest.start(), rest, last_no: 0 })
    }

    /// The next batch, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub async fn next(&mut self, tx: &mut impl HistoryStore) -> Result<Option<Exported>, HistoryError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (from, last) = (*self.rest.start(), *self.rest.end());
        let until = from.saturating_add(BATCH - 1).min(last);
        self.rest = until + 1..=last;
        let lines = match self.account_no {
            None => tx.list_transfers(from..=until, self.period).await?,
            Some(account_no) => self.of_account(tx, account_no, from..=until).await?,
        };
        Ok(Some(Exported { lines, done: until - self.first + 1, all: last - self.first + 1 }))
    }

    async fn of_account(
        &mut self,
        tx: &mut impl HistoryStore,
        account_no: i64,
        seqs: RangeInclusive<i64>,
    ) -> Result<Vec<JournalLine>, HistoryError> {
        let mut entries = tx.list_lines(&[(account_no, seqs)]).await?;
        entries.sort_unstable_by_key(|line| line.entry.seq);
        let mut places: Vec<(i64, TransferId)> = entries.iter().map(|line| (line.no, line.entry.transfer)).collect();
        places.retain(|(no, _)| *no != std::mem::replace(&mut self.last_no, *no));
        let ids: Vec<TransferId> = places.iter().map(|(_, id)| *id).collect();
        let found = tx.journal_lines(&ids).await?;
        let mut by_id: HashMap<TransferId, JournalLine> = found.into_iter().map(|line| (line.transfer.id, line)).collect();
        Ok(places.iter().filter_map(|(_, id)| by_id.remove(id)).collect())
    }
}

/// Reads a whole export in one snapshot, and hands it to `batch` as it comes. `batch` says whether it wants more; it is
/// called on a thread of the store, and may block there.
///
/// # Errors
/// [`HistoryError::AccountUnknown`]; [`HistoryError::Stopped`] when `batch` wanted no more.
pub async fn export<B: Books>(
    books: &B,
    filter: ExportFilter,
    batch: impl FnMut(Exported) -> bool + Send + 'static,
) -> Result<(), HistoryError>
where
    B::Tx: HistoryStore,
{
    // A store may run work again; what was told once must not be told twice.
    let batch = Mutex::new(Some(batch));
    let read = async move |tx: &mut B::Tx| {
        let mut export = Export::open(tx, &filter).await?;
        let taken = batch.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut batch = taken.ok_or(HistoryError::Stopped)?;
        while let Some(exported) = export.next(tx).await? {
            if !batch(exported) {
                return Err(HistoryError::Stopped);
            }
        }
        Ok(())
    };
    books.snapshot(read).await
}
