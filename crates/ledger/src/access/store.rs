//! What checking a caller asks of a transaction.

use rialto_kernel::AccountId;
use rialto_store::StoreError;

use crate::{
    model::{Account, Hold, HoldId},
    store::LedgerStore,
};

/// Rows that are read to check a caller. Nothing is locked: what is looked at never changes.
pub trait AccessStore: LedgerStore {
    /// Those of these accounts that exist, in any order. `ids` are without repetition.
    fn find_accounts(&mut self, ids: &[AccountId]) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;

    /// Those of these holds that exist, in any order. `ids` are without repetition.
    fn find_holds(&mut self, ids: &[HoldId]) -> impl Future<Output = Result<Vec<Hold>, StoreError>> + Send;
}
