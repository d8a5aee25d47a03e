//! What usage says about what is worth calling.

use std::{collections::HashMap, time::Duration};

use rialto_kernel::{OwnerId, PageRequest, Timestamp};
use rialto_registry::{
    RegistryError,
    service::{Service, ServiceFilter, ServiceId, list_services, services_by_id, similar_services},
    store::ServiceStore,
};

use super::Trend;
use crate::store::UsageStore;

/// How far back a trend goes.
const TREND: Duration = Duration::from_secs(7 * 86_400);
/// How many of the services that somebody calls say what it likes.
const USED_MAX: u32 = 50;
/// How many of its categories do.
const CATEGORIES_MAX: usize = 3;

/// The active services whose calls were delivered most often in the last seven days.
///
/// # Errors
/// The store's.
pub async fn trending(
    tx: &mut (impl UsageStore + ServiceStore),
    page: PageRequest,
    now: Timestamp,
) -> Result<Vec<Trend>, RegistryError> {
    let called = tx.list_most_delivered(now.before(TREND), page.limit()).await?;
    let ids: Vec<ServiceId> = called.iter().map(|(id, _)| *id).collect();
    let mut services: HashMap<ServiceId, Service> =
        services_by_id(tx, &ids).await?.into_iter().map(|service| (service.id, service)).collect();
    let trend = |(id, calls)| services.remove(&id).map(|service| Trend { service, calls });
    Ok(called.into_iter().filter_map(trend).collect())
}

/// Active services that `owner` has not called and does not offer: first in the categories that it calls most, then those that
/// are most like what it calls, whatever their category; the newest for somebody who has called nothing.
///
/// # Errors
/// The store's.
pub async fn recommend(
    tx: &mut (impl UsageStore + ServiceStore),
    owner: Option<OwnerId>,
    page: PageRequest,
) -> Result<Vec<Service>, RegistryError> {
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let called = match owner {
        Some(owner) => tx.list_called_by(owner, USED_MAX).await?,
        None => Vec::new(),
    };
    let counts: HashMap<ServiceId, i64> = called.iter().copied().collect();
    let ids: Vec<ServiceId> = called.iter().map(|(id, _)| *id).collect();
    let used = services_by_id(tx, &ids).await?;
    let mut found: Vec<Service> = Vec::new();
    let mut take = |more: Vec<Service>| {
        for service in more {
            if Some(service.owner) != owner && used.iter().chain(&found).all(|one| one.id != service.id) {
                found.push(service);
            }
        }
        found.len() >= limit
    };
    // Twice as many as are wanted: some may be the owner's own, or there already.
    let fetched = u32::try_from(limit.saturating_mul(2)).unwrap_or(u32::MAX);
    let mut enough = false;
    for category in favourites(&used, &counts) {
        enough = enough || take(similar_services(tx, &used, Some(&category), fetched).await?);
    }
    enough = enough || take(similar_services(tx, &used, None, fetched).await?);
    if !enough && used.is_empty() {
        take(list_services(tx, &ServiceFilter::active(), PageRequest::first(fetched)).await?.items);
    }
    found.truncate(limit);
    Ok(found)
}

/// The categories that are called most, the first one first.
fn favourites(used: &[Service], counts: &HashMap<ServiceId, i64>) -> Vec<String> {
    let mut calls: HashMap<&str, i64> = HashMap::new();
    for service in used.iter().filter(|service| !service.category.is_empty()) {
        let sum = calls.entry(&service.category).or_default();
        *sum = sum.saturating_add(counts.get(&service.id).copied().unwrap_or(0));
    }
    let mut ranked: Vec<(&str, i64)> = calls.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.into_iter().take(CATEGORIES_MAX).map(|(category, _)| category.to_owned()).collect()
}
