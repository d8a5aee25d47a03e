//! A JWT in compact form.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, Value};

use super::{
    LEEWAY_S, ProofError,
    key::{Alg, PublicKey, choose},
    short,
};
use rialto_kernel::Timestamp;

/// The longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 * 1_024;
/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// What stands before the claims. A member that is there twice is refused by serde.
#[derive(Deserialize)]
struct Protected {
    alg: String,
    kid: Option<String>,
    /// What must be understood, and is not.
    crit: Option<Value>,
}

/// A token, read and not checked.
pub(super) struct Token<'t> {
    /// The field that it was in.
    what: &'static str,
    pub(super) alg: Alg,
    pub(super) kid: Option<String>,
    payload: Vec<u8>,
    /// Head and claims, as they were signed.
    pub(super) signed: &'t str,
    signature: &'t str,
}

impl<'t> Token<'t> {
    /// Reads a token that came in the field `what`.
    pub(super) fn read(what: &'static str, text: &'t str) -> Result<Self, ProofError> {
        let unreadable = |why: &str| ProofError::Unreadable { what, why: why.to_owned() };
        let text = text.trim();
        if text.len() > TOKEN_BYTES_MAX {
            return Err(unreadable(&format!("must have at most {TOKEN_BYTES_MAX} bytes")));
        }
        let mut parts = text.split('.');
        let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(unreadable("must be a signed JWT: three parts with points between them"));
        };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| unreadable("its parts must be base64url"));
        let protected: Protected =
            serde_json::from_slice(&bytes(head)?).map_err(|error| unreadable(&format!("its header cannot be read: {error}")))?;
        if protected.crit.is_some() {
            return Err(unreadable("its header has extensions (crit), which are not understood"));
        }
        let named = short(&protected.alg);
        let alg = Alg::from_name(&protected.alg)
            .ok_or_else(|| unreadable(&format!("the algorithm {named:?} is not accepted; RS256, ES256 and EdDSA are")))?;
        let payload = bytes(claims)?;
        let signed = text.get(..head.len() + 1 + claims.len()).unwrap_or(text);
        Ok(Self { what, alg, kid: protected.kid, payload, signed, signature })
    }

    /// What it says. Nothing of that is true before [`Self::check`].
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, ProofError> {
        let unreadable = |error: serde_json::Error| format!("its claims cannot be read: {error}");
        serde_json::from_slice(&self.payload).map_err(|error| ProofError::Unreadable { what: self.what, why: unreadable(error) })
    }

    /// A refusal of it.
    pub(super) fn refused(&self, why: impl Into<String>) -> ProofError {
        ProofError::Refused { what: self.what, why: why.into() }
    }

    /// Whether one of these keys signed it: the one that it names, or the only one.
    pub(super) fn check(&self, keys: &[PublicKey], kid: Option<&str>) -> Result<(), ProofError> {
        let key = choose(keys, kid, self.alg)
            .ok_or_else(|| self.refused("none of its issuer's keys is the one that its header names (kid, alg)"))?;
        if key.signed(self.signed, self.signature) { Ok(()) } else { Err(self.refused("its signature is wrong")) }
    }

    /// Checks when it holds, and gives its end, if it has one.
    pub(super) fn check_times(&self, times: &Times, now: Timestamp) -> Result<Option<Timestamp>, ProofError> {
        let seconds = |name: &str, number: &Option<Number>| {
            number
                .as_ref()
                .map(|number| seconds(number).ok_or_else(|| self.refused(format!("its {name} is no time"))))
                .transpose()
        };
        let (end, start, made) = (seconds("exp", &times.exp)?, seconds("nbf", &times.nbf)?, seconds("iat", &times.iat)?);
        if end.is_some_and(|end| end <= now.seconds()) {
            return Err(self.refused("it has expired"));
        }
        if [start, made].into_iter().flatten().any(|moment| moment > now.seconds() + LEEWAY_S) {
            return Err(self.refused("it is not valid yet"));
        }
        Ok(end.map(|end| Timestamp::from_micros(end * 1_000_000)))
    }
}

/// When a token holds.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) exp: Option<Number>,
    pub(super) nbf: Option<Number>,
    pub(super) iat: Option<Number>,
}

/// Whole seconds since 1970, of a number that may have a fraction.
fn seconds(number: &Number) -> Option<i64> {
    let whole = number.as_i64().or_else(|| number.to_string().split_once('.')?.0.parse().ok());
    whole.filter(|seconds| (0..=SECONDS_MAX).contains(seconds))
}

/// For whom a token is: one, or some.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Some(Vec<String>),
}

impl Audience {
    /// Whether it is for `whom`.
    pub(super) fn is_for(&self, whom: &str) -> bool {
        match self {
            Self::One(one) => one == whom,
            Self::Some(some) => some.iter().any(|one| one == whom),
        }
    }
}
