//! Encryption of the answers that are kept under an idempotency key and have a secret in them.
//!
//! A new API key is shown once and kept as a digest. That would be worth nothing if the answer that showed it lay beside it
//! in the clear, waiting for a repeat of the request.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use rialto_store::idempotency::Key;

use super::Problem;

/// How many bytes of nonce stand before the ciphertext.
const NONCE_BYTES: usize = 24;

/// Closes and opens answers with XChaCha20-Poly1305. What was kept under one key cannot be opened under another.
#[derive(Clone)]
pub struct AnswerSeal(XChaCha20Poly1305);

impl AnswerSeal {
    /// Takes 32 secret bytes that nothing else is encrypted with.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts an answer, to be kept under `key`.
    pub fn close(&self, key: &Key, answer: &str) -> Result<String, Problem> {
        let failed = |what: String| Problem::internal(std::io::Error::other(what));
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| failed(error.to_string()))?;
        let payload = Payload { msg: answer.as_bytes(), aad: &place(key) };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|error| failed(error.to_string()))?;
        Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Decrypts the answer that was kept under `key`.
    ///
    /// # Errors
    /// 409 when this server has not the secret that it was encrypted with.
    pub fn open(&self, key: &Key, kept: &str) -> Result<String, Problem> {
        self.try_open(key, kept).ok_or_else(|| {
            let detail = "This was done before, but its answer held a secret and cannot be shown again.";
            Problem::conflict("idempotent-answer-lost", detail)
        })
    }

    fn try_open(&self, key: &Key, kept: &str) -> Option<String> {
        let bytes = STANDARD_NO_PAD.decode(kept).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let answer = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &place(key) }).ok()?;
        String::from_utf8(answer).ok()
    }
}

fn place(key: &Key) -> Vec<u8> {
    [key.scope.as_bytes(), &[0], key.key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_opens_only_where_it_was_kept() {
        let key = |key: &str| Key { scope: "owner/POST /x".into(), key: key.into(), fingerprint: Vec::new() };
        let seal = AnswerSeal::new(&[7; 32]);
        let kept = seal.close(&key("a"), "a secret").unwrap();
        assert!(!kept.contains("secret"));
        assert_eq!(seal.open(&key("a"), &kept).unwrap(), "a secret");
        assert_ne!(seal.close(&key("a"), "a secret").unwrap(), kept);
        for refused in [
            seal.open(&key("b"), &kept),
            AnswerSeal::new(&[8; 32]).open(&key("a"), &kept),
            seal.open(&key("a"), "{\"in\": \"the clear\"}"),
            seal.open(&key("a"), ""),
        ] {
            assert_eq!(refused.unwrap_err().status().as_u16(), 409);
        }
    }
}
