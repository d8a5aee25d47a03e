//! What the entries come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rialto_kernel::{AccountId, Timestamp};

use super::{AccountFigures, AccountName, JournalRow, Leg, Stored, Wrong};
use crate::model::Side;

/// An account's figures, and what its entries have come to so far.
pub(super) struct Tally {
    id: AccountId,
    asset: String,
    is_sound: bool,
    /// What it claims.
    claimed: Claimed,
    held: (i64, i64),
    seq: i64,
    balance: i64,
    /// When its last entry was created.
    at: Option<Timestamp>,
}

struct Claimed {
    balance: i64,
    entries: i64,
    held: (i64, i64),
}

impl Tally {
    fn of(account: AccountFigures) -> Self {
        let AccountFigures { id, asset, balance, held, entries, is_sound, .. } = account;
        let claimed = Claimed { balance, entries, held };
        Self { id, asset, is_sound, claimed, held: (0, 0), seq: 0, balance: 0, at: None }
    }
}

/// The accounts, as they were at one moment.
#[derive(Default)]
pub(super) struct Accounts {
    tallies: HashMap<i64, Tally>,
    /// Those of which nothing can be said.
    unreadable: BTreeSet<i64>,
}

impl Accounts {
    pub(super) fn add(&mut self, account: Stored<AccountFigures>) {
        match account {
            Stored::Row(account) => drop(self.tallies.insert(account.no, Tally::of(account))),
            Stored::Unreadable(no) => drop(self.unreadable.insert(no)),
        }
    }
}

/// One tally per account, and the first thing that was wrong, with its place.
pub(super) struct Balances {
    accounts: Accounts,
    wrong: Option<(i64, Wrong)>,
}

impl Balances {
    /// What is pending between accounts that are not there is found with the holds.
    pub(super) fn new(mut accounts: Accounts, pending: Vec<(i64, i64, i64)>) -> Self {
        for (no, held_out, held_in) in pending {
            if let Some(tally) = accounts.tallies.get_mut(&no) {
                tally.held = (held_out, held_in);
            }
        }
        Self { accounts, wrong: None }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.wrong.is_some()
    }

    pub(super) fn accounts(&self) -> u64 {
        u64::try_from(self.accounts.tallies.len() + self.accounts.unreadable.len()).unwrap_or(u64::MAX)
    }

    /// The id behind a number.
    pub(super) fn account(&self, no: i64) -> Option<AccountId> {
        self.accounts.tallies.get(&no).map(|tally| tally.id)
    }

    /// Takes the next row. True when it is in doubt: it may have been committed after the figures were taken, with a number
    /// that it had taken before. Then [`Balances::settle`] has to be told what is there now.
    pub(super) fn check(&mut self, row: &JournalRow) -> bool {
        if self.wrong.is_some() {
            return false;
        }
        let tallies = legs(row).map(|(_, leg)| self.accounts.tallies.get(&leg.account_no));
        if let [Some(debit), Some(credit)] = tallies
            && debit.asset != credit.asset
        {
            self.wrong = Some((row.no, Wrong::Assets(row.transfer)));
            return false;
        }
        if let Err(wrong) = self.add(row) {
            self.wrong = Some((row.no, wrong));
            return false;
        }
        legs(row).iter().any(|(_, leg)| !self.counts(*leg))
    }

    /// Takes the number of a row that cannot be read.
    pub(super) fn unreadable(&mut self, no: i64) {
        self.wrong.get_or_insert((no, Wrong::Unreadable { table: "ledger_transfers", no }));
    }

    /// Takes what the accounts of a doubtful row are now. A row is committed together with its accounts' figures, so each of
    /// them has at least as many entries.
    pub(super) fn settle(&mut self, row: &JournalRow, now: &[AccountName]) {
        for (_, leg) in legs(row) {
            match now.iter().find(|name| name.no == leg.account_no) {
                None => self.wrong = Some((row.no, Wrong::Stray(row.transfer))),
                Some(name) if name.entries < leg.seq => {
                    let (account, expected_after) = (name.id, name.entries);
                    let wrong = Wrong::Sequence { account, expected_after, found: leg.seq, transfer: row.transfer };
                    self.wrong = Some((row.no, wrong));
                }
                Some(_) => continue,
            }
            return;
        }
    }

    /// Whether the figures that were taken have this entry in them. Of an account that cannot be read nobody knows.
    fn counts(&self, leg: Leg) -> bool {
        let tally = self.accounts.tallies.get(&leg.account_no);
        tally.map_or_else(|| self.accounts.unreadable.contains(&leg.account_no), |tally| leg.seq <= tally.claimed.entries)
    }

    fn add(&mut self, row: &JournalRow) -> Result<(), Wrong> {
        for (side, leg) in legs(row) {
            if !self.counts(leg) {
                continue;
            }
            let Some(tally) = self.accounts.tallies.get_mut(&leg.account_no) else { continue };
            let (account, seq) = (tally.id, leg.seq);
            if seq != tally.seq + 1 {
                return Err(Wrong::Sequence { account, expected_after: tally.seq, found: seq, transfer: row.transfer });
            }
            let signed = if side == Side::Debit { row.amount.saturating_neg() } else { row.amount };
            let expected = tally.balance.saturating_add(signed);
            if leg.balance != expected {
                return Err(Wrong::Entry { account, seq, transfer: row.transfer, expected, found: leg.balance });
            }
            if let Some(before) = tally.at.filter(|before| *before > row.created_at) {
                return Err(Wrong::Time { account, seq, transfer: row.transfer, before, found: row.created_at });
            }
            (tally.seq, tally.balance, tally.at) = (seq, leg.balance, Some(row.created_at));
        }
        // Of a row in doubt it is asked first whether it is there at all.
        let doubtful = legs(row).iter().any(|(_, leg)| !self.counts(*leg));
        if row.filed || doubtful { Ok(()) } else { Err(Wrong::Misfiled(row.transfer)) }
    }

    /// The first thing that is wrong, and its place; what is wrong with an account as a whole stands behind all transfers.
    pub(super) fn finish(self) -> Option<(i64, Wrong)> {
        self.wrong.or_else(|| whole(&self.accounts).err().map(|wrong| (i64::MAX, wrong)))
    }
}

const fn legs(row: &JournalRow) -> [(Side, Leg); 2] {
    [(Side::Debit, row.debit), (Side::Credit, row.credit)]
}

fn whole(accounts: &Accounts) -> Result<(), Wrong> {
    const TABLE: &str = "ledger_accounts";
    if let Some(no) = accounts.unreadable.first() {
        return Err(Wrong::Unreadable { table: TABLE, no: *no });
    }
    let mut in_order: Vec<(&i64, &Tally)> = accounts.tallies.iter().collect();
    in_order.sort_unstable_by_key(|(no, _)| **no);
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (no, Tally { id, asset, is_sound, claimed, held, seq, balance, .. }) in in_order {
        if (claimed.balance, claimed.entries) != (*balance, *seq) {
            return Err(Wrong::Balance {
                account: *id,
                balance: claimed.balance,
                entries: claimed.entries,
                found: *balance,
                found_entries: *seq,
            });
        }
        if claimed.held != *held {
            return Err(Wrong::Held { account: *id, held: claimed.held, found: *held });
        }
        if !is_sound {
            return Err(Wrong::Unreadable { table: TABLE, no: *no });
        }
        *sums.entry(asset).or_default() += i128::from(claimed.balance);
    }
    match sums.into_iter().find(|(_, sum)| *sum != 0) {
        Some((asset, sum)) => Err(Wrong::Sum { asset: asset.to_owned(), sum }),
        None => Ok(()),
    }
}
