//! The keys that were found good a moment ago.
//!
//! A busy key is looked up in the database once in a while and not for every request. What is remembered is believed for
//! [`crate::IdentityConfig::key_memory`] from *before* it was looked up, so that a key that another process deletes is refused
//! that much later at most; one that this process deletes is forgotten at once.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rialto_kernel::{Caller, Timestamp};

use crate::{ApiKey, ApiKeyId, KeyName, credential::Digest};

/// How many keys are remembered at most.
const KEYS_MAX: usize = 10_000;

/// The keys that were found good, by their digests.
#[derive(Default)]
pub(crate) struct KeyMemory {
    keys: Mutex<HashMap<[u8; 32], Known>>,
}

/// What is remembered of a key.
#[derive(Clone, Copy)]
struct Known {
    id: ApiKeyId,
    name: KeyName,
    expires_at: Option<Timestamp>,
    caller: Caller,
    asked_at: Timestamp,
}

impl KeyMemory {
    /// Who has the key with this digest and, where one was given, this name.
    pub(crate) fn recall(&self, digest: &Digest, name: Option<KeyName>, now: Timestamp, lasts: Duration) -> Option<Caller> {
        let known = *self.keys().get(digest.as_bytes())?;
        // A clock that was set back must not make it last.
        let fresh = known.asked_at <= now && now.since(known.asked_at) < lasts && known.expires_at.is_none_or(|end| now < end);
        let named = name.is_none_or(|name| name == known.name || name == KeyName::Id(known.id));
        (fresh && named).then_some(known.caller)
    }

    /// Remembers a key that was looked up at `asked_at`.
    pub(crate) fn keep(&self, digest: &Digest, key: &ApiKey, caller: Caller, asked_at: Timestamp, lasts: Duration) {
        let known = Known { id: key.id, name: key.public_name(), expires_at: key.expires_at, caller, asked_at };
        let mut keys = self.keys();
        if keys.len() >= KEYS_MAX {
            keys.retain(|_, known| asked_at.since(known.asked_at) < lasts);
        }
        // More keys than that within one moment are better asked for than kept.
        if keys.len() < KEYS_MAX {
            keys.insert(*digest.as_bytes(), known);
        }
    }

    /// Forgets a key, because it is no more.
    pub(crate) fn forget(&self, id: ApiKeyId) {
        self.keys().retain(|_, known| known.id != id);
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
