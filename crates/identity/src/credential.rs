//! What a request may carry to say who sends it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{ApiKeyId, IdentityError, Secret};

/// How many random bytes an API key is.
const KEY_BYTES: usize = 32;
/// How many characters those are in base64.
const KEY_CHARS: usize = 43;
/// How every JSON web token starts: the base64 of `{"`. Clients tell tokens from API keys by it.
const TOKEN_PREFIX: &str = "eyJ";
/// The longest token that is worth looking at, in bytes. Ours have about 250.
const TOKEN_BYTES_MAX: usize = 4_096;

/// A credential by its form; whether it is good is for [`crate::Identity::authenticate`] to say.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A token from a login.
    Token(Secret),
    /// An API key.
    Key(Secret),
    /// An API key with its id before it.
    KeyWithId(ApiKeyId, Secret),
}

impl Credential {
    /// Reads what follows `Bearer ` in an `Authorization` header: a token, `<key_id>:<key>`, or a key alone, which many
    /// clients can send in no other way.
    #[must_use]
    pub fn from_bearer(text: &str) -> Option<Self> {
        if text.starts_with(TOKEN_PREFIX) && text.len() <= TOKEN_BYTES_MAX {
            return Some(Self::Token(Secret::new(text)));
        }
        let Some((id, secret)) = text.split_once(':') else { return Self::from_api_key(text) };
        is_key(secret).then(|| Some(Self::KeyWithId(id.parse().ok()?, Secret::new(secret))))?
    }

    /// Reads an `X-API-Key` header.
    #[must_use]
    pub fn from_api_key(text: &str) -> Option<Self> {
        is_key(text).then(|| Self::Key(Secret::new(text)))
    }
}

/// Anything else cannot be a key of ours, and is not worth asking the database about.
fn is_key(text: &str) -> bool {
    text.len() == KEY_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Makes the text of a new API key.
pub(crate) fn new_key() -> Result<Secret, IdentityError> {
    loop {
        let key = URL_SAFE_NO_PAD.encode(random::<KEY_BYTES>()?);
        if !key.starts_with(TOKEN_PREFIX) {
            return Ok(Secret::new(key));
        }
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| IdentityError::Crypto(error.to_string()))?;
    Ok(bytes)
}

/// The SHA-256 of an API key. A key is 256 random bits, so a slow hash would add nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &Secret) -> Self {
        Self(Sha256::digest(key.expose()).into())
    }

    /// Takes a digest from a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as the database stores them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_tokens_by_their_form() {
        let key = new_key().unwrap();
        assert!(matches!(Credential::from_api_key(key.expose()), Some(Credential::Key(_))));
        assert!(matches!(Credential::from_bearer(key.expose()), Some(Credential::Key(_))));
        let id = ApiKeyId::new();
        let pair = format!("{id}:{}", key.expose());
        assert!(matches!(Credential::from_bearer(&pair), Some(Credential::KeyWithId(found, _)) if found == id));
        assert!(matches!(Credential::from_bearer("eyJhbGciOi.x.y"), Some(Credential::Token(_))));
        let long = format!("eyJ{}", "a".repeat(TOKEN_BYTES_MAX));
        for junk in ["", ":", "x:y", "eyj", &format!("{id}:short"), &format!("1:{}", key.expose()), &long] {
            assert!(Credential::from_bearer(junk).is_none(), "{junk}");
            assert!(Credential::from_api_key(junk).is_none(), "{junk}");
        }
    }

    #[test]
    fn no_secret_shows_when_it_is_printed() {
        let key = new_key().unwrap();
        let shown = format!("{:?} {:?} {:?}", key, Credential::from_api_key(key.expose()), Digest::of(&key));
        assert_eq!(shown, "Secret(…) Some(Key(Secret(…))) Digest(…)");
    }
}
