//! The history of all accounts of an owner, as one list.

use std::{
    collections::{HashMap, VecDeque},
    ops::RangeInclusive,
};

use rialto_kernel::{AccountId, Asset};

use super::{
    AccountFilter, Cursor, EntryFilter, HistoryError, HistoryStore, Line, Moment, Order, Paged, SCAN_MAX, Slice, cursor::Place,
};
use crate::model::{Account, Entry};

/// How many accounts can be read as one list.
pub const OWNER_ACCOUNTS_MAX: u32 = 100;

/// An entry of one of several accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerEntry {
    /// Of which.
    pub account: AccountId,
    /// What that counts.
    pub asset: Asset,
    /// The entry.
    pub entry: Entry,
}

/// The histories of all accounts that `which` lets through, as one list by when entries were created, then by their lines
/// of the journal. A transfer between two of them is two entries.
///
/// However far back a page is, it is found by halving in all accounts at once. A page looks at no more than [`SCAN_MAX`]
/// entries that do not pass the filter, and may come back short.
///
/// # Errors
/// [`HistoryError::TooManyAccounts`] beyond [`OWNER_ACCOUNTS_MAX`], [`HistoryError::CursorInvalid`].
pub async fn owner_entries(
    tx: &mut impl HistoryStore,
    which: &AccountFilter,
    filter: &EntryFilter,
    order: Order,
    slice: Slice,
) -> Result<Paged<OwnerEntry>, HistoryError> {
    let accounts = tx.list_accounts(which, 1..=i64::MAX, OWNER_ACCOUNTS_MAX + 1).await?;
    if accounts.len() > usize::try_from(OWNER_ACCOUNTS_MAX).unwrap_or(usize::MAX) {
        return Err(HistoryError::TooManyAccounts { max: OWNER_ACCOUNTS_MAX });
    }
    let mut merge = Merge::open(tx, &accounts, filter, order, slice).await?;
    let names: HashMap<i64, &Account> = accounts.iter().map(|account| (account.no, account)).collect();
    let limit = usize::try_from(slice.limit()).unwrap_or(usize::MAX);
    let (mut items, mut looked_at, mut reached) = (Vec::new(), 0, None);
    while items.len() < limit && looked_at < SCAN_MAX {
        let Some(line) = merge.next(tx).await? else { return Ok(Paged { items, next: None }) };
        looked_at += 1;
        reached = Some(line.moment());
        if let Some(account) = names.get(&line.account_no).filter(|_| filter.takes(&line.entry)) {
            items.push(OwnerEntry { account: account.id, asset: account.asset, entry: line.entry });
        }
    }
    let next = reached.filter(|_| merge.has_more()).map(|moment| Cursor(Place::Moment(order, moment)));
    Ok(Paged { items, next })
}

/// Several histories, read as one.
struct Merge {
    order: Order,
    streams: Vec<Stream>,
}

/// What is left of one account's history.
struct Stream {
    account_no: i64,
    /// What is not read yet.
    rest: RangeInclusive<i64>,
    /// What is read and not given out, in the list's order.
    ready: VecDeque<Line>,
    /// How many to read next time: more each time, so that whoever has most is asked least often.
    step: i64,
}

impl Merge {
    async fn open(
        tx: &mut impl HistoryStore,
        accounts: &[Account],
        filter: &EntryFilter,
        order: Order,
        slice: Slice,
    ) -> Result<Self, HistoryError> {
        let (mut from, mut to) = (filter.period.begins().map(Moment::start_of), filter.period.ends().map(Moment::start_of));
        match slice.after {
            None => {}
            Some(Cursor(Place::Moment(given, moment))) if given == order => match order {
                Order::NewestFirst => to = Some(to.map_or(moment, |to| to.min(moment))),
                Order::OldestFirst => from = Some(from.map_or(moment.next(), |from| from.max(moment.next()))),
            },
            Some(_) => return Err(HistoryError::CursorInvalid),
        }
        let nos: Vec<i64> = accounts.iter().map(|account| account.no).collect();
        let mut counts = async |moment: Option<Moment>| match moment {
            Some(moment) => Ok::<_, HistoryError>(Some(tx.count_entries_before(&nos, moment).await?.into_iter().collect())),
            None => Ok(None),
        };
        let before: Option<HashMap<i64, i64>> = counts(from).await?;
        let until: Option<HashMap<i64, i64>> = counts(to).await?;
        let stream = |account: &Account| {
            let count = |counts: &HashMap<i64, i64>| counts.get(&account.no).copied().unwrap_or(0);
            let rest = before.as_ref().map_or(0, count) + 1..=until.as_ref().map_or(account.entry_count, count);
            Stream { account_no: account.no, rest, ready: VecDeque::new(), step: 0 }
        };
        let mut streams: Vec<Stream> = accounts.iter().map(stream).filter(|stream| !stream.rest.is_empty()).collect();
        // Twice what each would give if all gave the same.
        let step = i64::from(slice.limit()) * 2 / i64::try_from(streams.len().max(1)).unwrap_or(i64::MAX);
        streams.iter_mut().for_each(|stream| stream.step = step.max(8));
        Ok(Self { order, streams })
    }

    /// Reads on where all that was read has been given out, in all such accounts at once.
    async fn refill(&mut self, tx: &mut impl HistoryStore) -> Result<(), HistoryError> {
        let order = self.order;
        self.streams.retain(Stream::has_more);
        let dry = self.streams.iter_mut().filter(|stream| stream.ready.is_empty() && !stream.rest.is_empty());
        let wanted: Vec<_> = dry.map(|stream| (stream.account_no, stream.take(order))).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut lines = tx.list_lines(&wanted).await?;
        lines.sort_unstable_by_key(|line| line.entry.seq);
        if order == Order::NewestFirst {
            lines.reverse();
        }
        let mut by_account: HashMap<i64, VecDeque<Line>> = HashMap::new();
        for line in lines {
            by_account.entry(line.account_no).or_default().push_back(line);
        }
        for stream in &mut self.streams {
            if let Some(lines) = by_account.remove(&stream.account_no) {
                stream.ready = lines;
            }
        }
        Ok(())
    }

    async fn next(&mut self, tx: &mut impl HistoryStore) -> Result<Option<Line>, HistoryError> {
        self.refill(tx).await?;
        let first = |stream: &&mut Stream| stream.ready.front().map(Line::moment);
        let streams = self.streams.iter_mut().filter(|stream| !stream.ready.is_empty());
        let chosen = match self.order {
            Order::NewestFirst => streams.max_by_key(first),
            Order::OldestFirst => streams.min_by_key(first),
        };
        Ok(chosen.and_then(|stream| stream.ready.pop_front()))
    }

    fn has_more(&self) -> bool {
        self.streams.iter().any(Stream::has_more)
    }
}

impl Stream {
    fn has_more(&self) -> bool {
        !self.ready.is_empty() || !self.rest.is_empty()
    }

    /// The numbers to be read next.
    fn take(&mut self, order: Order) -> RangeInclusive<i64> {
        let (first, last) = (*self.rest.start(), *self.rest.end());
        let step = self.step;
        self.step = (step * 2).min(MOST);
        match order {
            Order::NewestFirst => {
                let from = last.saturating_sub(step - 1).max(first);
                self.rest = first..=from - 1;
                from..=last
            }
            Order::OldestFirst => {
                let to = first.saturating_add(step - 1).min(last);
                self.rest = to + 1..=last;
                first..=to
            }
        }
    }
}

/// The most entries of one account that are read at once.
const MOST: i64 = 1_000;
