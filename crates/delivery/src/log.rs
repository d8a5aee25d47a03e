//! What became of deliveries, and sending them once more.

use rialto_kernel::{Caller, Timestamp};
use rialto_store::StoreError;

use crate::{
    error::WebhookError,
    event,
    model::{Attempt, Delivery, DeliveryId, DeliveryStatus, WebhookId},
    store::{LogStore, QueueStore, WebhookStore},
    subscribe::{find_webhook, lock},
};

/// How many attempts of a delivery are shown, the latest.
const ATTEMPTS_SHOWN: u32 = 50;

/// Which deliveries to list.
#[derive(Debug, Clone, Copy)]
pub struct LogQuery {
    /// Only those that stand so.
    pub status: Option<DeliveryStatus>,
    /// Only those behind this place of the list, which is [`LogPage::next`] of the page before.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The deliveries, the newest first.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins, if there may be one.
    pub next: Option<i64>,
}

/// The deliveries of a webhook, the newest first.
///
/// # Errors
/// [`WebhookError::Unknown`].
pub async fn list_deliveries(
    tx: &mut (impl WebhookStore + LogStore),
    caller: &Caller,
    webhook: WebhookId,
    query: &LogQuery,
) -> Result<LogPage, WebhookError> {
    find_webhook(tx, caller, webhook).await?;
    let (deliveries, next) = tx.list_deliveries(webhook, query.status, query.after, query.limit).await?;
    Ok(LogPage { deliveries, next })
}

/// A delivery, what is sent, and its latest attempts in order.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::DeliveryUnknown`].
pub async fn find_delivery(
    tx: &mut (impl WebhookStore + LogStore),
    caller: &Caller,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<(Delivery, String, Vec<Attempt>), WebhookError> {
    find_webhook(tx, caller, webhook).await?;
    let (delivery, body) = tx.find_delivery(webhook, id).await?.ok_or(WebhookError::DeliveryUnknown)?;
    let mut attempts = tx.list_attempts(delivery.seq, ATTEMPTS_SHOWN).await?;
    attempts.reverse();
    Ok((delivery, body, attempts))
}

/// Queues a delivery again that has ended: the same body with the same id, as often as one that is new.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`], [`WebhookError::NotActive`], [`WebhookError::DeliveryUnknown`],
/// [`WebhookError::StillPending`].
pub async fn replay(
    tx: &mut (impl WebhookStore + LogStore + QueueStore),
    caller: &Caller,
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<Delivery, WebhookError> {
    let is_active = lock(tx, caller, webhook).await?.is_active;
    let (delivery, _) = tx.find_delivery(webhook, id).await?.ok_or(WebhookError::DeliveryUnknown)?;
    if !is_active {
        return Err(WebhookError::NotActive);
    }
    tx.rouse(&[webhook], now).await?;
    if !tx.requeue(delivery.seq, now).await? {
        return Err(WebhookError::StillPending);
    }
    read_back(tx, webhook, id).await
}

/// Sends `webhook.test` to a webhook, whatever events it is told of.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`], [`WebhookError::NotActive`].
pub async fn send_test(
    tx: &mut (impl WebhookStore + LogStore + QueueStore),
    caller: &Caller,
    id: WebhookId,
    now: Timestamp,
) -> Result<Delivery, WebhookError> {
    let webhook = lock(tx, caller, id).await?;
    if !webhook.is_active {
        return Err(WebhookError::NotActive);
    }
    let new = event::test(&webhook, now).ok_or_else(|| StoreError::Corrupt("a test that is no JSON".to_owned()))?;
    let delivery = new.id;
    tx.queue(&[new], now).await?;
    tx.rouse(&[id], now).await?;
    read_back(tx, id, delivery).await
}

async fn read_back(tx: &mut impl LogStore, webhook: WebhookId, id: DeliveryId) -> Result<Delivery, WebhookError> {
    let found = tx.find_delivery(webhook, id).await?;
    found.map(|(delivery, _)| delivery).ok_or(WebhookError::DeliveryUnknown)
}
