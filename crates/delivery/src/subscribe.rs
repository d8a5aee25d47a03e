//! Making webhooks, changing them, and taking them away.

use std::time::Duration;

use rialto_kernel::{Caller, Timestamp};
use rialto_outbound::webhook::new_secret;
use rialto_registry::{CipherError, CredentialCipher};
use zeroize::Zeroizing;

use crate::{
    check,
    error::WebhookError,
    model::{Webhook, WebhookId},
    store::{ParcelStore, QueueStore, WebhookStore},
};

/// How many webhooks an owner has at most.
pub const WEBHOOKS_MAX: u8 = 20;
/// For how long a secret that was replaced signs beside the new one.
const RETIRED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many secrets that were replaced sign at most. A header has to hold them.
const RETIRED_MAX: u32 = 3;

/// A webhook to be made.
#[derive(Clone)]
pub struct NewWebhook {
    /// Where events are sent, as [`check::url`] has judged it.
    pub url: String,
    /// The words of the events.
    pub events: Vec<String>,
    /// What signs them.
    pub secret: Zeroizing<String>,
}

/// What is to change. `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookChanges {
    /// Where events are sent, as [`check::url`] has judged it.
    pub url: Option<String>,
    /// The words of the events.
    pub events: Option<Vec<String>>,
    /// Whether it is told of anything.
    pub active: Option<bool>,
}

/// A secret that was replaced.
pub struct Rotated {
    /// The webhook.
    pub webhook: Webhook,
    /// The new secret, if it was made here. It is shown once.
    pub secret: Option<Zeroizing<String>>,
    /// Until when the one before signs, too.
    pub retired_until: Timestamp,
}

/// Whether the caller may make a webhook, as it seems now: to be asked before its URL is looked up.
///
/// # Errors
/// [`WebhookError::ReadOnly`], [`WebhookError::TooMany`].
pub async fn may_create(tx: &mut impl WebhookStore, caller: &Caller) -> Result<(), WebhookError> {
    if !caller.may_write(caller.owner) {
        return Err(WebhookError::ReadOnly);
    }
    if tx.count_webhooks(caller.owner).await? >= WEBHOOKS_MAX.into() { Err(WebhookError::TooMany) } else { Ok(()) }
}

/// Whether the caller may change a webhook, as it seems now: to be asked before its new URL is looked up.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`].
pub async fn may_change(tx: &mut impl WebhookStore, caller: &Caller, id: WebhookId) -> Result<(), WebhookError> {
    let webhook = find_webhook(tx, caller, id).await?;
    if caller.may_write(webhook.owner) { Ok(()) } else { Err(WebhookError::ReadOnly) }
}

/// Makes a webhook of the caller. It is told of what happens from then on.
///
/// # Errors
/// [`WebhookError::ReadOnly`], [`WebhookError::Invalid`], [`WebhookError::TooMany`], [`WebhookError::Cipher`].
pub async fn create_webhook(
    tx: &mut impl WebhookStore,
    cipher: &CredentialCipher,
    caller: &Caller,
    new: &NewWebhook,
    now: Timestamp,
) -> Result<Webhook, WebhookError> {
    let owner = caller.owner;
    if !caller.may_write(owner) {
        return Err(WebhookError::ReadOnly);
    }
    let (events, secret) = (check::events(&new.events)?, check::secret(&new.secret)?);
    let owner_name = tx.lock_owner(owner).await?;
    if tx.count_webhooks(owner).await? >= WEBHOOKS_MAX.into() {
        return Err(WebhookError::TooMany);
    }
    let webhook = Webhook {
        id: WebhookId::new(),
        owner,
        owner_name,
        url: new.url.clone(),
        events,
        is_active: true,
        since_seq: tx.newest_event().await?,
        created_at: now,
        updated_at: now,
    };
    tx.insert_webhook(&webhook).await?;
    let sealed = cipher.seal(webhook.id, &secret)?;
    tx.put_secret(webhook.id, &sealed, now, RETIRED_MAX, now).await?;
    Ok(webhook)
}

