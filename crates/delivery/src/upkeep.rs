//! What is not kept for ever.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_store::StoreError;

use crate::store::{LogStore, QueueStore};

/// How long deliveries are kept that have ended.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long what is left of a deleted webhook stays: whoever is about to queue something for it must not find it gone.
const DELETED_KEPT: Duration = Duration::from_secs(60 * 60);

/// Forgets old deliveries and what is left of a deleted webhook, at most `limit` rows of each. Whether there may be more.
///
/// # Errors
/// The store's.
pub async fn forget(tx: &mut impl LogStore, now: Timestamp, limit: u32) -> Result<bool, StoreError> {
    let forgotten = tx.forget_ended(now.before(KEPT), limit).await?;
    let is_full = u32::try_from(forgotten).is_ok_and(|count| count >= limit);
    Ok(tx.forget_deleted(now.before(DELETED_KEPT), limit).await? || is_full)
}

/// How far the outbox was read for webhooks: what is behind this place they still have to be told of, and must not be forgotten.
/// `None` while no webhook is active.
///
/// # Errors
/// The store's.
pub async fn read_upto(tx: &mut impl QueueStore) -> Result<Option<i64>, StoreError> {
    tx.find_start().await
}
