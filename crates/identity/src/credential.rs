//! What a request may carry to say who sends it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{ApiKeyId, IdentityError, Secret};

/// How many random bytes an API key is.
const KEY_BYTES: usize = 32;
/// How many characters those are in base64.
const KEY_CHARS: usize = 43;
/// How a commerce key's name starts.
const COMMERCE_PREFIX: &str = "acf_";
/// How a commerce key's secret starts.
const SECRET_PREFIX: &str = "sec_";
/// How every JSON web token starts: the base64 of `{"`. Clients tell tokens from API keys by it.
const TOKEN_PREFIX: &str = "eyJ";
/// The longest token that is worth looking at, in bytes. Ours have about 250.
const TOKEN_BYTES_MAX: usize = 4_096;

/// The name of a commerce key: `acf_` and sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommerceId(u64);

impl CommerceId {
    pub(crate) fn random() -> Result<Self, IdentityError> {
        random().map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl fmt::Display for CommerceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COMMERCE_PREFIX}{:016x}", self.0)
    }
}

/// The text names no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of an API key, such as acf_0123456789abcdef")]
pub struct ParseKeyNameError;

impl FromStr for CommerceId {
    type Err = ParseKeyNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(COMMERCE_PREFIX).filter(|digits| digits.len() == 16).ok_or(ParseKeyNameError)?;
        // The parser below would take a sign and capitals, and a key has one name.
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let id = digits.bytes().all(is_digit).then(|| u64::from_str_radix(digits, 16).ok()).flatten();
        id.map(Self).ok_or(ParseKeyNameError)
    }
}

/// What an API key is called: any of them by its id, a commerce key by its own name as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// The id.
    Id(ApiKeyId),
    /// The name of a commerce key.
    Commerce(CommerceId),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Commerce(id) => id.fmt(f),
        }
    }
}

impl FromStr for KeyName {
    type Err = ParseKeyNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Commerce).or_else(|_| text.parse().map(Self::Id).map_err(|_| ParseKeyNameError))
    }
}

/// A credential by its form; whether it is good is for [`crate::Identity::authenticate`] to say.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A token from a login.
    Token(Secret),
    /// An API key.
    Key(Secret),
    /// An API key with its id before it.
    KeyWithId(KeyName, Secret),
}

impl Credential {
    /// Reads what follows `Bearer ` in an `Authorization` header: a token, `<key_id>:<key>`, or a key alone, which many
    /// clients can send in no other way.
    #[must_use]
    pub fn from_bearer(text: &str) -> Option<Self> {
        if text.starts_with(TOKEN_PREFIX) && text.len() <= TOKEN_BYTES_MAX {
            return Some(Self::Token(Secret::new(text)));
        }
        Self::from_api_key(text)
    }

    /// Reads an `X-API-Key` header: `<key_id>:<key>`, or a key alone.
    #[must_use]
    pub fn from_api_key(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some((id, secret)) => Self::pair(id, secret),
            None => is_key(text).then(|| Self::Key(Secret::new(text))),
        }
    }

    /// Takes a key's name and its secret.
    #[must_use]
    pub fn pair(name: &str, secret: &str) -> Option<Self> {
        is_key(secret).then(|| Some(Self::KeyWithId(name.parse().ok()?, Secret::new(secret))))?
    }
}

/// Anything else cannot be a key of ours, and is not worth asking the database about.
fn is_key(text: &str) -> bool {
    let random = text.strip_prefix(SECRET_PREFIX).filter(|rest| rest.len() == KEY_CHARS).unwrap_or(text);
    random.len() == KEY_CHARS && random.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Makes the secret of a new commerce key.
pub(crate) fn new_commerce_secret() -> Result<Secret, IdentityError> {
    Ok(Secret::new(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<KEY_BYTES>()?))))
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
        assert!(matches!(Credential::from_bearer(&pair), Some(Credential::KeyWithId(found, _)) if found == KeyName::Id(id)));
        assert!(matches!(Credential::from_bearer("eyJhbGciOi.x.y"), Some(Credential::Token(_))));
        let long = format!("eyJ{}", "a".repeat(TOKEN_BYTES_MAX));
        for junk in ["", ":", "x:y", "eyj", &format!("{id}:short"), &format!("1:{}", key.expose()), &long] {
            assert!(Credential::from_bearer(junk).is_none(), "{junk}");
            assert!(Credential::from_api_key(junk).is_none(), "{junk}");
        }
    }

    #[test]
    fn a_commerce_key_is_one_name_and_one_secret() {
        let (id, secret) = (CommerceId::random().unwrap(), new_commerce_secret().unwrap());
        assert_eq!((secret.expose().len(), id.to_string().len()), (47, 20));
        let pair = format!("{id}:{}", secret.expose());
        for found in [Credential::from_bearer(&pair), Credential::from_api_key(&pair)] {
            assert!(matches!(found, Some(Credential::KeyWithId(found, _)) if found == KeyName::Commerce(id)));
        }
        assert!(matches!(Credential::from_api_key(secret.expose()), Some(Credential::Key(_))));
        assert_eq!("acf_00000000000000ff".parse(), Ok(CommerceId(255)));
        for other in ["acf_", "acf_00000000000000FF", "acf_+0000000000000ff", "acf_000000000000000ff", "00000000000000ff"] {
            assert_eq!(other.parse::<CommerceId>(), Err(ParseKeyNameError), "{other}");
        }
        // A plain key may start as a commerce key's secret does.
        assert!(is_key(&format!("sec_{}", "a".repeat(39))) && is_key(&format!("sec_{}", "a".repeat(43))));
        assert!(!is_key(&format!("sec_{}", "a".repeat(40))));
    }

    #[test]
    fn no_secret_shows_when_it_is_printed() {
        let key = new_key().unwrap();
        let shown = format!("{:?} {:?} {:?}", key, Credential::from_api_key(key.expose()), Digest::of(&key));
        assert_eq!(shown, "Secret(…) Some(Key(Secret(…))) Digest(…)");
    }
}
