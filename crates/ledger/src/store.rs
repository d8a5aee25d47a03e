//! What the ledger asks of a transaction.

use std::ops::RangeInclusive;

use rialto_kernel::{AccountId, Timestamp};
use rialto_store::StoreError;

use crate::model::{Account, AccountState, Entry, Hold, HoldId, NewAccount, Transfer, TransferId};

/// What an operation wants written, all at once. Made by [`crate::plan::Plan`] from locked rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts with new figures. Every one of them was locked.
    pub accounts: Vec<Account>,
    /// New transfers, in the order of their entries.
    pub transfers: Vec<Transfer>,
    /// New holds.
    pub opened: Vec<Hold>,
    /// Holds that ended. Every one of them was locked.
    pub resolved: Vec<Hold>,
}

/// The holds and the accounts that were locked, and the transfers that were found.
pub type Locked = (Vec<Hold>, Vec<Account>, Vec<Transfer>);

/// The rows of the ledger, as seen from inside one transaction.
///
/// `lock_` means that no other transaction can change the row before this one ends. Rows are locked in the order of
/// their ids, holds before accounts, so that two transactions never wait for each other. Holds whose time is over come in
/// another order; who takes those waits for none.
pub trait LedgerStore: Send {
    /// Opens an account, unless its id, or the wallet that it would be, is taken. Whether it was opened.
    fn insert_account(&mut self, new: &NewAccount, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Reads an account without locking it.
    fn find_account(&mut self, id: AccountId) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// Sets an account's state.
    fn set_account_state(
        &mut self,
        id: AccountId,
        state: AccountState,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Locks those of these accounts that exist. `ids` are sorted and without repetition.
    fn lock_accounts(&mut self, ids: &[AccountId]) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// Locks those of these holds that exist. `ids` are sorted and without repetition.
    fn lock_holds(&mut self, ids: &[HoldId]) -> impl Future<Output = Result<Vec<Hold>, StoreError>> + Send;

    /// Locks pending holds whose time is over at `now`, the oldest first, at most `limit`, passing over those that
    /// another transaction has locked.
    fn lock_due_holds(&mut self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<Hold>, StoreError>> + Send;

    /// Reads a hold without locking it.
    fn find_hold(&mut self, id: HoldId) -> impl Future<Output = Result<Option<Hold>, StoreError>> + Send;

    /// Those of these transfers that exist.
    fn find_transfers(&mut self, ids: &[TransferId]) -> impl Future<Output = Result<Vec<Transfer>, StoreError>> + Send;

    /// Locks those of these holds that exist, then those of these accounts, and then finds those of these transfers. All are
    /// sorted and without repetition. That what was committed while it waited for the locks is found is the point of the order.
    fn lock_all_and_find(
        &mut self,
        holds: &[HoldId],
        accounts: &[AccountId],
        transfers: &[TransferId],
    ) -> impl Future<Output = Result<Locked, StoreError>> + Send {
        async {
            let holds = if holds.is_empty() { Vec::new() } else { self.lock_holds(holds).await? };
            let accounts = self.lock_accounts(accounts).await?;
            let transfers = if transfers.is_empty() { Vec::new() } else { self.find_transfers(transfers).await? };
            Ok((holds, accounts, transfers))
        }
    }

    /// Those of these transfers that were reversed, each with what reversed it.
    fn find_reversals(
        &mut self,
        of: &[TransferId],
    ) -> impl Future<Output = Result<Vec<(TransferId, TransferId)>, StoreError>> + Send;

    /// Writes `changes`.
    ///
    /// # Errors
    /// [`StoreError::Again`] when another transaction took one of the new ids in the meantime: run again, this one
    /// will find it.
    fn apply(&mut self, changes: &Changes) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The number of the newest transfer; zero when there is none.
    fn newest_transfer_no(&mut self) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// The entries of an account with these numbers, the newest first.
    fn list_entries(
        &mut self,
        account_no: i64,
        seqs: RangeInclusive<i64>,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;
}
