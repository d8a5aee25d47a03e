//! Encryption of the credentials that we present to agents.

use std::fmt;

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use rialto_kernel::Id;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why a credential could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// It was sealed with a key that this program was not given.
    #[error("the credential was encrypted with another key ({0})")]
    UnknownKey(String),
    /// It is not what was sealed: another agent's, or changed.
    #[error("the credential has been tampered with")]
    Tampered,
    /// The system gave no randomness.
    #[error("the system gave no randomness")]
    NoRandomness,
}

/// A credential at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key opens it.
    pub key_id: String,
    /// 24 random bytes.
    pub nonce: Vec<u8>,
    /// The credential and its tag.
    pub ciphertext: Vec<u8>,
}

/// Seals credentials with XChaCha20-Poly1305. What is sealed for one agent cannot be opened as another's.
#[derive(Clone)]
pub struct CredentialCipher {
    key_id: String,
    cipher: XChaCha20Poly1305,
}

impl CredentialCipher {
    /// Takes 32 secret bytes, from which nothing else may be derived the same way.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let mut digest = Sha256::new_with_prefix(b"rialto agent credential key id");
        digest.update(key);
        let key_id: String = hex::encode(digest.finalize()).chars().take(16).collect();
        Self { key_id, cipher: XChaCha20Poly1305::new(&(*key).into()) }
    }

    /// Seals `secret` for whom `owner` names: an agent, or whoever else is called with a secret.
    ///
    /// # Errors
    /// [`CipherError::NoRandomness`].
    pub fn seal<T>(&self, owner: Id<T>, secret: &str) -> Result<Sealed, CipherError> {
        let mut nonce = [0_u8; 24];
        getrandom::fill(&mut nonce).map_err(|_| CipherError::NoRandomness)?;
        let payload = Payload { msg: secret.as_bytes(), aad: owner.as_bytes() };
        // It fails only for messages of more than 2^38 bytes.
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| CipherError::Tampered)?;
        Ok(Sealed { key_id: self.key_id.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// [`CipherError::UnknownKey`] or [`CipherError::Tampered`].
    pub fn open<T>(&self, owner: Id<T>, sealed: &Sealed) -> Result<Zeroizing<String>, CipherError> {
        if sealed.key_id != self.key_id {
            return Err(CipherError::UnknownKey(sealed.key_id.clone()));
        }
        let nonce = <[u8; 24]>::try_from(sealed.nonce.as_slice()).map_err(|_| CipherError::Tampered)?;
        let payload = Payload { msg: &sealed.ciphertext, aad: owner.as_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| CipherError::Tampered)?;
        String::from_utf8(plain).map(Zeroizing::new).map_err(|_| CipherError::Tampered)
    }
}

impl fmt::Debug for CredentialCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCipher").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rialto_kernel::AgentId;

    use super::*;

    #[test]
    fn what_is_sealed_for_one_agent_opens_for_it_alone() {
        let (cipher, agent) = (CredentialCipher::new(&[7; 32]), AgentId::new());
        let sealed = cipher.seal(agent, "sk-secret").unwrap();
        assert!(!sealed.ciphertext.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(cipher.open(agent, &sealed).unwrap().as_str(), "sk-secret");
        assert_eq!(cipher.open(AgentId::new(), &sealed), Err(CipherError::Tampered));
        let mut changed = sealed.clone();
        changed.ciphertext[0] ^= 1;
        assert_eq!(cipher.open(agent, &changed), Err(CipherError::Tampered));
        assert!(!format!("{cipher:?} {sealed:?}").contains("secret"));
    }

    #[test]
    fn a_wrong_key_says_so() {
        let agent = AgentId::new();
        let sealed = CredentialCipher::new(&[1; 32]).seal(agent, "sk-secret").unwrap();
        assert!(matches!(CredentialCipher::new(&[2; 32]).open(agent, &sealed), Err(CipherError::UnknownKey(_))));
    }
}
