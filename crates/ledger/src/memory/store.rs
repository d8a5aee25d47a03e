//! What operations ask of a transaction, answered from memory.

use std::ops::RangeInclusive;

use rialto_kernel::{AccountId, Timestamp};
use rialto_store::StoreError;

use super::{
    MemoryTx,
    state::{Line, State, Undo},
};
use crate::{
    model::{Account, AccountState, Entry, Hold, HoldId, NewAccount, Side, Transfer, TransferId},
    store::{Changes, LedgerStore},
};

impl MemoryTx {
    /// Writes `changes` as far as the checks let it; what has been written, it says in `undo`.
    fn write(state: &mut State, undo: &mut Vec<Undo>, changes: &Changes) -> Result<(), StoreError> {
        for account in &changes.accounts {
            undo.push(state.write_figures(account)?);
        }
        for transfer in &changes.transfers {
            undo.push(state.enter(transfer)?);
        }
        for hold in &changes.opened {
            undo.push(state.hold(hold)?);
        }
        for hold in &changes.resolved {
            undo.push(state.resolve(hold)?);
        }
        Ok(())
    }
}

impl LedgerStore for MemoryTx {
    async fn insert_account(&mut self, new: &NewAccount, now: Timestamp) -> Result<bool, StoreError> {
        if !new.is_sound() {
            return Err(StoreError::Check("ledger_accounts_code_check".into()));
        }
        let opened = self.writable()?.open(new, now);
        let inserted = opened.is_some();
        self.undo.extend(opened);
        Ok(inserted)
    }

    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.state.find_book(id).map(|book| book.account.clone()))
    }

    async fn set_account_state(&mut self, id: AccountId, state: AccountState, now: Timestamp) -> Result<(), StoreError> {
        let set = self.writable()?.set_account_state(id, state, now);
        self.undo.extend(set);
        Ok(())
    }

    async fn lock_accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.state.find_book(*id)).map(|book| book.account.clone()).collect())
    }

    async fn lock_holds(&mut self, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.state.holds.get(id)).cloned().collect())
    }

    async fn lock_due_holds(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
        let due = self.state.due.iter().take_while(|(expires_at, _)| *expires_at <= now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(due.filter_map(|(_, id)| self.state.holds.get(id)).take(limit).cloned().collect())
    }

    async fn find_hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        Ok(self.state.holds.get(&id).cloned())
    }

    async fn find_transfers(&mut self, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.state.find_transfer(*id)).cloned().collect())
    }

    async fn find_reversals(&mut self, of: &[TransferId]) -> Result<Vec<(TransferId, TransferId)>, StoreError> {
        Ok(of.iter().filter_map(|of| Some((*of, *self.state.reversals.get(of)?))).collect())
    }

    async fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.writable()?;
        let before = self.undo.len();
        let written = Self::write(&mut self.state, &mut self.undo, changes);
        if written.is_err() {
            self.undo_to(before);
        }
        written
    }

    async fn newest_transfer_no(&mut self) -> Result<i64, StoreError> {
        Ok(i64::try_from(self.state.journal.len()).unwrap_or(i64::MAX))
    }

    async fn list_entries(&mut self, account_no: i64, seqs: RangeInclusive<i64>) -> Result<Vec<Entry>, StoreError> {
        let Some(book) = self.state.book(account_no) else { return Ok(Vec::new()) };
        let before = usize::try_from(seqs.start().saturating_sub(1).max(0)).unwrap_or(usize::MAX);
        let until = usize::try_from((*seqs.end()).max(0)).unwrap_or(usize::MAX).min(book.lines.len());
        let lines = book.lines.get(before..until).unwrap_or_default();
        Ok(lines.iter().rev().filter_map(|line| self.state.entry(*line)).collect())
    }
}

impl State {
    /// A side of a transfer, as a line of its account's history.
    pub(super) fn entry(&self, line: Line) -> Option<Entry> {
        let transfer = self.transfer(line.no)?;
        let posting = match line.side {
            Side::Debit => transfer.debit,
            Side::Credit => transfer.credit,
        };
        Some(Entry {
            seq: posting.seq,
            transfer: transfer.id,
            side: line.side,
            amount: transfer.amount,
            balance: posting.balance,
            kind: transfer.kind,
            reference: transfer.reference,
            reverses: transfer.reverses,
            memo: transfer.memo.clone(),
            effective_at: transfer.effective_at,
            metadata: transfer.metadata.clone(),
            created_at: transfer.created_at,
        })
    }
}
