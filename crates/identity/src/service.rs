//! The two things that take more than one transaction: logging in, and telling who sends a request.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rialto_kernel::{Caller, Clock, CredentialKind, OwnerId, Timestamp};
use rialto_store::{Db, StoreError, Together, Tx};

use crate::{
    ApiKey, ApiKeyId, Credential, Email, IdentityConfig, IdentityError, KeyName, NewUser, Passwords, Registration, Secret,
    Session, Tokens, User,
    api_key::delete_api_key,
    credential::Digest,
    memory::KeyMemory,
    register,
    store::{IdentityStore, KeyHolder},
    throttle::{self, Subjects},
};

/// How old a note of a key's last use gets before a newer one is made.
const LAST_USED_STEP: Duration = Duration::from_secs(60);
/// How often, at most, the counters of failed logins are swept.
const PRUNE_STEP: Duration = Duration::from_secs(60);

/// Identity at work: a database, a hasher and a signer. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    passwords: Passwords,
    tokens: Tokens,
    config: IdentityConfig,
    memory: KeyMemory,
    /// The keys whose use is being noted right now, so that a busy key is noted once and not by every request.
    noting: Mutex<HashSet<ApiKeyId>>,
    /// Who sends requests, for all requests of the moment at once.
    senders: Together<OwnerId, Option<User>>,
    pruned_at: AtomicI64,
}

/// What somebody sends to log in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The e-mail address, in any spelling.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// Where the request comes from, as far as that can be trusted.
    pub address: Option<IpAddr>,
}

impl Identity {
    /// Identity over `db`, with tokens signed by `tokens`. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] when the system has no randomness.
    pub fn new(db: Db, clock: Clock, tokens: Tokens, config: IdentityConfig) -> Result<Self, IdentityError> {
        let passwords = Passwords::new(&config)?;
        let pruned_at = AtomicI64::new(i64::MIN);
        let (memory, noting) = (KeyMemory::default(), Mutex::default());
        let senders = Together::new(&db, find_senders);
        Ok(Self(Arc::new(Inner { db, clock, passwords, tokens, config, memory, noting, senders, pruned_at })))
    }

    /// The hasher, for its figures.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Checks a registration and hashes its password, for [`register::register`] to take in.
    ///
    /// # Errors
    /// Those of [`register::prepare`].
    pub async fn prepare(&self, registration: Registration) -> Result<NewUser, IdentityError> {
        register::prepare(&self.0.passwords, registration).await
    }

    /// Logs a user in.
    ///
    /// An unknown address, a wrong password and an inactive user get the same answer after the same work.
    ///
    /// # Errors
    /// [`IdentityError::InvalidLogin`]; [`IdentityError::Throttled`] after too many failures; [`IdentityError::Busy`]
    /// when too many wait; [`IdentityError::Invalid`] when the address has not the form of one.
    pub async fn login(&self, login: Login) -> Result<Session, IdentityError> {
        let email = Email::parse(&login.email)?;
        let subjects = Subjects::new(&email, login.address);
        // Who is throttled does not even get to wait in line.
        self.look(&subjects, None).await?;
        let turn = self.0.passwords.turn().await?;
        // Looked at again now that it is our turn, and the turn is held until the failure is counted: so the limit is
        // overshot by the number of slots at most, however many try at the same time.
        let (failed_before, found) = self.look(&subjects, Some(email)).await?;
        let (user, stored) = found.map(|found| (found.user, found.password_hash)).unzip();
        let fits = turn.verify(login.password, stored).await?;
        let Some(user) = user.filter(|user| fits && user.is_active) else {
            self.count_failure(subjects).await?;
            return Err(IdentityError::InvalidLogin);
        };
        drop(turn);
        if failed_before {
            self.0.db.write(async move |tx: &mut Tx| throttle::forgive(tx, &subjects).await).await?;
        }
        let access_token = self.0.tokens.issue(user.id, self.0.clock.now())?;
        Ok(Session { user, access_token, expires_in: self.0.tokens.lifetime().as_secs() })
    }

    /// Checks the counters, and finds the user when one is asked for.
    async fn look(
        &self,
        subjects: &Subjects,
        email: Option<Email>,
    ) -> Result<(bool, Option<crate::store::UserWithPassword>), IdentityError> {
        let (inner, subjects) = (self.0.clone(), subjects.clone());
        let work = async move |tx: &mut Tx| {
            let failed_before = throttle::check(tx, &subjects, &inner.config, inner.clock.now()).await?;
            let found = match &email {
                Some(email) => tx.find_login(email.key()).await?,
                None => None,
            };
            Ok((failed_before, found))
        };
        self.0.db.read(work).await
    }

    async fn count_failure(&self, subjects: Subjects) -> Result<(), IdentityError> {
        let (inner, now) = (self.0.clone(), self.0.clock.now());
        let count = async move |tx: &mut Tx| throttle::count_failure(tx, &subjects, &inner.config, now).await;
        self.0.db.write(count).await?;
        self.prune(now).await
    }

