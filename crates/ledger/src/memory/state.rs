//! What is in memory, and the indexes over it.

use std::collections::{BTreeSet, HashMap};

use rialto_kernel::{AccountId, AgentId, Asset, OwnerId, Timestamp};
use rialto_store::StoreError;

use crate::{
    model::{
        Account, AccountState, Code, Hold, HoldId, HoldState, NewAccount, Overdraft, ReferenceId, Side, Transfer, TransferId,
    },
    seal::Seal,
};

/// All rows. Those of accounts and transfers stand in the order of their numbers, which begin with 1 and have no holes.
#[derive(Default)]
pub(super) struct State {
    pub(super) books: Vec<Book>,
    pub(super) account_nos: HashMap<AccountId, i64>,
    pub(super) users: HashMap<(OwnerId, Asset), i64>,
    pub(super) agents: HashMap<(AgentId, Asset), i64>,
    pub(super) owned: HashMap<OwnerId, Vec<i64>>,
    pub(super) journal: Vec<Transfer>,
    pub(super) transfer_nos: HashMap<TransferId, i64>,
    /// Transfers that were taken back, and by which.
    pub(super) reversals: HashMap<TransferId, TransferId>,
    pub(super) references: HashMap<ReferenceId, Vec<i64>>,
    pub(super) holds: HashMap<HoldId, Hold>,
    /// Pending holds that end by themselves, by when they do.
    pub(super) due: BTreeSet<(Timestamp, HoldId)>,
    pub(super) seals: Vec<Seal>,
}

/// An account and what belongs to it.
pub(super) struct Book {
    pub(super) account: Account,
    /// Its entries: the one with the number 1 comes first.
    pub(super) lines: Vec<Line>,
    /// The numbers of those entries that are backdated.
    pub(super) backdated: Vec<i64>,
    /// Its holds of either side, in the order in which they were made.
    pub(super) holds: Vec<HoldId>,
}

/// One entry: a side of a transfer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The transfer's place in the journal, from 1.
    pub(super) no: i64,
    pub(super) side: Side,
}

/// How to take one step back. Steps are taken back in the opposite order, so what was added last is last still.
pub(super) enum Undo {
    /// The newest account goes.
    Opened,
    /// An account as it was.
    Account(Account),
    /// The newest transfer goes.
    Entered,
    /// The newest hold of its two accounts goes.
    Held(HoldId),
    /// A hold as it was.
    Hold(Hold),
    /// The newest seal goes.
    Sealed,
}

/// The place of a number that begins with 1.
fn place(no: i64) -> Option<usize> {
    usize::try_from(no).ok()?.checked_sub(1)
}

