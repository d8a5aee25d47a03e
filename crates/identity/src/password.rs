//! Passwords: argon2id, a few at a time.
//!
//! Hashing is meant to be slow and to take memory, so it never runs on the threads that answer requests, never inside a
//! transaction, and never more than a few at once: whoever floods the login waits in line with the other logins, and
//! everything else goes on.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt},
};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{IdentityConfig, IdentityError, PasswordHash, Secret, credential::random};

/// The longest password, in characters. It only keeps hostile input out.
pub const PASSWORD_CHARS_MAX: usize = 1_024;

/// What OWASP asks of argon2id at the least: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// Hashes and verifies passwords. Cheap to clone; the clones share their slots.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    params: Params,
    /// Verified against when there is no such user, so that the answer takes as long. No password fits it.
    nobody: PasswordHash,
    slots: Arc<Semaphore>,
    in_line: AtomicUsize,
    in_line_max: usize,
    /// The working memory of idle slots. Handing it back to the allocator every time would leave 19 MiB in each of the
    /// arenas of the many threads that come to do this.
    memory: Mutex<Vec<Vec<Block>>>,
    verified: AtomicU64,
}

impl Passwords {
    /// A hasher with the slots that `config` gives it.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] when the system has no randomness.
    pub fn new(config: &IdentityConfig) -> Result<Self, IdentityError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).map_err(crypto)?;
        let nobody = phc(&params, &random::<SALT_BYTES>()?, &random::<OUTPUT_BYTES>()?)?;
        let slots = config.hashes_at_once.max(1);
        Ok(Self(Arc::new(Inner {
            params,
            nobody,
            slots: Arc::new(Semaphore::new(slots)),
            in_line: AtomicUsize::new(0),
            in_line_max: slots.saturating_add(config.hashes_waiting_max),
            memory: Mutex::default(),
            verified: AtomicU64::new(0),
        })))
    }

    /// Waits for a slot. Dropping the turn gives it back, once the hashing begun in it has ended.
    ///
    /// # Errors
    /// [`IdentityError::Busy`] when too many wait already.
    pub async fn turn(&self) -> Result<Turn, IdentityError> {
        let place = Place::take(&self.0)?;
        let slot = self.0.slots.clone().acquire_owned().await.map_err(crypto)?;
        Ok(Turn { held: Arc::new((slot, place)) })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`] for the field `password` when it is empty or too long, else those of
    /// [`Passwords::turn`].
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, IdentityError> {
        check_form(&password)?;
        let turn = self.turn().await?;
        turn.run(move |inner| inner.hash(&password)).await
    }

    /// How many passwords were verified since the start, those of users that do not exist included.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.0.verified.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("free", &self.0.slots.available_permits()).finish_non_exhaustive()
    }
}

/// Refuses a password that cannot be one. There is no minimum beyond one character: how long a password must be is for
/// those who choose it, and the clients of this API have always been free to.
pub(crate) fn check_form(password: &Secret) -> Result<(), IdentityError> {
    match password.expose().chars().take(PASSWORD_CHARS_MAX + 1).count() {
        0 => Err(IdentityError::invalid("password", "must not be empty")),
        1..=PASSWORD_CHARS_MAX => Ok(()),
        _ => Err(IdentityError::invalid("password", format!("must not be longer than {PASSWORD_CHARS_MAX} characters"))),
    }
}

/// A place in the line for a slot, or in a slot.
struct Place(Arc<Inner>);

impl Place {
    fn take(inner: &Arc<Inner>) -> Result<Self, IdentityError> {
        let before = inner.in_line.fetch_add(1, Ordering::AcqRel);
        let place = Self(inner.clone());
        if before < inner.in_line_max { Ok(place) } else { Err(IdentityError::Busy) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_line.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A slot that is ours.
pub struct Turn {
    held: Arc<(OwnedSemaphorePermit, Place)>,
}

impl Turn {
    /// Whether `password` is the one that `stored` was made from. Without a stored hash the answer is no, and takes as
    /// long.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] when `stored` is no hash of ours.
    pub async fn verify(&self, password: Secret, stored: Option<PasswordHash>) -> Result<bool, IdentityError> {
        self.run(move |inner| inner.verify(&password, stored.as_ref())).await
    }

    /// Runs on a thread that may block. The thread holds the slot too: a caller that goes away frees nothing early.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<R, IdentityError> + Send + 'static,
    ) -> Result<R, IdentityError> {
        let held = self.held.clone();
        tokio::task::spawn_blocking(move || work(&held.1.0)).await.map_err(crypto)?
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Inner {
    fn hash(&self, password: &Secret) -> Result<PasswordHash, IdentityError> {
        let salt = random::<SALT_BYTES>()?;
        let mut output = [0; OUTPUT_BYTES];
        self.argon2id(self.params.clone(), password, &salt, &mut output)?;
        phc(&self.params, &salt, &output)
    }

    fn verify(&self, password: &Secret, stored: Option<&PasswordHash>) -> Result<bool, IdentityError> {
        let stored = Phc::new(stored.unwrap_or(&self.nobody).as_phc()).map_err(crypto)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(IdentityError::Crypto("a stored password hash has no salt or no output".into()));
        };
        // The parameters are those of the stored hash, which an older version may have made with others.
        let params = Params::try_from(&stored).map_err(crypto)?;
        let mut output = vec![0; expected.len()];
        self.argon2id(params, password, salt, &mut output)?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        Ok(output.ct_eq(expected.as_bytes()).into())
    }

    fn argon2id(&self, params: Params, password: &Secret, salt: &[u8], output: &mut [u8]) -> Result<(), IdentityError> {
        let idle = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = idle().pop().unwrap_or_default();
        memory.resize(params.block_count(), Block::new());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, &mut memory);
        idle().push(memory);
        done.map_err(crypto)
    }
}

fn phc(params: &Params, salt: &[u8], output: &[u8]) -> Result<PasswordHash, IdentityError> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(crypto)?,
        salt: Some(Salt::new(salt).map_err(crypto)?),
        hash: Some(Output::new(output).map_err(crypto)?),
    };
    Ok(PasswordHash::from_phc(phc.to_string()))
}

fn crypto(error: impl fmt::Display) -> IdentityError {
    IdentityError::Crypto(error.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    fn passwords(at_once: usize, waiting: usize) -> Passwords {
        let config = IdentityConfig { hashes_at_once: at_once, hashes_waiting_max: waiting, ..IdentityConfig::default() };
        Passwords::new(&config).unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = passwords(2, 10);
        let hash = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_phc());
        // Ours and the library's own idea of it are the same.
        let parsed = Phc::new(hash.as_phc()).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        let turn = passwords.turn().await.unwrap();
        assert_eq!(turn.verify(Secret::new("correct horse"), Some(hash.clone())).await, Ok(true));
        assert_eq!(turn.verify(Secret::new("correct horsf"), Some(hash.clone())).await, Ok(false));
        assert_eq!(turn.verify(Secret::new(""), Some(hash)).await, Ok(false));
        assert_eq!(turn.verify(Secret::new("correct horse"), None).await, Ok(false));
        assert_eq!(passwords.verified(), 4);
    }

    #[tokio::test]
    async fn hashes_of_other_parameters_still_verify() {
        let params = Params::new(64, 1, 1, Some(24)).unwrap();
        let mut output = [0; 24];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into(b"old", b"sixteen bytes!!!", &mut output)
            .unwrap();
        let stored = phc(&params, b"sixteen bytes!!!", &output).unwrap();
        let turn = passwords(1, 0).turn().await.unwrap();
        assert_eq!(turn.verify(Secret::new("old"), Some(stored.clone())).await, Ok(true));
        assert_eq!(turn.verify(Secret::new("new"), Some(stored)).await, Ok(false));
        assert!(matches!(
            turn.verify(Secret::new("old"), Some(PasswordHash::from_phc("plain".into()))).await,
            Err(IdentityError::Crypto(_))
        ));
    }

    #[tokio::test]
    async fn whoever_comes_when_the_line_is_full_is_told_so() {
        let passwords = passwords(1, 1);
        let first = passwords.turn().await.unwrap();
        let other = passwords.clone();
        let second = tokio::spawn(async move { other.turn().await });
        while passwords.0.in_line.load(Ordering::Acquire) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.turn().await.unwrap_err(), IdentityError::Busy);
        drop(first);
        drop(second.await.unwrap().unwrap());
        assert_eq!(passwords.0.in_line.load(Ordering::Acquire), 0);
        passwords.turn().await.unwrap();
    }

    #[tokio::test]
    async fn memory_is_used_again() {
        let passwords = passwords(1, 10);
        for _ in 0..3 {
            passwords.hash(Secret::new("x")).await.unwrap();
        }
        assert_eq!(passwords.0.memory.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn passwords_that_cannot_be_one_are_refused() {
        let passwords = passwords(1, 0);
        for wrong in [String::new(), "é".repeat(PASSWORD_CHARS_MAX + 1)] {
            let refused = passwords.hash(Secret::new(wrong)).await;
            assert!(matches!(refused, Err(IdentityError::Invalid { field: "password", .. })), "{refused:?}");
        }
        passwords.hash(Secret::new("é".repeat(PASSWORD_CHARS_MAX))).await.unwrap();
    }
}
