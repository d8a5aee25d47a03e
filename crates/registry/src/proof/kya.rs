//! Tokens by which an issuer vouches for an agent ("know your agent").

use rialto_kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::{
    ProofError, Verifier,
    documents::Wanted,
    jws::{Audience, Times, Token},
    key::{PublicKey, choose},
    short,
};

/// More keys of an issuer than this are not looked at.
const KEYS_MAX: usize = 64;
/// The longest subject or issuer that is kept, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// What a token says that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kya {
    /// Who says it.
    pub issuer: String,
    /// Of whom.
    pub subject: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// What tells it from other tokens: its issuer and `jti`, or what was signed.
    pub digest: [u8; 32],
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    jti: Option<String>,
}

impl Verifier {
    /// Checks a token: that an issuer that the operator trusts signed it, for us, and that it holds. Its issuer's keys are fetched if
    /// they are not known.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn kya(&self, token: &str, now: Timestamp) -> Result<Kya, ProofError> {
        let token = Token::read("token", token)?;
        let claims: Claims = token.claims()?;
        let place = self.trust.kya_issuers.get(&claims.iss).ok_or_else(|| ProofError::Untrusted(short(&claims.iss)))?;
        // What can be refused is, before its issuer's server is asked.
        if !claims.aud.is_for(&self.trust.kya_audience) {
            return Err(token.refused("it is for somebody else (aud)"));
        }
        if claims.sub.is_empty() || claims.sub.len() > NAME_BYTES_MAX || claims.sub.contains('\0') {
            return Err(token.refused("its sub names nobody"));
        }
        let times = Times { exp: Some(claims.exp), nbf: claims.nbf, iat: claims.iat };
        let expires_at = token.check_times(&times, now)?.ok_or_else(|| token.refused("it has no end (exp)"))?;
        let kid = token.kid.as_deref();
        let is_one = |set: &Value| set.get("keys").is_some_and(Value::is_array);
        let has_it = |set: &Value| choose(&keys(set), kid, token.alg).is_some();
        let wanted = Wanted { name: place, url: place, is_one: &is_one, has_it: &has_it };
        let set = self.trusted.get(&wanted, || Ok(()), || ProofError::NoKeys(short(&claims.iss)), now).await?;
        token.check(&keys(&set), kid)?;
        let mut digest = Sha256::new_with_prefix(b"rialto kya\0");
        match &claims.jti {
            // What was signed, and not the signature: of that there may be two for the same.
            None => digest.update(token.signed),
            Some(jti) => {
                digest.update(claims.iss.len().to_be_bytes());
                digest.update(&claims.iss);
                digest.update(jti);
            }
        }
        Ok(Kya { issuer: claims.iss, subject: claims.sub, expires_at, digest: digest.finalize().into() })
    }
}

/// The keys of a set that can be used.
fn keys(set: &Value) -> Vec<PublicKey> {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(KEYS_MAX).filter_map(PublicKey::from_jwk).collect()
}
