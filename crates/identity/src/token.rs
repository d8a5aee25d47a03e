//! Tokens: what a login gives, so that the password need not be sent again.

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rialto_kernel::{OwnerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{IdentityError, Secret};

/// The shortest secret that HMAC-SHA-256 is as strong with as it can be (RFC 7518, 3.2), in bytes.
pub const TOKEN_SECRET_BYTES_MIN: usize = 32;
/// The kind of token that a login gives. A token of another kind, made with the same secret, opens nothing here.
const ACCESS: &str = "access";

/// The secret that tokens are signed with is too short to keep others from signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token secret must have at least {TOKEN_SECRET_BYTES_MIN} bytes")]
pub struct WeakTokenSecret;

#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    sub: OwnerId,
    iat: i64,
    exp: i64,
    #[serde(rename = "type")]
    kind: &'a str,
}

/// Signs and checks tokens: JWT, HS256, with `sub`, `iat`, `exp` and `type: "access"`.
#[derive(Clone)]
pub struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

impl Tokens {
    /// Tokens under `secret`, good for `lifetime`. All replicas need the same secret.
    ///
    /// # Errors
    /// [`WeakTokenSecret`] when it is shorter than [`TOKEN_SECRET_BYTES_MIN`].
    pub fn new(secret: &[u8], lifetime: Duration) -> Result<Self, WeakTokenSecret> {
        if secret.len() < TOKEN_SECRET_BYTES_MIN {
            return Err(WeakTokenSecret);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // Checked below, against our own clock and to the second.
        validation.validate_exp = false;
        Ok(Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret), validation, lifetime })
    }

    /// How long a token is good.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Signs a token for `user`.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] when the library cannot.
    pub fn issue(&self, user: OwnerId, now: Timestamp) -> Result<Secret, IdentityError> {
        let claims = Claims { sub: user, iat: now.seconds(), exp: now.after(self.lifetime).seconds(), kind: ACCESS };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map(Secret::new)
            .map_err(|error| IdentityError::Crypto(error.to_string()))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`IdentityError::Unauthenticated`] when it was not signed by us with HS256, or is of another kind;
    /// [`IdentityError::Expired`] when its time is over.
    pub fn check(&self, token: &Secret, now: Timestamp) -> Result<OwnerId, IdentityError> {
        #[derive(Deserialize)]
        struct Received {
            sub: OwnerId,
            exp: i64,
            #[serde(rename = "type")]
            kind: String,
        }
        let claims = jsonwebtoken::decode::<Received>(token.expose(), &self.checking, &self.validation)
            .map_err(|_| IdentityError::Unauthenticated)?
            .claims;
        if claims.kind != ACCESS {
            return Err(IdentityError::Unauthenticated);
        }
        if now.seconds() < claims.exp { Ok(claims.sub) } else { Err(IdentityError::Expired) }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "a secret that is long enough for HS256";
    const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

    fn tokens() -> Tokens {
        Tokens::new(SECRET.as_bytes(), Duration::from_secs(60)).unwrap()
    }

    fn sign(algorithm: Algorithm, secret: &str, claims: &serde_json::Value) -> Secret {
        let key = EncodingKey::from_secret(secret.as_bytes());
        Secret::new(jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap())
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let user = OwnerId::new();
        let token = tokens().issue(user, NOW).unwrap();
        assert!(token.expose().starts_with("eyJ"));
        assert_eq!(tokens().check(&token, NOW.after(Duration::from_secs(59))), Ok(user));
        assert_eq!(tokens().check(&token, NOW.after(Duration::from_secs(60))), Err(IdentityError::Expired));
    }

    #[test]
    fn only_our_own_access_tokens_are_taken() {
        let good = json!({"sub": OwnerId::new(), "exp": NOW.seconds() + 60, "type": "access"});
        assert!(tokens().check(&sign(Algorithm::HS256, SECRET, &good), NOW).is_ok());
        let with = |field: &str, value: serde_json::Value| {
            let mut claims = good.clone();
            claims[field] = value;
            sign(Algorithm::HS256, SECRET, &claims)
        };
        // {"alg":"none"}, no signature.
        let unsigned = sign(Algorithm::HS256, SECRET, &good);
        let body = unsigned.expose().split('.').nth(1).unwrap();
        let unsigned = Secret::new(format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}."));
        let wrong = [
            sign(Algorithm::HS256, "another secret that is long enough, too", &good),
            sign(Algorithm::HS512, SECRET, &good),
            with("type", json!("refresh")),
            with("type", json!(null)),
            with("sub", json!("root")),
            with("exp", json!("never")),
            with("exp", json!(null)),
            unsigned,
            Secret::new("eyJ"),
        ];
        for (n, token) in wrong.iter().enumerate() {
            assert_eq!(tokens().check(token, NOW), Err(IdentityError::Unauthenticated), "{n}");
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_a_long_one_is_not_shown() {
        assert_eq!(Tokens::new(b"short", Duration::ZERO).unwrap_err(), WeakTokenSecret);
        assert_eq!(format!("{:?}", tokens()), "Tokens { lifetime: 60s, .. }");
    }
}
