//! Proving that the books are right: every balance is recomputed from its entries.
//!
//! It can run while money moves, and holds no transaction open for long: it takes the accounts' figures at one moment,
//! and then reads the transfers up to that moment, which never change, in batches.

use std::collections::HashMap;

use rialto_kernel::{AccountId, Asset};
use rialto_store::{Db, StoreError, Tx};

use crate::model::{Account, Side, TransferId};

/// How many rows are read at a time.
const BATCH: u32 = 2_000;

/// One row of the journal, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalRow {
    /// Its place in the journal.
    pub no: i64,
    /// Its id.
    pub transfer: TransferId,
    /// How much moved.
    pub amount: i64,
    /// The paying account's number, its entry's number and its balance after it.
    pub debit: (i64, i64, i64),
    /// The same of the paid account.
    pub credit: (i64, i64, i64),
}

/// What verifying asks of a transaction.
pub trait AuditStore: Send {
    /// Accounts in the order of their numbers, after this one.
    fn list_accounts_after(&mut self, no: i64, limit: u32) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// What pending holds take from and bring to each account: its number, out, in.
    fn pending_totals(&mut self) -> impl Future<Output = Result<Vec<(i64, i64, i64)>, StoreError>> + Send;

    /// The number of the newest transfer; zero when there is none.
    fn last_transfer_no(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Transfers in the order of their numbers, after `no` and up to `last`.
    fn list_journal(
        &mut self,
        no: i64,
        last: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<JournalRow>, StoreError>> + Send;
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// An entry does not follow from the one before it.
    #[error("account {account}, entry {seq} (transfer {transfer}): the balance after it is {found}, and should be {expected}")]
    Entry {
        /// Of which account.
        account: AccountId,
        /// Which entry.
        seq: i64,
        /// Which transfer.
        transfer: TransferId,
        /// What should stand there.
        expected: i64,
        /// What stands there.
        found: i64,
    },
    /// An entry is missing, or there is one too many.
    #[error("account {account}: after entry {expected_after} comes entry {found} (transfer {transfer})")]
    Sequence {
        /// Of which account.
        account: AccountId,
        /// The last good entry.
        expected_after: i64,
        /// The number of the next one.
        found: i64,
        /// Its transfer.
        transfer: TransferId,
    },
    /// A transfer names an account that is not there.
    #[error("transfer {0} is between accounts that are not there")]
    Stray(TransferId),
    /// A transfer moved one asset into another.
    #[error("transfer {0} is between accounts of different assets")]
    Assets(TransferId),
    /// An account's figures are not what its entries come to.
    #[error("account {account}: balance {balance} after {entries} entries, but there are {found_entries} that come to {found}")]
    Balance {
        /// Which account.
        account: AccountId,
        /// Its balance.
        balance: i64,
        /// How many entries it claims.
        entries: i64,
        /// What the entries come to.
        found: i64,
        /// How many there are.
        found_entries: i64,
    },
    /// An account's holds are not what its pending holds come to.
    #[error("account {account}: held {held:?} (out, in), but its pending holds come to {found:?}")]
    Held {
        /// Which account.
        account: AccountId,
        /// What it claims.
        held: (i64, i64),
        /// What its holds come to.
        found: (i64, i64),
    },
    /// The accounts of an asset do not sum to zero.
    #[error("the accounts in {} sum to {sum}", asset.code())]
    Sum {
        /// Which asset.
        asset: Asset,
        /// What they sum to.
        sum: i128,
    },
}

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

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many accounts.
    pub accounts: u64,
    /// How many transfers.
    pub transfers: u64,
    /// The first thing that is wrong; the books are right if `None`.
    pub wrong: Option<Wrong>,
}

/// An account's figures, and what its entries have come to so far.
struct Tally {
    account: Account,
    held: (i64, i64),
    seq: i64,
    balance: i64,
}

/// Recomputes the books and compares. Stops at the first thing that is wrong.
///
/// # Errors
/// [`StoreError`] when they could not be read.
pub async fn verify(db: &Db, progress: impl Fn(Progress)) -> Result<VerifyReport, StoreError> {
    let (accounts, pending, last) = db.snapshot(figures).await?;
    let mut tallies: HashMap<i64, Tally> =
        accounts.into_iter().map(|account| (account.no, Tally { account, held: (0, 0), seq: 0, balance: 0 })).collect();
    for (no, held_out, held_in) in pending {
        if let Some(tally) = tallies.get_mut(&no) {
            tally.held = (held_out, held_in);
        }
    }
    let (mut at, mut transfers) = (0, 0);
    let mut wrong = None;
    while wrong.is_none() && at < last {
        let rows = db.read(async move |tx: &mut Tx| tx.list_journal(at, last, BATCH).await).await?;
        at = rows.last().map_or(last, |row| row.no);
        for row in &rows {
            transfers += 1;
            if let Err(found) = check_row(&mut tallies, row) {
                wrong = Some(found);
                break;
            }
        }
        progress(Progress { transfers, at, last });
    }
    let wrong = wrong.or_else(|| check_accounts(&tallies).err());
    Ok(VerifyReport { accounts: u64::try_from(tallies.len()).unwrap_or(u64::MAX), transfers, wrong })
}

type Figures = (Vec<Account>, Vec<(i64, i64, i64)>, i64);

/// What the books claim, at one moment.
async fn figures(tx: &mut Tx) -> Result<Figures, StoreError> {
    let mut accounts: Vec<Account> = Vec::new();
    loop {
        let batch = tx.list_accounts_after(accounts.last().map_or(0, |account| account.no), BATCH).await?;
        if batch.is_empty() {
            break;
        }
        accounts.extend(batch);
    }
    Ok((accounts, tx.pending_totals().await?, tx.last_transfer_no().await?))
}

fn check_row(tallies: &mut HashMap<i64, Tally>, row: &JournalRow) -> Result<(), Wrong> {
    let asset = |tallies: &HashMap<i64, Tally>, no| tallies.get(&no).map(|tally| tally.account.asset);
    match (asset(tallies, row.debit.0), asset(tallies, row.credit.0)) {
        (Some(debit), Some(credit)) if debit != credit => return Err(Wrong::Assets(row.transfer)),
        (Some(_), Some(_)) => {}
        _ => return Err(Wrong::Stray(row.transfer)),
    }
    for (side, (no, seq, balance)) in [(Side::Debit, row.debit), (Side::Credit, row.credit)] {
        let Some(tally) = tallies.get_mut(&no) else { continue };
        let account = tally.account.id;
        // It was committed after the figures were taken: the newest numbers may belong to transactions still open then.
        if seq > tally.account.entry_count {
            continue;
        }
        if seq != tally.seq + 1 {
            return Err(Wrong::Sequence { account, expected_after: tally.seq, found: seq, transfer: row.transfer });
        }
        let signed = if side == Side::Debit { -row.amount } else { row.amount };
        let expected = tally.balance.saturating_add(signed);
        if balance != expected {
            return Err(Wrong::Entry { account, seq, transfer: row.transfer, expected, found: balance });
        }
        (tally.seq, tally.balance) = (seq, balance);
    }
    Ok(())
}

fn check_accounts(tallies: &HashMap<i64, Tally>) -> Result<(), Wrong> {
    let mut in_order: Vec<&Tally> = tallies.values().collect();
    in_order.sort_unstable_by_key(|tally| tally.account.no);
    let mut sums: HashMap<Asset, i128> = HashMap::new();
    for Tally { account, held, seq, balance } in in_order {
        if (account.balance, account.entry_count) != (*balance, *seq) {
            return Err(Wrong::Balance {
                account: account.id,
                balance: account.balance,
                entries: account.entry_count,
                found: *balance,
                found_entries: *seq,
            });
        }
        let claimed = (account.held_out.get(), account.held_in.get());
        if claimed != *held {
            return Err(Wrong::Held { account: account.id, held: claimed, found: *held });
        }
        *sums.entry(account.asset).or_default() += i128::from(account.balance);
    }
    match sums.into_iter().find(|(_, sum)| *sum != 0) {
        Some((asset, sum)) => Err(Wrong::Sum { asset, sum }),
        None => Ok(()),
    }
}
