//! What a caller wants remembered with a transfer.

use std::collections::BTreeMap;

/// Words to words, as payment processors have it: at most [`Metadata::KEYS_MAX`] of them. Values are text, so that what is
/// read back is what was written, digit for digit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata(BTreeMap<String, String>);

/// Why metadata was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// There are more keys than there may be.
    #[error("metadata has at most {} keys", Metadata::KEYS_MAX)]
    TooMany,
    /// A key is empty, too long, or has a NUL in it.
    #[error("a metadata key has 1 to {} characters, without NUL", Metadata::KEY_CHARS_MAX)]
    Key,
    /// A value is too long, or has a NUL in it.
    #[error("a metadata value has at most {} characters, without NUL", Metadata::VALUE_CHARS_MAX)]
    Value,
    /// All keys and values together are too long.
    #[error("metadata has at most {} bytes of UTF-8 in all its keys and values", Metadata::BYTES_MAX)]
    TooLong,
}

impl Metadata {
    /// The most keys.
    pub const KEYS_MAX: usize = 50;
    /// The longest key, in characters.
    pub const KEY_CHARS_MAX: usize = 40;
    /// The longest value, in characters.
    pub const VALUE_CHARS_MAX: usize = 500;
    /// The most bytes of UTF-8 that all keys and values have together. It bounds what a page of a list, a statement or a seal
    /// has to carry.
    pub const BYTES_MAX: usize = 4_096;
    /// Nothing to remember.
    pub const NONE: Self = Self(BTreeMap::new());

    /// Takes words to words.
    ///
    /// # Errors
    /// [`MetadataError`] when there are too many, or they are too long.
    pub fn new(words: BTreeMap<String, String>) -> Result<Self, MetadataError> {
        if words.len() > Self::KEYS_MAX {
            return Err(MetadataError::TooMany);
        }
        for (key, value) in &words {
            if !(1..=Self::KEY_CHARS_MAX).contains(&key.chars().count()) || key.contains('\0') {
                return Err(MetadataError::Key);
            }
            if value.chars().count() > Self::VALUE_CHARS_MAX || value.contains('\0') {
                return Err(MetadataError::Value);
            }
        }
        if words.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > Self::BYTES_MAX {
            return Err(MetadataError::TooLong);
        }
        Ok(Self(words))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All of it, in the order of the keys.
    #[must_use]
    pub const fn words(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(key: &str, value: &str) -> Result<Metadata, MetadataError> {
        Metadata::new(BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn its_bounds_are_kept() {
        assert_eq!(words("order", "42").unwrap().get("order"), Some("42"));
        assert_eq!(words("", "42"), Err(MetadataError::Key));
        assert_eq!(words(&"k".repeat(41), "42"), Err(MetadataError::Key));
        assert_eq!(words("k\0", "42"), Err(MetadataError::Key));
        assert_eq!(words("k", &"ö".repeat(500)).unwrap().words().len(), 1);
        assert_eq!(words("k", &"v".repeat(501)), Err(MetadataError::Value));
        assert_eq!(words("k", "\0"), Err(MetadataError::Value));
        let many = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert_eq!(Metadata::new(many), Err(MetadataError::TooMany));
    }

    #[test]
    fn all_of_it_together_has_a_bound_in_bytes() {
        // Eight keys of four bytes, with values of 508 bytes: 4,096.
        let whole: BTreeMap<String, String> = (0..8).map(|n| (format!("key{n}"), "ö".repeat(254))).collect();
        assert!(Metadata::new(whole.clone()).is_ok());
        let mut more = whole;
        more.insert("x".to_owned(), String::new());
        assert_eq!(Metadata::new(more), Err(MetadataError::TooLong));
    }
}
