//! The secrets of a server: given, or made once and kept beside the embedded database.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use rialto_store::DatabaseUrl;
use sha2::Sha256;

use super::Flags;

/// The shortest secret that is accepted, in characters.
const SECRET_CHARS_MIN: usize = 32;

/// Keys for six purposes. They are never shown.
#[derive(Clone)]
pub struct Secrets {
    /// Signs tokens, and the URLs by which participants of networks answer.
    pub jwt: Vec<u8>,
    /// Encrypts the credentials of agents.
    pub encryption: [u8; 32],
    /// Encrypts kept answers that hold a secret.
    pub answers: [u8; 32],
    /// Makes the fingerprints of requests that are kept under their idempotency keys.
    pub fingerprints: [u8; 32],
    /// Encrypts what signs the messages to participants of networks.
    pub networks: [u8; 32],
    /// Encrypts what signs the events that webhooks are told of.
    pub webhooks: [u8; 32],
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
        (Some(secret), _) => long_enough("jwt-secret", secret.expose())?.to_owned(),
        (None, DatabaseUrl::Sqlite(path)) => beside(&path.with_extension("secret"))?,
        (None, DatabaseUrl::Postgres(_)) => {
            return Err("set RIALTO_JWT_SECRET (at least 32 characters): replicas on one PostgreSQL have to share it".into());
        }
    };
    let master = match &flags.encryption_key {
        Some(key) => long_enough("encryption-key", key.expose())?,
        None => &jwt,
    };
    Ok(Secrets {
        encryption: derive(master.as_bytes(), b"rialto agent credentials v1"),
        answers: derive(master.as_bytes(), b"rialto kept answers v1"),
        fingerprints: derive(master.as_bytes(), b"rialto request fingerprints v1"),
        networks: derive(master.as_bytes(), b"rialto network signing secrets v1"),
        webhooks: derive(master.as_bytes(), b"rialto webhook signing secrets v1"),
        jwt: jwt.into_bytes(),
    })
}

fn long_enough<'s>(name: &str, secret: &'s str) -> Result<&'s str, String> {
    if secret.chars().count() < SECRET_CHARS_MIN {
        return Err(format!("--{name} must have at least {SECRET_CHARS_MIN} characters"));
    }
    Ok(secret)
}

/// Reads the secret file, or makes it: readable by its owner alone, never overwritten, and there either whole or not at
/// all. Of two programs that start at once, both take the secret of the one that was first.
fn beside(path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(failed)?,
        read => return kept(path, &read.map_err(failed)?),
    }
    kept(path, &fs::read_to_string(path).map_err(failed)?)
}

fn kept(path: &Path, text: &str) -> Result<String, String> {
    long_enough("jwt-secret", text.trim()).map(str::to_owned).map_err(|error| format!("{}: {error}", path.display()))
}

/// Makes the secret file, unless somebody else has just done so.
fn make(path: &Path) -> io::Result<()> {
    let (mut secret, mut suffix) = ([0; 32], [0; 8]);
    for bytes in [secret.as_mut_slice(), suffix.as_mut_slice()] {
        getrandom::fill(bytes).map_err(|error| io::Error::other(format!("no randomness: {error}")))?;
    }
    let draft = path.with_extension(format!("secret-{}", hex::encode(suffix)));
    let made = write(&draft, &hex::encode(secret)).and_then(|()| match fs::hard_link(&draft, path) {
        // Unlike a rename, a link never replaces what is there.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    made.and(removed).and_then(|()| sync_folder(path))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the names in a file's folder outlast a crash. Elsewhere than on Unix a folder cannot be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A key for one purpose from a key for all.
fn derive(master: &[u8], purpose: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(master).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf, sync::Barrier, thread};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let mut name = [0; 8];
            getrandom::fill(&mut name).unwrap();
            let path = std::env::temp_dir().join(format!("rialto-secrets-{}", hex::encode(name)));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn programs_that_start_at_once_share_one_whole_secret() {
        for _ in 0..20 {
            let folder = Folder::new();
            let path = folder.0.join("rialto.secret");
            let start = Barrier::new(8);
            let secrets: BTreeSet<String> = thread::scope(|scope| {
                let begin = || {
                    start.wait();
                    beside(&path).unwrap()
                };
                let all: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(secrets.len(), 1);
            assert_eq!(secrets.first().map(String::len), Some(64));
            assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "no draft stays");
            #[cfg(unix)]
            assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
        }
    }

    #[test]
    fn half_a_secret_is_refused_by_name() {
        let folder = Folder::new();
        let path = folder.0.join("rialto.secret");
        fs::write(&path, "half").unwrap();
        assert!(beside(&path).unwrap_err().contains("rialto.secret"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "half");
    }
}