/// The caller's webhooks, the newest first.
///
/// # Errors
/// The store's.
pub async fn list_webhooks(tx: &mut impl WebhookStore, caller: &Caller) -> Result<Vec<Webhook>, WebhookError> {
    Ok(tx.list_webhooks(caller.owner).await?)
}

/// A webhook that the caller may see.
///
/// # Errors
/// [`WebhookError::Unknown`].
pub async fn find_webhook(tx: &mut impl WebhookStore, caller: &Caller, id: WebhookId) -> Result<Webhook, WebhookError> {
    let found = tx.find_webhook(id).await?;
    found.filter(|webhook| caller.may_read(webhook.owner)).ok_or(WebhookError::Unknown)
}

/// A webhook that the caller may change, locked.
pub(crate) async fn lock(tx: &mut impl WebhookStore, caller: &Caller, id: WebhookId) -> Result<Webhook, WebhookError> {
    let found = tx.lock_webhook(id).await?;
    let webhook = found.filter(|webhook| caller.may_read(webhook.owner)).ok_or(WebhookError::Unknown)?;
    if caller.may_write(webhook.owner) { Ok(webhook) } else { Err(WebhookError::ReadOnly) }
}

/// Changes a webhook. One that is switched off gets nothing more, and what is pending for it is cancelled; switched on again, it is
/// told of what happens from then on.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`], [`WebhookError::Invalid`].
pub async fn update_webhook(
    tx: &mut (impl WebhookStore + QueueStore + ParcelStore),
    caller: &Caller,
    id: WebhookId,
    changes: &WebhookChanges,
    now: Timestamp,
) -> Result<Webhook, WebhookError> {
    let mut webhook = lock(tx, caller, id).await?;
    if let Some(url) = &changes.url {
        webhook.url.clone_from(url);
    }
    if let Some(words) = &changes.events {
        webhook.events = check::events(words)?;
    }
    if let Some(active) = changes.active.filter(|active| *active != webhook.is_active) {
        webhook.is_active = active;
        if active {
            webhook.since_seq = tx.newest_event().await?;
            // What is left of the time before.
            tx.rouse(&[id], now).await?;
            tx.cancel_all(id, now).await?;
        }
    }
    webhook.updated_at = now;
    tx.save_webhook(&webhook, changes.events.is_some()).await?;
    tx.rouse(&[id], now).await?;
    Ok(webhook)
}

/// Deletes a webhook: it gets nothing more, and what is pending for it is cancelled.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`].
pub async fn delete_webhook(
    tx: &mut (impl WebhookStore + QueueStore),
    caller: &Caller,
    id: WebhookId,
    now: Timestamp,
) -> Result<(), WebhookError> {
    lock(tx, caller, id).await?;
    tx.delete_webhook(id, now).await?;
    Ok(tx.rouse(&[id], now).await?)
}

/// Replaces a webhook's secret by the given one, or by a new one. For a day the one before signs beside it. What waits because the
/// one before could not be read is sent now.
///
/// # Errors
/// [`WebhookError::Unknown`], [`WebhookError::ReadOnly`], [`WebhookError::Invalid`], [`WebhookError::Cipher`].
pub async fn rotate_secret(
    tx: &mut (impl WebhookStore + QueueStore),
    cipher: &CredentialCipher,
    caller: &Caller,
    id: WebhookId,
    given: Option<&str>,
    now: Timestamp,
) -> Result<Rotated, WebhookError> {
    let webhook = lock(tx, caller, id).await?;
    let (secret, is_new) = match given {
        Some(given) => (check::secret(given)?, false),
        None => (new_secret().ok_or(CipherError::NoRandomness)?, true),
    };
    let (sealed, retired_until) = (cipher.seal(id, &secret)?, now.after(RETIRED_FOR));
    tx.put_secret(id, &sealed, retired_until, RETIRED_MAX, now).await?;
    tx.rouse(&[id], now).await?;
    Ok(Rotated { webhook, secret: is_new.then_some(secret), retired_until })
}
