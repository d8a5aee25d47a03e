//! The nouns of identity.

use std::fmt;

use rialto_kernel::{Id, OwnerId, Role, Timestamp, nouns};

use crate::{CommerceId, Email, KeyName, Secret};

/// The id of an API key.
pub type ApiKeyId = Id<nouns::ApiKey>;

/// Somebody with an e-mail address and a password. Its id is its owner id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub id: OwnerId,
    /// The address as it was given, with the domain in lower case.
    pub email: String,
    /// The given name, when told.
    pub first_name: Option<String>,
    /// The family name, when told.
    pub last_name: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may do anything at all.
    pub is_active: bool,
    /// When it registered.
    pub created_at: Timestamp,
    /// When one of the fields above last changed.
    pub updated_at: Timestamp,
}

/// What somebody who registers tells.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The e-mail address.
    pub email: String,
    /// The password, 1 to [`crate::PASSWORD_CHARS_MAX`] characters.
    pub password: Secret,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
}

/// A registration whose fields are valid and whose password is hashed: what a transaction can take in.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub(crate) email: Email,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) password_hash: PasswordHash,
}

impl NewUser {
    /// The e-mail address.
    #[must_use]
    pub const fn email(&self) -> &Email {
        &self.email
    }
}

/// A hashed password, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$…`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string from the hasher or from a row.
    #[must_use]
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

/// Offline guessing starts with the hash, so it stays out of logs as the password does.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A key that programs authenticate with. The key's text is not part of it: that was shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id.
    pub id: ApiKeyId,
    /// On whose behalf it acts.
    pub owner: OwnerId,
    /// What its owner calls it.
    pub name: String,
    /// Its other name, when it is a commerce key.
    pub commerce_id: Option<CommerceId>,
    /// Where its owner takes USDC, as far as it told.
    pub wallet_address: Option<String>,
    /// The most it may do; `None` for as much as its owner.
    pub role_cap: Option<Role>,
    /// How many requests a minute it may make; `None` when only the general limit applies.
    pub rate_limit_per_minute: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// The user by whose right it was made, when that is another than its owner.
    pub maker: Option<OwnerId>,
}

impl ApiKey {
    /// The name that goes before its secret.
    #[must_use]
    pub fn public_name(&self) -> KeyName {
        self.commerce_id.map_or(KeyName::Id(self.id), KeyName::Commerce)
    }

    /// What it may do now; `None` when it may do nothing any more.
    ///
    /// It is no stronger than its owner. An owner that is no user has no role of its own: its keys have theirs. Of those, one that
    /// acts for everybody has that from whoever made it, and only as long as that user is an active administrator.
    #[must_use]
    pub fn role(&self, owner: Option<(Role, bool)>, maker: Option<(Role, bool)>) -> Option<Role> {
        let role = match owner {
            Some((_, false)) => return None,
            Some((role, true)) => self.role_cap.map_or(role, |cap| cap.weaker(role)),
            None => self.role_cap.unwrap_or(Role::Operator),
        };
        let is_lent = owner.is_none() && role == Role::Admin && self.maker.is_some();
        (!is_lent || maker == Some((Role::Admin, true))).then_some(role)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What is asked of a new key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewApiKey {
    /// What its owner calls it, 1 to [`crate::NAME_CHARS_MAX`] characters.
    pub name: String,
    /// From when on it is refused. A time that is past makes a key that never works.
    pub expires_at: Option<Timestamp>,
    /// The most it may do; `None` for as much as its owner.
    pub role_cap: Option<Role>,
    /// How many requests a minute it may make, at least 1.
    pub rate_limit_per_minute: Option<u32>,
}

/// A new key, with the only copy of its text there will ever be.
#[derive(Debug, Clone)]
pub struct IssuedApiKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// What its holder has to keep: 43 characters, after `sec_` if it is a commerce key.
    pub secret: Secret,
}

/// A successful login.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who logged in.
    pub user: User,
    /// The token to send as `Authorization: Bearer`.
    pub access_token: Secret,
    /// How many seconds it is good for.
    pub expires_in: u64,
}