/// The number of the newest of so many.
fn newest(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn check(kept: bool, name: &str) -> Result<(), StoreError> {
    if kept { Ok(()) } else { Err(StoreError::Check(name.to_owned())) }
}

impl State {
    pub(super) fn book(&self, no: i64) -> Option<&Book> {
        self.books.get(place(no)?)
    }

    fn book_mut(&mut self, no: i64) -> Option<&mut Book> {
        self.books.get_mut(place(no)?)
    }

    pub(super) fn find_book(&self, id: AccountId) -> Option<&Book> {
        self.book(*self.account_nos.get(&id)?)
    }

    /// The transfer at a place in the journal, from 1.
    pub(super) fn transfer(&self, no: i64) -> Option<&Transfer> {
        self.journal.get(place(no)?)
    }

    pub(super) fn find_transfer(&self, id: TransferId) -> Option<&Transfer> {
        self.transfer(*self.transfer_nos.get(&id)?)
    }

    /// Opens an account, unless its id or its place is taken.
    pub(super) fn open(&mut self, new: &NewAccount, now: Timestamp) -> Option<Undo> {
        let no = newest(self.books.len()).saturating_add(1);
        let user = new.owner.filter(|_| new.code == Code::USER).map(|owner| (owner, new.asset));
        let agent = new.agent.map(|agent| (agent, new.asset));
        let taken = self.account_nos.contains_key(&new.id)
            || user.is_some_and(|user| self.users.contains_key(&user))
            || agent.is_some_and(|agent| self.agents.contains_key(&agent));
        if taken {
            return None;
        }
        self.account_nos.insert(new.id, no);
        user.map(|user| self.users.insert(user, no));
        agent.map(|agent| self.agents.insert(agent, no));
        if let Some(owner) = new.owner {
            self.owned.entry(owner).or_default().push(no);
        }
        let account = Account {
            id: new.id,
            no,
            owner: new.owner,
            agent: new.agent,
            asset: new.asset,
            code: new.code.clone(),
            state: AccountState::Open,
            overdraft: new.overdraft,
            credits_capped: new.credits_capped,
            balance: 0,
            held_out: rialto_kernel::Amount::ZERO,
            held_in: rialto_kernel::Amount::ZERO,
            entry_count: 0,
            created_at: now,
            updated_at: now,
        };
        self.books.push(Book { account, lines: Vec::new(), backdated: Vec::new(), holds: Vec::new() });
        Some(Undo::Opened)
    }

    /// Sets the state of an account, if there is one.
    pub(super) fn set_account_state(&mut self, id: AccountId, state: AccountState, now: Timestamp) -> Option<Undo> {
        let book = self.book_mut(*self.account_nos.get(&id)?)?;
        let before = book.account.clone();
        book.account.state = state;
        book.account.updated_at = now;
        Some(Undo::Account(before))
    }

    /// Writes the figures of an account, and nothing else of it.
    pub(super) fn write_figures(&mut self, account: &Account) -> Result<Undo, StoreError> {
        let covered = |overdraft| match overdraft {
            Overdraft::Unlimited => true,
            Overdraft::Limit(limit) => account.available().saturating_add(limit.get()) >= 0,
        };
        let gone = || StoreError::Corrupt("an account that was locked has gone".into());
        let stored = &mut self.book_mut(account.no).ok_or_else(gone)?.account;
        check(covered(stored.overdraft), "ledger_accounts_covered")?;
        check(!stored.credits_capped || account.room() >= 0, "ledger_accounts_capped")?;
        check(account.entry_count >= 0, "ledger_accounts_entry_count_check")?;
        let before = stored.clone();
        stored.balance = account.balance;
        stored.held_out = account.held_out;
        stored.held_in = account.held_in;
        stored.entry_count = account.entry_count;
        stored.updated_at = account.updated_at;
        Ok(Undo::Account(before))
    }

    /// Writes a transfer and its two entries.
    pub(super) fn enter(&mut self, transfer: &Transfer) -> Result<Undo, StoreError> {
        if self.transfer_nos.contains_key(&transfer.id) {
            return Err(StoreError::Again("an id was taken in the meantime".into()));
        }
        check(!transfer.amount.is_zero(), "ledger_transfers_amount_check")?;
        check(transfer.effective_at.is_none_or(|at| at <= transfer.created_at), "ledger_transfers_effective_at_check")?;
        check(transfer.balanced.is_none_or(|balanced| balanced.at_most >= transfer.amount), "ledger_transfers_at_most_check")?;
        if let Some(of) = transfer.reverses {
            if !self.transfer_nos.contains_key(&of) {
                return Err(StoreError::ForeignKey("ledger_transfers_reverses_fkey".into()));
            }
            if self.reversals.contains_key(&of) {
                return Err(StoreError::Unique("ledger_transfers_reverses".into()));
            }
        }
        // A transfer from an account to itself is two entries of it, the debit first.
        let (debit, credit) = (transfer.debit, transfer.credit);
        let shift = i64::from(debit.account_no == credit.account_no);
        let stray = || StoreError::ForeignKey("ledger_transfers_account_fkey".into());
        let next = |no, shift| self.book(no).map(|book| newest(book.lines.len()) + 1 + shift).ok_or_else(stray);
        if next(debit.account_no, 0)? != debit.seq {
            return Err(StoreError::Unique("ledger_transfers_debit".into()));
        }
        if next(credit.account_no, shift)? != credit.seq {
            return Err(StoreError::Unique("ledger_transfers_credit".into()));
        }
        let no = newest(self.journal.len()).saturating_add(1);
        for (posting, side) in [(debit, Side::Debit), (credit, Side::Credit)] {
            if let Some(book) = self.book_mut(posting.account_no) {
                book.lines.push(Line { no, side });
                book.backdated.extend(transfer.effective_at.map(|_| posting.seq));
            }
        }
        self.transfer_nos.insert(transfer.id, no);
        transfer.reverses.map(|of| self.reversals.insert(of, transfer.id));
        if let Some(reference) = transfer.reference {
            self.references.entry(reference).or_default().push(no);
        }
        self.journal.push(transfer.clone());
        Ok(Undo::Entered)
    }

    /// Writes a new hold.
    pub(super) fn hold(&mut self, hold: &Hold) -> Result<Undo, StoreError> {
        let terms = &hold.terms;
        if self.holds.contains_key(&terms.id) {
            return Err(StoreError::Again("an id was taken in the meantime".into()));
        }
        self.check_hold(hold)?;
        if self.find_book(terms.debit).and(self.find_book(terms.credit)).is_none() {
            return Err(StoreError::ForeignKey("ledger_holds_account_fkey".into()));
        }
        for account in sides(hold) {
            if let Some(book) = self.account_nos.get(&account).copied().and_then(|no| self.book_mut(no)) {
                book.holds.push(terms.id);
            }
        }
        self.holds.insert(terms.id, hold.clone());
        self.note_due(hold);
        Ok(Undo::Held(terms.id))
    }

    /// Writes how a hold ended, and nothing else of it.
    pub(super) fn resolve(&mut self, hold: &Hold) -> Result<Undo, StoreError> {
        self.check_hold(hold)?;
        let gone = || StoreError::Corrupt("a hold that was locked has gone".into());
        let stored = self.holds.get_mut(&hold.terms.id).ok_or_else(gone)?;
        let before = stored.clone();
        stored.state = hold.state;
        stored.resolved_at = hold.resolved_at;
        self.note_due(hold);
        Ok(Undo::Hold(before))
    }

    fn check_hold(&self, hold: &Hold) -> Result<(), StoreError> {
        check(!hold.terms.amount.is_zero(), "ledger_holds_amount_check")?;
        check((hold.state == HoldState::Pending) == hold.resolved_at.is_none(), "ledger_holds_check")?;
        let HoldState::Posted { transfer, amount } = hold.state else { return Ok(()) };
        check(!amount.is_zero() && amount <= hold.terms.amount, "ledger_holds_posted_amount_check")?;
        if self.transfer_nos.contains_key(&transfer) {
            return Ok(());
        }
        Err(StoreError::ForeignKey("ledger_holds_transfer_id_fkey".into()))
    }

    fn note_due(&mut self, hold: &Hold) {
        let Some(expires_at) = hold.terms.expires_at else { return };
        let entry = (expires_at, hold.terms.id);
        if hold.state == HoldState::Pending {
            self.due.insert(entry)
        } else {
            self.due.remove(&entry)
        };
    }

    pub(super) fn undo(&mut self, step: Undo) {
        match step {
            Undo::Opened => self.forget_account(),
            Undo::Account(before) => {
                if let Some(book) = self.book_mut(before.no) {
                    book.account = before;
                }
            }
            Undo::Entered => self.forget_transfer(),
            Undo::Held(id) => {
                let Some(hold) = self.holds.remove(&id) else { return };
                hold.terms.expires_at.map(|expires_at| self.due.remove(&(expires_at, id)));
                for account in sides(&hold) {
                    if let Some(book) = self.account_nos.get(&account).copied().and_then(|no| self.book_mut(no)) {
                        book.holds.pop();
                    }
                }
            }
            Undo::Hold(before) => {
                self.note_due(&before);
                self.holds.insert(before.terms.id, before);
            }
            Undo::Sealed => drop(self.seals.pop()),
        }
    }

    fn forget_account(&mut self) {
        let Some(Book { account, .. }) = self.books.pop() else { return };
        self.account_nos.remove(&account.id);
        account.agent.map(|agent| self.agents.remove(&(agent, account.asset)));
        let Some(owner) = account.owner else { return };
        self.owned.get_mut(&owner).map(Vec::pop);
        if account.code == Code::USER {
            self.users.remove(&(owner, account.asset));
        }
    }

    fn forget_transfer(&mut self) {
        let Some(transfer) = self.journal.pop() else { return };
        self.transfer_nos.remove(&transfer.id);
        transfer.reverses.map(|of| self.reversals.remove(&of));
        transfer.reference.map(|reference| self.references.get_mut(&reference).map(Vec::pop));
        for posting in [transfer.credit, transfer.debit] {
            if let Some(book) = self.book_mut(posting.account_no) {
                book.lines.pop();
                transfer.effective_at.map(|_| book.backdated.pop());
            }
        }
    }
}

/// The accounts of a hold, each once.
fn sides(hold: &Hold) -> impl Iterator<Item = AccountId> + use<> {
    let (debit, credit) = (hold.terms.debit, hold.terms.credit);
    [debit].into_iter().chain((credit != debit).then_some(credit))
}
