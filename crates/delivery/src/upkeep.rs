//! What is not kept for ever.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, outbox};

use crate::{
    model::EventKind,
    store::{LogStore, QueueStore},
};

/// How long deliveries are kept that have ended.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an event stays.
const EVENTS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long one stays that webhooks still have to be told of.
const UNREAD_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
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

/// Events that were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many.
    pub all: usize,
    /// How many of them webhooks still had to be told of.
    pub lost: usize,
}

/// Forgets old events of the outbox, at most `limit` of those that were read and as many that were not: behind the place to which it
/// was read for webhooks they stay for as long as the outbox may ever get. While no webhook is active, nobody has to read them.
///
/// # Errors
/// The store's.
pub async fn forget_events(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Forgotten, StoreError> {
    let upto = tx.find_start().await?.unwrap_or(i64::MAX);
    let read = outbox::forget_before(tx, now.before(EVENTS_KEPT), upto, limit.into()).await?;
    let older = outbox::forget_before(tx, now.before(UNREAD_KEPT), i64::MAX, limit.into()).await?;
    let is_lost = |(seq, kind): &&(i64, String)| *seq > upto && EventKind::from_word(kind).is_some();
    Ok(Forgotten { all: read.len() + older.len(), lost: older.iter().filter(is_lost).count() })
}
