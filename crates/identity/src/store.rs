//! What identity asks of a transaction.

use rialto_kernel::{Event, OwnerId, Page, PageRequest, Role, Timestamp};
use rialto_store::StoreError;

use crate::{
    credential::{Digest, KeyName},
    model::{ApiKey, ApiKeyId, PasswordHash, User},
};

/// A user with what only a login may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// Its hashed password.
    pub password_hash: PasswordHash,
}

/// A key, and what is known of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key: ApiKey,
    /// The digest it was found by.
    pub digest: Digest,
    /// Role and activity of the owner; `None` when the owner is not a user.
    pub user: Option<(Role, bool)>,
    /// Those of the user by whose right it was made, if that was another.
    pub maker: Option<(Role, bool)>,
}

/// Users and API keys.
pub trait IdentityStore: Send {
    /// Adds an owner and its user, unless `email_key` is taken; returns whether it did.
    fn insert_user(&mut self, new: &UserWithPassword, email_key: &str) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// The user with this id.
    fn find_user(&mut self, id: OwnerId) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;
    /// The users with these ids, as far as there are any.
    fn find_users(&mut self, ids: &[OwnerId]) -> impl Future<Output = Result<Vec<User>, StoreError>> + Send;
    /// The user with this address, by its lower-case form.
    fn find_login(&mut self, email_key: &str) -> impl Future<Output = Result<Option<UserWithPassword>, StoreError>> + Send;
    /// Gives a user another role; returns whether there is such a user.
    fn set_user_role(&mut self, id: OwnerId, role: Role, now: Timestamp)
    -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Adds a key.
    fn insert_api_key(&mut self, key: &ApiKey, digest: &Digest) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The key with this name.
    fn find_api_key(&mut self, name: KeyName) -> impl Future<Output = Result<Option<ApiKey>, StoreError>> + Send;
    /// The key with this digest, and its owner.
    fn find_key_holder(&mut self, digest: &Digest) -> impl Future<Output = Result<Option<KeyHolder>, StoreError>> + Send;
    /// An owner's keys, newest first.
    fn list_api_keys(
        &mut self,
        owner: OwnerId,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<ApiKey>, StoreError>> + Send;
    /// Deletes a key; returns whether there was one.
    fn delete_api_key(&mut self, id: ApiKeyId) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Notes that a key was used, unless a use since `horizon` is noted already.
    fn touch_api_key(
        &mut self,
        id: ApiKeyId,
        horizon: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Writes a fact beside what made it true.
    fn append_event(&mut self, event: Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Owners by what they are called.
pub trait CommerceStore: IdentityStore {
    /// The owner with this id, or else the one that has claimed this name.
    fn find_owner(&mut self, name: &str) -> impl Future<Output = Result<Option<OwnerId>, StoreError>> + Send;
    /// Adds an owner with this name, unless the name is taken; returns whether it did.
    fn claim_owner(&mut self, id: OwnerId, name: &str, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// The name that an owner has claimed.
    fn find_owner_name(&mut self, id: OwnerId) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;
}

/// The failed logins of one account or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// How many there were since the window opened.
    pub count: u32,
    /// When the window opened: at the first of them.
    pub since: Timestamp,
}

/// Failed logins, kept in the database so that replicas agree about them.
pub trait AttemptStore: Send {
    /// The failures of one subject, whether their window has passed or not.
    fn find_failures(&mut self, subject: &str) -> impl Future<Output = Result<Option<Failures>, StoreError>> + Send;
    /// Counts one more. A window that opened at or before `horizon` has passed, and a new one opens.
    fn count_failure(
        &mut self,
        subject: &str,
        horizon: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Forgets the failures of one subject.
    fn clear_failures(&mut self, subject: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Forgets all whose window opened at or before `horizon`; returns how many.
    fn forget_failures(&mut self, horizon: Timestamp) -> impl Future<Output = Result<usize, StoreError>> + Send;
}
