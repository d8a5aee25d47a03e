//! What checking a caller asks, answered from memory.

use rialto_kernel::AccountId;
use rialto_store::StoreError;

use super::MemoryTx;
use crate::{
    access::AccessStore,
    model::{Account, Hold, HoldId},
    store::LedgerStore,
};

impl AccessStore for MemoryTx {
    async fn find_accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        // A lock, in memory, is no more than a look.
        self.lock_accounts(ids).await
    }

    async fn find_holds(&mut self, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
        self.lock_holds(ids).await
    }
}