    /// Sweeps the counters when that was not done lately. Each process does it for itself, which harms nobody.
    async fn prune(&self, now: Timestamp) -> Result<(), IdentityError> {
        let last = self.0.pruned_at.load(Ordering::Relaxed);
        let due = last <= now.before(PRUNE_STEP).micros();
        if due && self.0.pruned_at.compare_exchange(last, now.micros(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let inner = self.0.clone();
            let pruned = self.0.db.write(async move |tx: &mut Tx| throttle::prune(tx, &inner.config, now).await).await?;
            tracing::debug!(pruned, "forgot failed logins whose window has passed");
        }
        Ok(())
    }

    /// Tells who sends a request that carries `credential`.
    ///
    /// # Errors
    /// [`IdentityError::Unauthenticated`] when the credential is unknown or revoked, or its user is inactive;
    /// [`IdentityError::Expired`].
    pub async fn authenticate(&self, credential: &Credential) -> Result<Caller, IdentityError> {
        match credential {
            Credential::Token(token) => self.by_token(token).await,
            Credential::Key(secret) => self.by_key(secret, None).await,
            Credential::KeyWithId(id, secret) => self.by_key(secret, Some(*id)).await,
        }
    }

    async fn by_token(&self, token: &Secret) -> Result<Caller, IdentityError> {
        let id = self.0.tokens.check(token, self.0.clock.now())?;
        // Asked every time: a user that was made inactive is out at once, not when its token ends.
        let user = self.0.senders.find(id).await?;
        let user = user.filter(|user| user.is_active).ok_or(IdentityError::Unauthenticated)?;
        Ok(Caller { owner: user.id, role: user.role, credential: CredentialKind::Token, rate_limit_per_minute: None })
    }

    async fn by_key(&self, secret: &Secret, name: Option<KeyName>) -> Result<Caller, IdentityError> {
        let (now, lasts) = (self.0.clock.now(), self.0.config.key_memory);
        let digest = Digest::of(secret);
        if let Some(caller) = self.0.memory.recall(&digest, name, now, lasts) {
            return Ok(caller);
        }
        let wanted = digest.clone();
        let found = self.0.db.read(async move |tx: &mut Tx| tx.find_key_holder(&wanted).await).await?;
        let named = |key: &ApiKey| name.is_none_or(|name| name == KeyName::Id(key.id) || name == key.public_name());
        let KeyHolder { key, user, maker, .. } =
            found.filter(|found| found.digest.matches(&digest) && named(&found.key)).ok_or(IdentityError::Unauthenticated)?;
        if key.is_expired(now) {
            return Err(IdentityError::Expired);
        }
        let role = key.role(user, maker).ok_or(IdentityError::Unauthenticated)?;
        let caller = Caller {
            owner: key.owner,
            role,
            credential: CredentialKind::ApiKey(key.id),
            rate_limit_per_minute: key.rate_limit_per_minute,
        };
        self.0.memory.keep(&digest, &key, caller, now, lasts);
        self.note_use(&key, now).await;
        Ok(caller)
    }

    /// Deletes a key, as [`delete_api_key`] does, and forgets that it was good.
    ///
    /// # Errors
    /// Those of [`delete_api_key`].
    pub async fn delete_key(&self, caller: &Caller, name: KeyName) -> Result<ApiKey, IdentityError> {
        let (caller, now) = (*caller, self.0.clock.now());
        let key = self.0.db.write(async move |tx: &mut Tx| delete_api_key(tx, &caller, name, now).await).await?;
        self.0.memory.forget(key.id);
        Ok(key)
    }

    /// Notes that a key was used, when the note there is has got old. Only the very first use waits for it, so that
    /// whoever tries a new key sees it used; a busy key costs its requests nothing.
    async fn note_use(&self, key: &ApiKey, now: Timestamp) {
        let horizon = now.before(LAST_USED_STEP);
        if key.last_used_at.is_some_and(|last| last > horizon) {
            return;
        }
        let (this, id) = (self.clone(), key.id);
        if !this.noting().insert(id) {
            return;
        }
        // A task of its own: a request that is given up half way must not leave the key marked as being noted.
        let noting = tokio::spawn(async move {
            let noted = this.0.db.write(async move |tx: &mut Tx| tx.touch_api_key(id, horizon, now).await).await;
            if let Err(error) = noted {
                tracing::warn!(%error, api_key.id = %id, "could not note the use of an API key");
            }
            this.noting().remove(&id);
        });
        if key.last_used_at.is_none() {
            let _ = noting.await;
        }
    }

    fn noting(&self) -> MutexGuard<'_, HashSet<ApiKeyId>> {
        self.0.noting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find_senders(tx: &mut Tx, ids: &[OwnerId]) -> Result<Vec<Option<User>>, StoreError> {
    let found: HashMap<OwnerId, User> = tx.find_users(ids).await?.into_iter().map(|user| (user.id, user)).collect();
    // Two requests of the moment may be the same user's.
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("config", &self.0.config).finish_non_exhaustive()
    }
}
