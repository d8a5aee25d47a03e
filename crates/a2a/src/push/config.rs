//! Where to tell of a task.

use rialto_kernel::{Id, Timestamp};
use rialto_outbound::OutboundPolicy;
use rialto_registry::CredentialCipher;
use serde::{Deserialize, Serialize};

use super::PUSH_CONFIGS_MAX;
use crate::{
    A2aError,
    model::{Scope, StoredPush, StoredTask, TaskId},
    store::{PushStore, TaskStore},
    task,
    wire::{Version, params::PushConfig},
};

/// The longest id that a client gives a configuration, in characters.
const ID_CHARS_MAX: usize = 128;
/// The longest token, scheme or credentials, in bytes.
const SECRET_BYTES_MAX: usize = 4_096;

/// What is kept encrypted.
#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) token: Option<String>,
    pub(super) credentials: Option<String>,
}

/// Judges a configuration: its URL must be one that may be called, and whatever goes into a header must fit into one.
///
/// # Errors
/// [`A2aError::InvalidParams`].
pub async fn check(policy: &OutboundPolicy, push: &PushConfig) -> Result<(), A2aError> {
    let is_id = |id: &String| {
        (1..=ID_CHARS_MAX).contains(&id.chars().count()) && !id.chars().any(|char| char.is_control() || char == '/')
    };
    if push.id.as_ref().is_some_and(|id| !is_id(id)) {
        return Err(A2aError::invalid("id", format!("must have 1 to {ID_CHARS_MAX} characters, none of them a slash")));
    }
    let is_visible = |text: &String| text.len() <= SECRET_BYTES_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_scheme = |text: &String| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    for (field, fits) in [
        ("token", push.token.as_ref().is_none_or(is_visible)),
        ("authentication.credentials", push.credentials.as_ref().is_none_or(is_visible)),
        ("authentication.scheme", push.scheme.as_ref().is_none_or(is_scheme)),
    ] {
        if !fits {
            return Err(A2aError::invalid(field, "must fit into an HTTP header"));
        }
    }
    policy.check_url(&push.url).await.map(drop).map_err(|refusal| A2aError::invalid("url", refusal.to_string()))
}

/// The configuration as it is kept for a task, its secrets encrypted.
///
/// # Errors
/// [`A2aError::Registry`] when there is no randomness.
pub fn seal(
    cipher: &CredentialCipher,
    task: TaskId,
    push: PushConfig,
    version: Version,
    now: Timestamp,
) -> Result<StoredPush, A2aError> {
    let has_secrets = push.token.is_some() || push.credentials.is_some();
    let secrets = Secrets { token: push.token, credentials: push.credentials };
    let text = serde_json::to_string(&secrets).unwrap_or_default();
    // Bound to the task, so that one cannot be put in another's place.
    let sealed = has_secrets.then(|| cipher.seal(task, &text)).transpose();
    Ok(StoredPush {
        task,
        id: push.id.unwrap_or_else(|| Id::<()>::new().to_string()),
        url: push.url,
        version,
        scheme: push.scheme,
        secrets: sealed.map_err(rialto_registry::RegistryError::from)?,
        delivered: 0,
        queued: false,
        created_at: now,
    })
}

/// The caller's task, locked.
async fn own_task(tx: &mut impl TaskStore, scope: &Scope, id: &str) -> Result<StoredTask, A2aError> {
    let task = task::find(tx, scope, id).await?;
    if !scope.caller.may_write(task.owner) {
        return Err(A2aError::ReadOnly);
    }
    tx.lock_task(task.id).await?.ok_or(A2aError::TaskNotFound)
}

/// Keeps a configuration, in the place of one with the same id. It is told of what happens from then on.
///
/// # Errors
/// [`A2aError::TaskNotFound`], [`A2aError::ReadOnly`], or [`A2aError::Unsupported`] when the task has as many as it may.
pub async fn create(
    tx: &mut (impl TaskStore + PushStore),
    scope: &Scope,
    task: &str,
    push: &StoredPush,
) -> Result<StoredPush, A2aError> {
    let task = own_task(tx, scope, task).await?;
    keep(tx, &task, push).await
}

/// Keeps a configuration of a task that is locked.
pub(crate) async fn keep(tx: &mut impl PushStore, task: &StoredTask, push: &StoredPush) -> Result<StoredPush, A2aError> {
    let known = tx.list_pushes(task.id, true).await?;
    let before = known.iter().find(|known| known.id == push.id);
    if before.is_none() && known.len() >= PUSH_CONFIGS_MAX {
        return Err(A2aError::Unsupported(format!("A task has at most {PUSH_CONFIGS_MAX} push notification configurations")));
    }
    // A job that is at the one before finds that it is another now, and stops: it may be waiting for a server that is not meant any
    // more. The next event begins a new one, which tells what has not been told.
    let delivered = before.map_or(task.last_event, |before| before.delivered);
    let kept = StoredPush { task: task.id, delivered, queued: false, ..push.clone() };
    tx.put_push(&kept).await?;
    Ok(kept)
}

/// A configuration of the caller's task. Without an id, the first one, as version 0.3 asks for it.
///
/// # Errors
/// [`A2aError::TaskNotFound`], also when the task has no such configuration.
pub async fn find(
    tx: &mut (impl TaskStore + PushStore),
    scope: &Scope,
    task: &str,
    id: Option<&str>,
) -> Result<StoredPush, A2aError> {
    let task = task::find(tx, scope, task).await?;
    let found = match id {
        Some(id) => tx.find_push(task.id, id).await?,
        None => tx.list_pushes(task.id, false).await?.into_iter().next(),
    };
    found.ok_or(A2aError::TaskNotFound)
}

/// All configurations of the caller's task.
///
/// # Errors
/// [`A2aError::TaskNotFound`].
pub async fn list(tx: &mut (impl TaskStore + PushStore), scope: &Scope, task: &str) -> Result<Vec<StoredPush>, A2aError> {
    let task = task::find(tx, scope, task).await?;
    Ok(tx.list_pushes(task.id, false).await?)
}

/// Forgets a configuration, if there is one.
///
/// # Errors
/// [`A2aError::TaskNotFound`] or [`A2aError::ReadOnly`].
pub async fn delete(tx: &mut (impl TaskStore + PushStore), scope: &Scope, task: &str, id: &str) -> Result<(), A2aError> {
    let task = own_task(tx, scope, task).await?;
    Ok(tx.delete_push(task.id, id).await?)
}
