//! Proving that the books are right: every balance is recomputed from its entries, every seal from what it covers.
//!
//! It can run while money moves, and holds no transaction open for long: it takes the accounts' figures at one moment,
//! and then reads the transfers up to that moment, which never change, in batches, once. It keeps one tally per account,
//! and what one seal covers.
//!
//! What balances cannot show (a memo, a time, a row and all that follows from it rewritten together), seals do, for what is
//! sealed. What neither can show (a chain of seals that was rewritten as a whole), an [`Anchor`] does.

mod balances;
mod sealed;
mod store;
mod wrong;

use balances::{Accounts, Balances};
use rialto_store::StoreError;
use sealed::SealedRanges;
pub use store::{AccountFigures, AccountName, AuditStore, HoldCheck, JournalRow, Leg, Stored};
pub use wrong::Wrong;

use crate::{
    books::Books,
    model::HoldId,
    seal::{Anchor, Seal, SealStore},
    store::LedgerStore,
};

/// How many rows are read at a time.
const BATCH: u32 = 2_000;
/// How many seals are read at a time: each has up to 32 KiB of digests.
const SEALS: u32 = 32;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Transfers read so far.
    pub transfers: u64,
    /// The journal's place that was reached.
    pub at: i64,
    /// The journal's place that it goes to.
    pub last: i64,
}

impl Progress {
    /// From 0 to 100.
    #[must_use]
    pub const fn percent(&self) -> i64 {
        if self.last <= 0 || self.at >= self.last {
            100
        } else if self.at <= 0 {
            0
        } else {
            self.at.saturating_mul(100) / self.last
        }
    }
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many accounts.
    pub accounts: u64,
    /// How many transfers.
    pub transfers: u64,
    /// How many of them were sealed.
    pub sealed: u64,
    /// The last seal: keep it elsewhere, and give it back as an anchor another time. `None`: nothing was ever sealed.
    pub head: Option<Anchor>,
    /// The first thing that is wrong; the books are right if `None`.
    pub wrong: Option<Wrong>,
    /// Where the first thing was found by the balances, the first one by the seals or the holds, or the other way round, if there is
    /// one: they tell different parts of a story.
    pub also: Option<Wrong>,
}

/// Recomputes the books and compares. See [`verify_with`].
///
/// # Errors
/// [`StoreError`] when they could not be read.
pub async fn verify<B>(books: &B, progress: impl Fn(Progress)) -> Result<VerifyReport, StoreError>
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    verify_with(books, &[], progress).await
}

/// Recomputes the books, and compares the seals with hashes that were kept elsewhere. Stops when both the balances and the
/// seals have shown something that is wrong.
///
/// # Errors
/// [`StoreError`] when they could not be read.
pub async fn verify_with<B>(books: &B, anchors: &[Anchor], progress: impl Fn(Progress)) -> Result<VerifyReport, StoreError>
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    let Figures { accounts, pending, pages, last, head } = books.snapshot(async |tx: &mut B::Tx| figures(tx).await).await?;
    let mut balances = Balances::new(accounts, pending);
    let mut sealed = SealedRanges::new(head.as_ref(), anchors);
    // Behind the newest transfer there can only be seals of transfers that are gone.
    let end = match &head {
        Some(Stored::Row(seal)) => seal.last_no.max(last),
        _ => last,
    };
    let (mut at, mut transfers) = (i64::MIN, 0);
    while at < end && !(balances.is_done() && sealed.is_done()) {
        let rows = books.read(async move |tx: &mut B::Tx| tx.list_journal(at, end, BATCH, true).await).await?;
        at = rows.last().map_or(end, Stored::<JournalRow>::no);
        while let Some((after, upto)) = sealed.wants(at) {
            sealed.take(books.read(async move |tx: &mut B::Tx| tx.list_seals(after, upto, SEALS).await).await?);
        }
        for row in &rows {
            transfers += 1;
            let row = match row {
                Stored::Row(row) => row,
                Stored::Unreadable(no) => {
                    balances.unreadable(*no);
                    sealed.unreadable(*no);
                    continue;
                }
            };
            if balances.check(row) {
                let accounts = [row.debit.account_no, row.credit.account_no];
                let now = books.read(async move |tx: &mut B::Tx| tx.list_names(&accounts).await).await?;
                balances.settle(row, &now);
            }
            sealed.check(row, |no| balances.account(no));
        }
        progress(Progress { transfers, at, last: end });
    }
    let covered = sealed.covered();
    let accounts = balances.accounts();
    let apart = match pages {
        Some(no) => Some(Wrong::Pages { no }),
        None => first_wrong_hold(books).await?,
    };
    let apart = apart.map(|wrong| (i64::MAX, wrong));
    let mut found: Vec<(i64, Wrong)> = balances.finish().into_iter().chain(sealed.finish()).chain(apart).collect();
    // Stable: of two at the same place the balances' comes first, for it has figures.
    found.sort_by_key(|(place, _)| *place);
    // A row that cannot be read is found by both.
    found.dedup();
    let mut found = found.into_iter().map(|(_, wrong)| wrong);
    Ok(VerifyReport {
        accounts,
        transfers,
        sealed: covered,
        head: head.and_then(|head| match head {
            Stored::Row(seal) => Some(Anchor { no: seal.no, hash: seal.hash }),
            Stored::Unreadable(_) => None,
        }),
        wrong: found.next(),
        also: found.next(),
    })
}

impl Stored<JournalRow> {
    const fn no(&self) -> i64 {
        match self {
            Self::Row(row) => row.no,
            Self::Unreadable(no) => *no,
        }
    }
}

/// Each hold is compared with its own transfer, in one statement: what is committed meanwhile is committed with its own.
async fn first_wrong_hold<B>(books: &B) -> Result<Option<Wrong>, StoreError>
where
    B: Books,
    B::Tx: AuditStore,
{
    let mut after: Option<HoldId> = None;
    loop {
        let holds = books.read(async move |tx: &mut B::Tx| tx.list_holds_after(after, BATCH).await).await?;
        let Some(last) = holds.last() else { return Ok(None) };
        after = Some(last.id);
        if let Some(hold) = holds.iter().find(|hold| !hold.has_accounts || !hold.is_sound) {
            return Ok(Some(if hold.has_accounts { Wrong::Hold(hold.id) } else { Wrong::HoldStray(hold.id) }));
        }
    }
}

/// What the books claim, at one moment.
struct Figures {
    accounts: Accounts,
    pending: Vec<(i64, i64, i64)>,
    pages: Option<i64>,
    last: i64,
    head: Option<Stored<Seal>>,
}

async fn figures<T: LedgerStore + AuditStore + SealStore>(tx: &mut T) -> Result<Figures, StoreError> {
    let mut accounts = Accounts::default();
    // The ledger's numbers begin with 1, but whoever writes behind its back may use others.
    let mut after = i64::MIN;
    loop {
        let batch = tx.list_accounts_after(after, BATCH).await?;
        after = match batch.last() {
            Some(Stored::Row(AccountFigures { no, .. }) | Stored::Unreadable(no)) => *no,
            None => break,
        };
        batch.into_iter().for_each(|account| accounts.add(account));
    }
    Ok(Figures {
        accounts,
        pending: tx.pending_totals().await?,
        pages: tx.find_stray_pages().await?,
        last: tx.newest_transfer_no().await?,
        head: tx.last_seal().await?,
    })
}
