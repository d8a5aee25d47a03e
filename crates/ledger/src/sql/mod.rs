//! The ledger's rows in SQLite and PostgreSQL.

mod access;
mod accounts;
mod apply;
mod audit;
mod columns;
mod history;
mod holds;
mod packed;
pub mod pipeline;
mod places;
mod purchases;
mod schema;
mod seals;
mod transfers;
mod wallets;

use std::ops::RangeInclusive;

use rialto_kernel::{AccountId, Amount, Timestamp};
use rialto_store::{StoreError, Tx};

use crate::{
    model::{Account, AccountState, Entry, Hold, HoldId, NewAccount, Transfer, TransferId},
    store::{Changes, LedgerStore, Locked},
};

impl LedgerStore for Tx {
    async fn insert_account(&mut self, new: &NewAccount, now: Timestamp) -> Result<bool, StoreError> {
        accounts::insert(self, new, now).await
    }

    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        accounts::find(self, id).await
    }

    async fn set_account_state(&mut self, id: AccountId, state: AccountState, now: Timestamp) -> Result<(), StoreError> {
        accounts::set_state(self, id, state, now).await
    }

    async fn lock_accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        accounts::lock(self, ids).await
    }

    async fn lock_holds(&mut self, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
        holds::lock(self, ids).await
    }

    async fn lock_due_holds(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
        holds::lock_due(self, now, limit).await
    }

    async fn find_hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        holds::find(self, id).await
    }

    async fn find_transfers(&mut self, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
        transfers::find(self, ids).await
    }

    async fn lock_all_and_find(
        &mut self,
        holds: &[HoldId],
        accounts: &[AccountId],
        transfers: &[TransferId],
    ) -> Result<Locked, StoreError> {
        transfers::find_under_locks(self, holds, accounts, transfers).await
    }

    async fn find_reversals(&mut self, of: &[TransferId]) -> Result<Vec<(TransferId, TransferId)>, StoreError> {
        transfers::find_reversals(self, of).await
    }

    async fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        apply::apply(self, changes).await
    }

    async fn newest_transfer_no(&mut self) -> Result<i64, StoreError> {
        transfers::newest_no(self).await
    }

    async fn list_entries(&mut self, account_no: i64, seqs: RangeInclusive<i64>) -> Result<Vec<Entry>, StoreError> {
        transfers::list_entries(self, account_no, seqs).await
    }
}

/// An amount that the tables' CHECKs keep in range.
fn amount(minor_units: i64) -> Result<Amount, StoreError> {
    Amount::new(minor_units).map_err(|error| StoreError::Corrupt(format!("{minor_units}: {error}")))
}
