//! Accounts, holds, and transfers with a reference.

use rialto_kernel::{Asset, Caller, OwnerId};

use super::{Cursor, HistoryError, HistoryStore, HoldView, Paged, SCAN_MAX, Slice, TransferView, cursor::Place};
use crate::{
    access::may_read,
    model::{Account, AccountState, Code, HoldState, ReferenceId},
};

/// Which accounts. Every field narrows; the default takes all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountFilter {
    /// Only of this owner.
    pub owner: Option<OwnerId>,
    /// Only that count this.
    pub asset: Option<Asset>,
    /// Only for this.
    pub code: Option<Code>,
    /// Only in this state.
    pub state: Option<AccountState>,
}

/// How a hold stands, without what it was posted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldPhase {
    /// Nothing has become of it yet.
    Pending,
    /// It was paid, whole or in part.
    Posted,
    /// It was given back.
    Voided,
    /// Its time was over.
    Expired,
}

impl From<HoldState> for HoldPhase {
    fn from(state: HoldState) -> Self {
        match state {
            HoldState::Pending => Self::Pending,
            HoldState::Posted { .. } => Self::Posted,
            HoldState::Voided => Self::Voided,
            HoldState::Expired => Self::Expired,
        }
    }
}

/// Accounts, those opened first first. Without an owner, but with another filter, a page looks at no more than
/// [`SCAN_MAX`] accounts, and may come back short.
///
/// # Errors
/// [`HistoryError::CursorInvalid`].
pub async fn accounts(tx: &mut impl HistoryStore, filter: &AccountFilter, slice: Slice) -> Result<Paged<Account>, HistoryError> {
    let after = slice.after_no()?;
    let sifts = filter.owner.is_none() && *filter != AccountFilter::default();
    let newest = if sifts { tx.newest_account_no().await? } else { i64::MAX };
    let until = if sifts { after.saturating_add(SCAN_MAX.into()).min(newest) } else { newest };
    let items = tx.list_accounts(filter, after.saturating_add(1)..=until, slice.limit()).await?;
    let next = match items.last() {
        Some(last) if is_full(&items, slice) => Some(last.no),
        _ if until < newest => Some(until),
        _ => None,
    };
    Ok(Paged { items, next: next.map(|no| Cursor(Place::No(no))) })
}

/// The holds of either side of an account, those made last first. With a state, a page looks at no more than [`SCAN_MAX`]
/// holds, and may come back short.
///
/// # Errors
/// [`HistoryError::CursorInvalid`].
pub async fn holds(
    tx: &mut impl HistoryStore,
    account: &Account,
    state: Option<HoldPhase>,
    slice: Slice,
) -> Result<Paged<HoldView>, HistoryError> {
    let mut after = match slice.after {
        None => None,
        Some(Cursor(Place::Hold(at, id))) => Some((at, id)),
        Some(_) => return Err(HistoryError::CursorInvalid),
    };
    let batch = if state.is_some() { HOLDS_BATCH } else { slice.limit() };
    let limit = usize::try_from(slice.limit()).unwrap_or(usize::MAX);
    let (mut items, mut looked_at) = (Vec::new(), 0);
    while looked_at < SCAN_MAX {
        let found = tx.list_holds(account.no, after, batch).await?;
        looked_at += batch;
        let more = found.len() == usize::try_from(batch).unwrap_or(usize::MAX);
        let count = found.len();
        for (place, hold) in found.into_iter().enumerate() {
            after = Some((hold.created_at, hold.terms.id));
            if state.is_none_or(|state| HoldPhase::from(hold.state) == state) {
                items.push(HoldView { hold, asset: account.asset });
            }
            if items.len() == limit {
                let next = (more || place + 1 < count).then_some(after).flatten();
                return Ok(Paged { items, next: next.map(|(at, id)| Cursor(Place::Hold(at, id))) });
            }
        }
        if !more {
            return Ok(Paged { items, next: None });
        }
    }
    Ok(Paged { items, next: after.map(|(at, id)| Cursor(Place::Hold(at, id))) })
}

/// How many holds are read at once while looking for some of one state.
const HOLDS_BATCH: u32 = 1_000;

/// The transfers with a reference that the caller may see, in the order of the journal. For whoever does not see all of them
/// a page looks at no more than [`SCAN_MAX`] transfers, and may come back short.
///
/// # Errors
/// [`HistoryError::CursorInvalid`].
pub async fn by_reference(
    tx: &mut impl HistoryStore,
    caller: &Caller,
    reference: ReferenceId,
    slice: Slice,
) -> Result<Paged<TransferView>, HistoryError> {
    let owner = (!caller.is_admin()).then_some(caller.owner);
    let after = slice.after_no()?;
    let reached = if owner.is_some() { tx.place_by_reference(reference, after, SCAN_MAX).await? } else { None };
    let nos = after.saturating_add(1)..=reached.unwrap_or(i64::MAX);
    let items = tx.list_by_reference(reference, owner, nos, slice.limit()).await?;
    let last = items.last().filter(|_| is_full(&items, slice)).map(|line| line.no);
    let next = last.or(reached).map(|no| Cursor(Place::No(no)));
    let view = |line: super::JournalLine| TransferView {
        sees_debit: may_read(caller, line.debit_owner),
        sees_credit: may_read(caller, line.credit_owner),
        asset: line.asset,
        transfer: line.transfer,
    };
    Ok(Paged { items, next }.map(view))
}

fn is_full<T>(items: &[T], slice: Slice) -> bool {
    items.len() >= usize::try_from(slice.limit()).unwrap_or(usize::MAX)
}
