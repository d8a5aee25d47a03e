//! The key by which a repeat of a request is known.

use std::fmt;

/// What a client calls a request, so that a repeat of it is known: 1 to 255 printable ASCII characters.
///
/// The draft standard of the `Idempotency-Key` header writes it as a quoted string, and most clients send it bare: both are the same
/// key, and so is one with space around it. Spaces within are part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// Reads one as a client wrote it.
    ///
    /// # Errors
    /// [`BadIdempotencyKey`].
    pub fn parse(written: &str) -> Result<Self, BadIdempotencyKey> {
        let bare = written.trim_matches([' ', '\t']);
        let bare = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(bare);
        let is_one = (1..=Self::BYTES_MAX).contains(&bare.len()) && bare.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_one { Ok(Self(bare.to_owned())) } else { Err(BadIdempotencyKey) }
    }

    /// The key, bare.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

/// A text that cannot be an [`IdempotencyKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadIdempotencyKey;

impl fmt::Display for BadIdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be 1 to {} printable ASCII characters", IdempotencyKey::BYTES_MAX)
    }
}

impl std::error::Error for BadIdempotencyKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_bare_and_quoted() {
        for written in ["7f3a", " 7f3a\t", "\"7f3a\"", " \"7f3a\" "] {
            assert_eq!(IdempotencyKey::parse(written).unwrap().as_str(), "7f3a", "{written:?}");
        }
        // Half a pair is part of the key, as is whatever stands within a pair.
        for (written, bare) in
            [("\"a", "\"a"), ("a\"", "a\""), ("\"a\"b\"", "a\"b"), ("\"\"\"", "\""), (" a b ", "a b"), ("\" a\"", " a")]
        {
            assert_eq!(IdempotencyKey::parse(written).unwrap().as_str(), bare, "{written:?}");
        }
        assert_eq!(String::from(IdempotencyKey::parse(&"k".repeat(255)).unwrap()).len(), 255);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for written in ["", " ", "\"\"", "a\tb", "é", "a\u{0}", "a\n", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(written), Err(BadIdempotencyKey), "{written:?}");
        }
        assert_eq!(BadIdempotencyKey.to_string(), "must be 1 to 255 printable ASCII characters");
    }
}
