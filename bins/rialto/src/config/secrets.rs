//! The secrets of a server: given, or made once and kept beside the embedded database.

use std::{fs, io::Write, path::PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use rialto_store::DatabaseUrl;
use sha2::Sha256;

use super::Flags;

/// The shortest secret that is accepted, in characters.
const SECRET_CHARS_MIN: usize = 32;

/// Keys for three purposes. They are never shown.
#[derive(Clone)]
pub struct Secrets {
    /// Signs tokens.
    pub jwt: Vec<u8>,
    /// Encrypts the credentials of agents.
    pub encryption: [u8; 32],
    /// Encrypts kept answers that hold a secret.
    pub answers: [u8; 32],
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// Finds the secrets for a server on `database`.
///
/// # Errors
/// A secret that is too short or missing, or a file that cannot be read or written.
pub fn load(flags: &Flags, database: &DatabaseUrl) -> Result<Secrets, String> {
    let jwt = match (&flags.jwt_secret, database) {
        (Some(secret), _) => long_enough("jwt-secret", secret)?.to_owned(),
        (None, DatabaseUrl::Sqlite(path)) => beside(path.with_extension("secret"))?,
        (None, DatabaseUrl::Postgres(_)) => {
            return Err("set RIALTO_JWT_SECRET (at least 32 characters): replicas on one PostgreSQL have to share it".into());
        }
    };
    let master = match &flags.encryption_key {
        Some(key) => long_enough("encryption-key", key)?,
        None => &jwt,
    };
    Ok(Secrets {
        encryption: derive(master.as_bytes(), b"rialto agent credentials v1"),
        answers: derive(master.as_bytes(), b"rialto kept answers v1"),
        jwt: jwt.into_bytes(),
    })
}

fn long_enough<'s>(name: &str, secret: &'s str) -> Result<&'s str, String> {
    if secret.chars().count() < SECRET_CHARS_MIN {
        return Err(format!("--{name} must have at least {SECRET_CHARS_MIN} characters"));
    }
    Ok(secret)
}

/// Reads the secret file, or makes it: readable by its owner alone, and never overwritten.
fn beside(path: PathBuf) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Ok(secret) = fs::read_to_string(&path) {
        return long_enough("jwt-secret", secret.trim()).map(str::to_owned);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret = hex::encode(bytes);
    let mut file = options.open(&path).map_err(failed)?;
    file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(secret)
}

/// A key for one purpose from a key for all.
fn derive(master: &[u8], purpose: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(master).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}
