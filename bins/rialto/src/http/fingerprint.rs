//! Fingerprints of requests, by which a repeat under an idempotency key is told from another request.
//!
//! A request may have a secret in it, such as one that a person has thought of. A plain digest of it at rest would let whoever reads the
//! database try guesses; so fingerprints are made with a key of the server's.

use actix_web::{HttpRequest, web::Data};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Problem;
use crate::compose::App;

/// Makes fingerprints: HMAC-SHA256, with a key that nothing else is made with.
#[derive(Clone)]
pub struct Fingerprints(Hmac<Sha256>);

impl Fingerprints {
    /// Takes 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Those of the server that a request came to.
    ///
    /// # Errors
    /// 500 outside of a server.
    pub fn of_server(request: &HttpRequest) -> Result<&Self, Problem> {
        let app = request.app_data::<Data<App>>();
        app.map(|app| &app.fingerprints).ok_or_else(|| Problem::internal(std::io::Error::other("there is no server")))
    }

    /// The fingerprint of what has these parts.
    pub fn of(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_the_key_cannot_try_guesses() {
        let (ours, others) = (Fingerprints::new(&[7; 32]), Fingerprints::new(&[8; 32]));
        assert_eq!(ours.of(&[b"operator", b"{\"secret\":\"summer\"}"]), ours.of(&[b"operator", b"{\"secret\":\"summer\"}"]));
        assert_ne!(ours.of(&[b"operator", b"{\"secret\":\"summer\"}"]), others.of(&[b"operator", b"{\"secret\":\"summer\"}"]));
        assert_ne!(ours.of(&[b"a", b"bc"]), ours.of(&[b"ab", b"c"]), "parts stay apart");
    }
}
