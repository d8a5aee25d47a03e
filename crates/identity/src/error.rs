//! What can go wrong with who somebody is.

use std::time::Duration;

use rialto_store::StoreError;

/// A refusal or failure of identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// What was given for a field cannot be taken.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as it is called in JSON.
        field: &'static str,
        /// What is wrong with it, as a sentence without its subject: `must not be empty`.
        reason: String,
    },
    /// Another user has this e-mail address.
    #[error("User with this email already exists")]
    EmailTaken,
    /// There is no such user, it is not active, or the password is another one. Which of these it is, is not told.
    #[error("Invalid email or password")]
    InvalidLogin,
    /// Too many failed logins for this account or from this address.
    #[error("Too many failed logins. Try again later.")]
    Throttled {
        /// When the next try will be heard.
        retry_after: Duration,
    },
    /// More passwords are waiting to be hashed than this server takes.
    #[error("Too many logins at the moment. Try again in a few seconds.")]
    Busy,
    /// The credential is unknown, was revoked, has expired, or belongs to a user that is not active.
    #[error("Not authenticated")]
    Unauthenticated,
    /// The credential was good, and is past its end.
    #[error("The credential has expired")]
    Expired,
    /// The name belongs to an owner that has to say so itself.
    #[error("This owner_id is taken. Authenticate as its owner, or choose another one.")]
    OwnerTaken,
    /// Keys that sell are made by an owner for itself, or by an administrator.
    #[error("A {0} key is made with a credential of the same owner_id, or by an administrator")]
    NotForOthers(&'static str),
    /// The key is somebody else's.
    #[error("Not your key")]
    NotYourKey,
    /// The caller's role does not allow it.
    #[error("Your role does not allow this")]
    Forbidden,
    /// There is no such user.
    #[error("User not found")]
    UserNotFound,
    /// There is no such key, or it is somebody else's.
    #[error("API key not found")]
    ApiKeyNotFound,
    /// The operating system gave no randomness, or a library refused parameters that are constants of ours.
    #[error("a cryptographic operation failed: {0}")]
    Crypto(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl IdentityError {
    /// A field that cannot be taken.
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }
}
