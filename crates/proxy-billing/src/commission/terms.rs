//! What is known of a provider.

use rialto_kernel::{Amount, OwnerId};
use rialto_store::StoreError;

use super::{CommissionStore, FOUNDING_MAX, Quality, Terms};

/// The terms of a provider, for who only looks.
///
/// # Errors
/// The store's.
pub async fn find_terms(tx: &mut impl CommissionStore, provider: OwnerId) -> Result<Terms, StoreError> {
    match tx.find_terms(provider).await? {
        Some(terms) => Ok(terms),
        None => derive(tx, provider).await,
    }
}

/// The terms of a provider, for who makes a call of its service. The first call works them out and keeps them: whoever was among
/// the first providers once stays so, as services are never forgotten.
///
/// # Errors
/// The store's.
pub async fn terms_of(tx: &mut impl CommissionStore, provider: OwnerId) -> Result<Terms, StoreError> {
    if let Some(terms) = tx.find_terms(provider).await? {
        return Ok(terms);
    }
    let terms = derive(tx, provider).await?;
    tx.insert_terms(provider, &terms).await?;
    Ok(terms)
}

async fn derive(tx: &mut impl CommissionStore, provider: OwnerId) -> Result<Terms, StoreError> {
    let Some(registered_at) = tx.find_registration(provider).await? else { return Ok(Terms::NONE) };
    let is_founding = tx.list_first_providers(FOUNDING_MAX).await?.contains(&provider);
    Ok(Terms { registered_at: Some(registered_at), is_founding, settled: Amount::ZERO, quality: Quality::Standard })
}
