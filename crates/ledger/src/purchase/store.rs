//! What purchases ask of a transaction.

use rialto_kernel::Timestamp;
use rialto_store::StoreError;

use super::{Purchase, PurchaseId, PurchaseStatus};
use crate::wallet::WalletStore;

/// The rows of purchases.
pub trait PurchaseStore: WalletStore {
    /// Writes a new purchase.
    fn insert_purchase(&mut self, purchase: &Purchase) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads a purchase without locking it.
    fn find_purchase(&mut self, id: PurchaseId) -> impl Future<Output = Result<Option<Purchase>, StoreError>> + Send;

    /// Reads the purchase that its provider calls by this name.
    fn find_purchase_by_reference(
        &mut self,
        provider_reference: &str,
    ) -> impl Future<Output = Result<Option<Purchase>, StoreError>> + Send;

    /// Locks a purchase. Purchases are locked before accounts.
    fn lock_purchase(&mut self, id: PurchaseId) -> impl Future<Output = Result<Option<Purchase>, StoreError>> + Send;

    /// Sets the status of a purchase that is locked.
    fn set_purchase_status(
        &mut self,
        id: PurchaseId,
        status: PurchaseStatus,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
