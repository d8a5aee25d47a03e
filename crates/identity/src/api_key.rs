//! API keys: made, listed, deleted.

use rialto_kernel::{Caller, CredentialKind, Event, Page, PageRequest, Timestamp};
use serde_json::json;

use crate::{
    ApiKey, ApiKeyId, IdentityError, IssuedApiKey, KeyName, NAME_CHARS_MAX, NewApiKey, Secret,
    credential::{Digest, new_key},
    store::IdentityStore,
};

/// Makes a key for the caller, and shows it for the only time.
///
/// A key made with another key gets no more than that one has: neither a stronger role, nor more requests a minute, nor
/// a longer life. Else a key that was lent for a day could make one for ever.
///
/// # Errors
/// [`IdentityError::Invalid`] for the name or the rate limit; [`IdentityError::Forbidden`] for a viewer.
pub async fn create_api_key(
    tx: &mut impl IdentityStore,
    caller: &Caller,
    new: &NewApiKey,
    now: Timestamp,
) -> Result<IssuedApiKey, IdentityError> {
    check(new)?;
    check_end(new.expires_at, now)?;
    if !caller.may_write(caller.owner) {
        return Err(IdentityError::Forbidden);
    }
    let mut key = ApiKey {
        id: ApiKeyId::new(),
        owner: caller.owner,
        name: new.name.clone(),
        commerce_id: None,
        wallet_address: None,
        role_cap: new.role_cap,
        rate_limit_per_minute: new.rate_limit_per_minute,
        created_at: now,
        last_used_at: None,
        expires_at: new.expires_at,
        maker: None,
    };
    if let CredentialKind::ApiKey(id) = caller.credential {
        // It was deleted since the request was authenticated.
        let parent = tx.find_api_key(KeyName::Id(id)).await?.ok_or(IdentityError::Unauthenticated)?;
        bound(&mut key, &parent, caller);
    }
    issue(tx, key, new_key()?, now).await
}

/// A key lasts for some time, if not for ever.
pub(crate) fn check_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), IdentityError> {
    match expires_at {
        Some(end) if end <= now => Err(IdentityError::invalid("expires_at", "must be in the future")),
        _ => Ok(()),
    }
}

/// Keeps a key, and shows its secret for the only time.
pub(crate) async fn issue(
    tx: &mut impl IdentityStore,
    key: ApiKey,
    secret: Secret,
    now: Timestamp,
) -> Result<IssuedApiKey, IdentityError> {
    tx.insert_api_key(&key, &Digest::of(&secret)).await?;
    tx.append_event(event("api_key.created", &key, json!({ "name": key.name, "expires_at": key.expires_at }), now)).await?;
    Ok(IssuedApiKey { key, secret })
}

fn check(new: &NewApiKey) -> Result<(), IdentityError> {
    if new.name.trim().is_empty() {
        return Err(IdentityError::invalid("name", "must not be empty"));
    }
    if new.name.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(IdentityError::invalid("name", format!("must not be longer than {NAME_CHARS_MAX} characters")));
    }
    if new.rate_limit_per_minute.is_some_and(|limit| limit == 0 || i32::try_from(limit).is_err()) {
        return Err(IdentityError::invalid("rate_limit_per_minute", format!("must be between 1 and {}", i32::MAX)));
    }
    Ok(())
}

/// The lesser bound of two that may be missing.
pub(crate) fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.into_iter().chain(b).min()
}

/// Keeps a key within the one it is made with.
fn bound(key: &mut ApiKey, parent: &ApiKey, caller: &Caller) {
    key.role_cap = Some(key.role_cap.map_or(caller.role, |cap| cap.weaker(caller.role)));
    key.rate_limit_per_minute = least(key.rate_limit_per_minute, parent.rate_limit_per_minute);
    key.expires_at = least(key.expires_at, parent.expires_at);
    key.maker = parent.maker;
}

/// The caller's own keys, newest first; expired ones too, until they are deleted.
///
/// # Errors
/// The store's.
pub async fn list_api_keys(
    tx: &mut impl IdentityStore,
    caller: &Caller,
    page: PageRequest,
) -> Result<Page<ApiKey>, IdentityError> {
    Ok(tx.list_api_keys(caller.owner, page).await?)
}

/// Deletes one of the caller's own keys, by either of its names; an administrator may delete anybody's. Returns what it was.
/// From then on it is refused.
///
/// # Errors
/// [`IdentityError::ApiKeyNotFound`] when there is none; [`IdentityError::NotYourKey`] when it is somebody else's;
/// [`IdentityError::Forbidden`] for a viewer.
pub async fn delete_api_key(
    tx: &mut impl IdentityStore,
    caller: &Caller,
    name: KeyName,
    now: Timestamp,
) -> Result<ApiKey, IdentityError> {
    let key = tx.find_api_key(name).await?.ok_or(IdentityError::ApiKeyNotFound)?;
    if !caller.may_read(key.owner) {
        return Err(IdentityError::NotYourKey);
    }
    if !caller.may_write(key.owner) {
        return Err(IdentityError::Forbidden);
    }
    if !tx.delete_api_key(key.id).await? {
        return Err(IdentityError::ApiKeyNotFound);
    }
    tx.append_event(event("api_key.deleted", &key, json!({}), now)).await?;
    Ok(key)
}

fn event(kind: &'static str, key: &ApiKey, data: serde_json::Value, now: Timestamp) -> Event {
    Event { kind, subject: key.id.uuid(), owner: Some(key.owner), data, at: now }
}
