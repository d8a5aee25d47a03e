//! What commission asks of a transaction.

use std::future::Future;

use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_store::StoreError;

use super::{Quality, Terms};

/// The terms of providers.
pub trait CommissionStore: Send {
    /// The terms that are kept of a provider.
    fn find_terms(&mut self, provider: OwnerId) -> impl Future<Output = Result<Option<Terms>, StoreError>> + Send;

    /// Keeps the terms of a provider, unless some are kept, or it offers nothing.
    fn insert_terms(&mut self, provider: OwnerId, terms: &Terms) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When the first service of a provider was registered.
    fn find_registration(&mut self, provider: OwnerId) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// Who registered a service first, the first one first, at most `limit` of them. It looks at all services.
    fn list_first_providers(&mut self, limit: u32) -> impl Future<Output = Result<Vec<OwnerId>, StoreError>> + Send;

    /// Adds to what a provider's settlements came to.
    fn add_settled(&mut self, provider: OwnerId, gross: Amount) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Says how well a provider does, if its terms are kept.
    fn set_quality(&mut self, provider: OwnerId, quality: Quality) -> impl Future<Output = Result<(), StoreError>> + Send;
}
