//! Typed ids.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// The id of one `T`: a UUIDv7, rendered in lower case with hyphens.
///
/// Ids sort by the time they were made, which keeps the newest rows together in an index.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// Makes a new id from the system's clock and randomness.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default id would be a new one at every call")]
    pub fn new() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// Takes an id that came from elsewhere: a database row, or a client that chose its own.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// Its sixteen bytes, as the databases store them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The same id under another noun, for the few places where one thing has two names
    /// (a purchase is the reference of its transfer).
    #[must_use]
    pub const fn cast<U>(self) -> Id<U> {
        Id::from_uuid(self.0)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a UUID, such as 0198c0de-0000-7000-8000-000000000001")]
pub struct ParseIdError;

impl<T> FromStr for Id<T> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self::from_uuid).map_err(|_| ParseIdError)
    }
}
impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::Agent;

    #[test]
    fn ids_rise_and_survive_a_round_trip_through_json() {
        let first = Id::<Agent>::new();
        let second = Id::<Agent>::new();
        assert!(first < second);
        let json = serde_json::to_string(&first).unwrap();
        assert_eq!(json, json.to_lowercase());
        assert_eq!(serde_json::from_str::<Id<Agent>>(&json).unwrap(), first);
        assert!(serde_json::from_str::<Id<Agent>>("\"agent-1\"").is_err());
    }
}
