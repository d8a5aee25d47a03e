//! The history of one account.

use std::ops::RangeInclusive;

use rialto_kernel::Amount;

use super::{Cursor, EntryScan, HistoryError, HistoryStore, Moment, Order, Paged, Period, SCAN_MAX, Slice, cursor::Place};
use crate::model::{Account, Entry, Kind, ReferenceId, Side};

/// Which entries. Every field narrows; the default takes all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only of one of these kinds; of any if there are none.
    pub kinds: Vec<Kind>,
    /// Only of this side.
    pub side: Option<Side>,
    /// Only with this reference.
    pub reference: Option<ReferenceId>,
    /// Only created within this period.
    pub period: Period,
    /// Only at least so much.
    pub amount_min: Option<Amount>,
    /// Only at most so much.
    pub amount_max: Option<Amount>,
}

impl Default for EntryFilter {
    fn default() -> Self {
        Self { kinds: Vec::new(), side: None, reference: None, period: Period::ALL, amount_min: None, amount_max: None }
    }
}

impl EntryFilter {
    /// Whether `entry` passes, its time aside.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && self.side.is_none_or(|side| side == entry.side)
            && (self.reference.is_none() || self.reference == entry.reference)
            && self.amount_min.is_none_or(|min| min <= entry.amount)
            && self.amount_max.is_none_or(|max| entry.amount <= max)
    }

    /// Whether rows have to be looked at that may not pass. A reference may have an index or not. A side has one on PostgreSQL
    /// alone; it is read in the same way everywhere.
    fn sifts(&self) -> bool {
        self.side.is_some() || !self.kinds.is_empty() || self.amount_min.is_some() || self.amount_max.is_some()
    }
}

/// The history of an account, by the numbers of its entries.
///
/// A time is found by halving, and a reference that fewer than [`SCAN_MAX`] transfers have by an index. With a
/// reference of more, and with other filters, a page looks at no more than [`SCAN_MAX`] entries, and may come back short.
///
/// # Errors
/// [`HistoryError::CursorInvalid`].
pub async fn entries(
    tx: &mut impl HistoryStore,
    account: &Account,
    filter: &EntryFilter,
    order: Order,
    slice: Slice,
) -> Result<Paged<Entry>, HistoryError> {
    let whole = within(tx, account, filter.period).await?;
    let Some(rest) = behind(whole, order, slice.after)? else { return Ok(Paged { items: Vec::new(), next: None }) };
    let limit = i64::from(slice.limit());
    let by_reference = match filter.reference {
        Some(reference) => tx.place_by_reference(reference, 0, SCAN_MAX).await?.is_none(),
        None => false,
    };
    let width = match filter {
        _ if by_reference => i64::MAX,
        _ if filter.sifts() || filter.reference.is_some() => i64::from(SCAN_MAX),
        // Without a filter the numbers alone say which entries these are.
        _ => limit,
    };
    let (first, last) = (*rest.start(), *rest.end());
    let window = match order {
        Order::NewestFirst => last.saturating_sub(width - 1).max(first)..=last,
        Order::OldestFirst => first..=first.saturating_add(width - 1).min(last),
    };
    let (far_end, list_end) = match order {
        Order::NewestFirst => (*window.start(), first),
        Order::OldestFirst => (*window.end(), last),
    };
    let scan = EntryScan {
        account_no: account.no,
        seqs: window,
        side: filter.side,
        kinds: filter.kinds.clone(),
        reference: filter.reference,
        by_reference,
        amount_min: filter.amount_min,
        amount_max: filter.amount_max,
        order,
        limit: slice.limit(),
    };
    let items = tx.scan_entries(&scan).await?;
    let full = items.len() >= usize::try_from(slice.limit()).unwrap_or(usize::MAX);
    let reached = items.last().filter(|_| full).map_or(far_end, |entry| entry.seq);
    let next = (reached != list_end).then_some(Cursor(Place::Entry(order, reached)));
    Ok(Paged { items, next })
}

/// The numbers of the entries that were created within `period`.
pub(super) async fn within(
    tx: &mut impl HistoryStore,
    account: &Account,
    period: Period,
) -> Result<RangeInclusive<i64>, HistoryError> {
    let mut count_before = async |at| {
        let counts = tx.count_entries_before(&[account.no], Moment::start_of(at)).await?;
        Ok::<_, HistoryError>(counts.first().map_or(0, |(_, count)| *count))
    };
    let last = match period.ends() {
        Some(to) => count_before(to).await?,
        None => account.entry_count,
    };
    let first = match period.begins() {
        Some(from) => count_before(from).await?.saturating_add(1),
        None => 1,
    };
    Ok(first..=last)
}

/// What is left of `whole` behind the cursor; nothing if `None`.
fn behind(whole: RangeInclusive<i64>, order: Order, after: Option<Cursor>) -> Result<Option<RangeInclusive<i64>>, HistoryError> {
    let (first, last) = whole.into_inner();
    let rest = match after {
        None => first..=last,
        Some(Cursor(Place::Entry(given, _))) if given != order => return Err(HistoryError::CursorInvalid),
        Some(Cursor(Place::Entry(Order::NewestFirst, seq))) => first..=last.min(seq.saturating_sub(1)),
        Some(Cursor(Place::Entry(Order::OldestFirst, seq))) => first.max(seq.saturating_add(1))..=last,
        Some(_) => return Err(HistoryError::CursorInvalid),
    };
    Ok((!rest.is_empty()).then_some(rest))
}
