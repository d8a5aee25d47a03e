//! Reading the books, from memory.

use std::{cmp::Reverse, ops::RangeInclusive};

use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::StoreError;

use super::{
    MemoryTx,
    state::{Book, Line as BookLine, State},
};
use crate::{
    history::{AccountFilter, EntryScan, Figures, HistoryStore, JournalLine, Line, Moment, Order, Period},
    model::{Account, Entry, Hold, HoldId, ReferenceId, Transfer, TransferId},
};

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn limit(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The places of these numbers, which begin with 1, in a list of `length`.
fn places(nos: &RangeInclusive<i64>, length: usize) -> std::ops::Range<usize> {
    let until = usize::try_from((*nos.end()).max(0)).unwrap_or(usize::MAX).min(length);
    let from = usize::try_from(nos.start().saturating_sub(1).max(0)).unwrap_or(usize::MAX).min(until);
    from..until
}

impl State {
    fn moment(&self, line: BookLine) -> Option<Moment> {
        Some(Moment::of(self.transfer(line.no)?.created_at, line.no, line.side))
    }

    /// How many entries lie before a moment.
    fn entries_before(&self, book: &Book, moment: Moment) -> usize {
        book.lines.partition_point(|line| self.moment(*line).is_some_and(|of| of < moment))
    }

    fn lines_of(&self, no: i64, seqs: &RangeInclusive<i64>) -> &[BookLine] {
        let lines = self.book(no).map(|book| book.lines.as_slice()).unwrap_or_default();
        lines.get(places(seqs, lines.len())).unwrap_or_default()
    }

    /// What counts at a time.
    fn posted_at(&self, book: &Book, at: Timestamp) -> i128 {
        let (no, last) = (book.account.no, count(self.entries_before(book, Moment::end_of(at))));
        let entry = self.lines_of(no, &(last..=last)).first().and_then(|line| self.entry(*line));
        let counts = |entry: &Entry| entry.created_at > at && entry.effective_at.is_some_and(|from| from <= at);
        let late: i128 = self.backdated(no).filter(counts).map(|entry| i128::from(entry.signed_amount())).sum();
        i128::from(entry.map_or(0, |entry| entry.balance)) + late
    }

    fn backdated(&self, no: i64) -> impl Iterator<Item = Entry> {
        let book = self.book(no);
        let seqs = book.into_iter().flat_map(|book| &book.backdated);
        seqs.filter_map(move |seq| self.entry(*self.lines_of(no, &(*seq..=*seq)).first()?))
    }

    fn journal_line(&self, no: i64, transfer: &Transfer) -> Option<JournalLine> {
        let (debit, credit) = (self.find_book(transfer.debit.account)?, self.find_book(transfer.credit.account)?);
        Some(JournalLine {
            no,
            transfer: transfer.clone(),
            asset: debit.account.asset,
            debit_owner: debit.account.owner,
            credit_owner: credit.account.owner,
        })
    }
}

impl AccountFilter {
    fn takes(&self, account: &Account) -> bool {
        (self.owner.is_none() || self.owner == account.owner)
            && self.asset.is_none_or(|asset| asset == account.asset)
            && self.code.as_ref().is_none_or(|code| *code == account.code)
            && self.state.is_none_or(|state| state == account.state)
    }
}

impl EntryScan {
    fn takes(&self, entry: &Entry) -> bool {
        self.side.is_none_or(|side| side == entry.side)
            && (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && (self.reference.is_none() || self.reference == entry.reference)
            && self.amount_min.is_none_or(|min| min <= entry.amount)
            && self.amount_max.is_none_or(|max| entry.amount <= max)
    }
}

impl HistoryStore for MemoryTx {
    async fn figures_at(&mut self, account_no: i64, at: Timestamp) -> Result<Figures, StoreError> {
        let state = &self.state;
        let Some(book) = state.book(account_no) else { return Ok(Figures::default()) };
        let mut figures = Figures { posted: state.posted_at(book, at), ..Figures::default() };
        let pending = |hold: &&Hold| hold.created_at <= at && hold.resolved_at.is_none_or(|resolved| resolved > at);
        for hold in book.holds.iter().filter_map(|id| state.holds.get(id)).filter(pending) {
            let amount = hold.terms.amount.get();
            if hold.terms.debit == book.account.id {
                figures.held_out = figures.held_out.saturating_add(amount);
            }
            if hold.terms.credit == book.account.id {
                figures.held_in = figures.held_in.saturating_add(amount);
            }
        }
        Ok(figures)
    }

    async fn posted_at(&mut self, account_no: i64, at: Timestamp) -> Result<i128, StoreError> {
        Ok(self.state.book(account_no).map_or(0, |book| self.state.posted_at(book, at)))
    }

    async fn count_entries_before(&mut self, account_nos: &[i64], moment: Moment) -> Result<Vec<(i64, i64)>, StoreError> {
        let books = account_nos.iter().filter_map(|no| Some((*no, self.state.book(*no)?)));
        Ok(books.map(|(no, book)| (no, count(self.state.entries_before(book, moment)))).collect())
    }

    async fn scan_entries(&mut self, scan: &EntryScan) -> Result<Vec<Entry>, StoreError> {
        let lines = self.state.lines_of(scan.account_no, &scan.seqs);
        let entry = |line: &BookLine| self.state.entry(*line).filter(|entry| scan.takes(entry));
        let limit = limit(scan.limit);
        Ok(match scan.order {
            Order::NewestFirst => lines.iter().rev().filter_map(entry).take(limit).collect(),
            Order::OldestFirst => lines.iter().filter_map(entry).take(limit).collect(),
        })
    }

    async fn list_lines(&mut self, ranges: &[(i64, RangeInclusive<i64>)]) -> Result<Vec<Line>, StoreError> {
        let state = &self.state;
        let lines = ranges.iter().flat_map(|(account_no, seqs)| {
            let line = |line: &BookLine| Some(Line { account_no: *account_no, no: line.no, entry: state.entry(*line)? });
            state.lines_of(*account_no, seqs).iter().filter_map(line)
        });
        Ok(lines.collect())
    }

    async fn list_backdated(
        &mut self,
        account_no: i64,
        period: Period,
        after: Option<(Timestamp, i64)>,
        most: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let counts = |entry: &Entry| {
            let place = entry.effective_at.filter(|at| period.contains(*at)).map(|at| (at, entry.seq));
            place.is_some_and(|place| after.is_none_or(|after| place > after))
        };
        let mut entries: Vec<Entry> = self.state.backdated(account_no).filter(counts).collect();
        entries.sort_unstable_by_key(|entry| (entry.effective_at, entry.seq));
        entries.truncate(limit(most));
        Ok(entries)
    }

    async fn list_accounts(
        &mut self,
        filter: &AccountFilter,
        nos: RangeInclusive<i64>,
        most: u32,
    ) -> Result<Vec<Account>, StoreError> {
        let books = self.state.books.get(places(&nos, self.state.books.len())).unwrap_or_default();
        Ok(books.iter().map(|book| &book.account).filter(|account| filter.takes(account)).take(limit(most)).cloned().collect())
    }

    async fn newest_account_no(&mut self) -> Result<i64, StoreError> {
        Ok(count(self.state.books.len()))
    }

    async fn list_holds(
        &mut self,
        account_no: i64,
        after: Option<(Timestamp, HoldId)>,
        most: u32,
    ) -> Result<Vec<Hold>, StoreError> {
        let place = |hold: &Hold| (hold.created_at, hold.terms.id);
        let holds = self.state.book(account_no).into_iter().flat_map(|book| &book.holds);
        let mut holds: Vec<&Hold> = holds.filter_map(|id| self.state.holds.get(id)).collect();
        holds.retain(|hold| after.is_none_or(|after| place(hold) < after));
        holds.sort_unstable_by_key(|hold| Reverse(place(hold)));
        Ok(holds.into_iter().take(limit(most)).cloned().collect())
    }

    async fn place_by_reference(&mut self, reference: ReferenceId, after: i64, count: u32) -> Result<Option<i64>, StoreError> {
        let mut nos = self.state.references.get(&reference).into_iter().flatten().filter(|no| **no > after);
        Ok(nos.nth(limit(count.max(1)) - 1).copied())
    }

    async fn list_by_reference(
        &mut self,
        reference: ReferenceId,
        owner: Option<OwnerId>,
        places: RangeInclusive<i64>,
        most: u32,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let nos = self.state.references.get(&reference).into_iter().flatten().filter(|no| places.contains(no));
        let lines = nos.filter_map(|no| self.state.journal_line(*no, self.state.transfer(*no)?));
        let touches = |line: &JournalLine| owner.is_none() || line.debit_owner == owner || line.credit_owner == owner;
        Ok(lines.filter(touches).take(limit(most)).collect())
    }

    async fn list_transfers(&mut self, nos: RangeInclusive<i64>, period: Period) -> Result<Vec<JournalLine>, StoreError> {
        let range = places(&nos, self.state.journal.len());
        let first = count(range.start);
        let transfers = self.state.journal.get(range).unwrap_or_default();
        let numbered = (first + 1..).zip(transfers).filter(|(_, transfer)| period.contains(transfer.created_at));
        Ok(numbered.filter_map(|(no, transfer)| self.state.journal_line(no, transfer)).collect())
    }

    async fn journal_lines(&mut self, ids: &[TransferId]) -> Result<Vec<JournalLine>, StoreError> {
        let line = |id| {
            let no = *self.state.transfer_nos.get(id)?;
            self.state.journal_line(no, self.state.transfer(no)?)
        };
        Ok(ids.iter().filter_map(line).collect())
    }
}
