//! Who is asking.

use serde::{Deserialize, Serialize};

use crate::{Id, OwnerId, nouns::ApiKey};

/// What a caller may do beyond its own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May act on everybody's things, and mint credits.
    Admin,
    /// May act on its own things. A self-registered user is one.
    Operator,
    /// May act on its own things, and buy, but sells nothing.
    Buyer,
    /// May read its own things.
    Viewer,
}

impl Role {
    /// The word that databases and clients see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Buyer => "buyer",
            Self::Viewer => "viewer",
        }
    }

    /// The role with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Admin, Self::Operator, Self::Buyer, Self::Viewer].into_iter().find(|role| role.as_str() == word)
    }

    /// The weaker of the two.
    #[must_use]
    pub fn weaker(self, other: Self) -> Self {
        // They are named from the strongest to the weakest.
        self.max(other)
    }
}

/// What the caller proved itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A signed token from `/auth/login`.
    Token,
    /// An API key, by its public id.
    ApiKey(Id<ApiKey>),
}

/// The one answer to "who asks?", whichever credential came with the request.
///
/// Ownership is checked in the operations, against this; never in a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// On whose behalf.
    pub owner: OwnerId,
    /// With which powers.
    pub role: Role,
    /// Proven how.
    pub credential: CredentialKind,
    /// How many requests a minute this credential may make; `None` when only the general limit applies.
    pub rate_limit_per_minute: Option<u32>,
}

impl Caller {
    /// Whether this caller may act for everybody.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether this caller may read what `owner` owns.
    #[must_use]
    pub fn may_read(&self, owner: OwnerId) -> bool {
        self.is_admin() || self.owner == owner
    }

    /// Whether this caller may change what `owner` owns. A viewer changes nothing.
    #[must_use]
    pub fn may_write(&self, owner: OwnerId) -> bool {
        self.is_admin() || (self.owner == owner && self.role != Role::Viewer)
    }

    /// Whether this caller may offer something for sale.
    #[must_use]
    pub fn may_sell(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Operator)
    }
}
