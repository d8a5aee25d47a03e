//! What verifying reads, from memory.

use std::collections::HashMap;

use rialto_store::StoreError;

use super::MemoryTx;
use crate::{
    model::{Account, Balancing, Hold, HoldId, HoldState, Metadata, Posting, Transfer},
    verify::{AccountFigures, AccountName, AuditStore, HoldCheck, JournalRow, Leg, Stored},
};

/// Where to begin and how many to take of rows that are numbered from 1 without holes.
fn page(after: i64, limit: u32) -> (usize, usize) {
    (usize::try_from(after.max(0)).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(usize::MAX))
}

impl AuditStore for MemoryTx {
    async fn list_accounts_after(&mut self, no: i64, limit: u32) -> Result<Vec<Stored<AccountFigures>>, StoreError> {
        let (skip, take) = page(no, limit);
        Ok(self.state.books.iter().skip(skip).take(take).map(|book| Stored::Row(figures(&book.account))).collect())
    }

    async fn list_names(&mut self, nos: &[i64]) -> Result<Vec<AccountName>, StoreError> {
        let accounts = nos.iter().filter_map(|no| self.state.book(*no)).map(|book| &book.account);
        Ok(accounts.map(|account| AccountName { no: account.no, id: account.id, entries: account.entry_count }).collect())
    }

    async fn pending_totals(&mut self) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let mut totals: HashMap<i64, (i64, i64)> = HashMap::new();
        for hold in self.state.holds.values().filter(|hold| hold.state == HoldState::Pending) {
            let number = |id| self.state.account_nos.get(&id).copied().unwrap_or_default();
            let out = &mut totals.entry(number(hold.terms.debit)).or_default().0;
            *out = out.saturating_add(hold.terms.amount.get());
            let into = &mut totals.entry(number(hold.terms.credit)).or_default().1;
            *into = into.saturating_add(hold.terms.amount.get());
        }
        Ok(totals.into_iter().map(|(no, (out, into))| (no, out, into)).collect())
    }

    async fn list_holds_after(&mut self, after: Option<HoldId>, limit: u32) -> Result<Vec<HoldCheck>, StoreError> {
        let mut ids: Vec<HoldId> = self.state.holds.keys().copied().filter(|id| after.is_none_or(|after| *id > after)).collect();
        ids.sort_unstable();
        ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(ids.iter().filter_map(|id| self.state.holds.get(id)).map(|hold| self.compared(hold)).collect())
    }

    /// Histories are not kept apart here.
    async fn find_stray_pages(&mut self) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    async fn list_journal(
        &mut self,
        no: i64,
        last: i64,
        limit: u32,
        _places: bool,
    ) -> Result<Vec<Stored<JournalRow>>, StoreError> {
        let (skip, take) = page(no, limit);
        let rows = (no.max(0).saturating_add(1)..=last).zip(self.state.journal.iter().skip(skip)).take(take);
        rows.map(|(no, transfer)| row(no, transfer).map(Stored::Row)).collect()
    }
}

impl MemoryTx {
    fn compared(&self, hold: &Hold) -> HoldCheck {
        let terms = &hold.terms;
        let accounts = [terms.debit, terms.credit];
        let is_sound = match hold.state {
            HoldState::Posted { transfer, amount } => self.state.find_transfer(transfer).is_some_and(|transfer| {
                transfer.amount == amount && [transfer.debit.account, transfer.credit.account] == accounts
            }),
            HoldState::Pending | HoldState::Voided | HoldState::Expired => true,
        };
        HoldCheck { id: terms.id, has_accounts: accounts.iter().all(|id| self.state.find_book(*id).is_some()), is_sound }
    }
}

fn figures(account: &Account) -> AccountFigures {
    AccountFigures {
        no: account.no,
        id: account.id,
        asset: account.asset.code().to_owned(),
        balance: account.balance,
        held: (account.held_out.get(), account.held_in.get()),
        entries: account.entry_count,
        is_sound: true,
    }
}

/// A transfer as the tables have it.
fn row(no: i64, transfer: &Transfer) -> Result<JournalRow, StoreError> {
    let leg = |posting: Posting| Leg { account_no: posting.account_no, seq: posting.seq, balance: posting.balance };
    let by = |by| match by {
        Balancing::Debit => 1,
        Balancing::Credit => 2,
    };
    Ok(JournalRow {
        no,
        transfer: transfer.id,
        amount: transfer.amount.get(),
        debit: leg(transfer.debit),
        credit: leg(transfer.credit),
        reference: transfer.reference,
        reverses: transfer.reverses,
        created_at: transfer.created_at,
        kind: transfer.kind.0,
        memo: transfer.memo.clone(),
        effective_at: transfer.effective_at,
        at_most: transfer.balanced.map(|balanced| balanced.at_most.get()),
        balancing: transfer.balanced.map(|balanced| by(balanced.by)),
        metadata: metadata(&transfer.metadata)?,
        filed: true,
    })
}

fn metadata(metadata: &Metadata) -> Result<Option<String>, StoreError> {
    if metadata.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(metadata.words()).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
}
