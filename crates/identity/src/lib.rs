//! Who acts: owners, the users among them, and the credentials they prove it with.
//!
//! An **owner** is whoever holds keys, wallets and agents. A **user** is an owner with an e-mail address and a password.
//! A **credential** is a token from a login, or an **API key**; whichever comes with a request, [`Identity::authenticate`]
//! turns it into one [`rialto_kernel::Caller`], and that is all the other domains ever see.
//!
//! # Invariants
//! - An e-mail address belongs to one user, whatever its case, however many register it at the same moment.
//! - Passwords are kept as argon2id, API keys as SHA-256; neither is shown twice, nor by `{:?}`, nor in an event.
//! - A login takes the same work whether the account exists or not, and gets the same refusal.
//! - An account or an address with too many failed logins is not heard for a while, by any replica.
//! - An owner that is only a name belongs to whoever made its first key; further keys take one of its credentials.
//! - A deleted or expired key, an expired token and an inactive user's credential are refused from that moment on; other
//!   replicas may take a second to hear of a deleted key.
//! - A key can do no more than its owner, nor a key made with another key more than that one (commerce keys of one owner are equals).
//! - Passwords are hashed outside of transactions, on threads that may block, a few at a time.
//!
//! Operations are functions over a transaction ([`register`], [`create_api_key`], …). What takes more than one
//! transaction, or a password, is a method of [`Identity`].
//!
//! What this crate does not do: wallets, rate limits, and what a caller may do to things that are not its own.

mod api_key;
mod commerce_key;
mod config;
mod credential;
mod email;
mod error;
mod memory;
mod model;
mod password;
mod register;
mod secret;
mod service;
mod sql;
pub mod store;
pub mod throttle;
mod token;

pub use api_key::{create_api_key, delete_api_key, list_api_keys};
pub use commerce_key::{KeyRole, NewCommerceKey, RATE_LIMIT_DEFAULT, RATE_LIMIT_MAX, create_commerce_key, owner_name};
pub use config::IdentityConfig;
pub use credential::{CommerceId, Credential, Digest, KeyName};
pub use email::Email;
pub use error::IdentityError;
pub use model::{ApiKey, ApiKeyId, IssuedApiKey, NewApiKey, NewUser, PasswordHash, Registration, Session, User};
pub use password::{PASSWORD_CHARS_MAX, Passwords, Turn};
pub use register::{AdminOutcome, NAME_CHARS_MAX, create_admin, me, prepare, promote, register};
pub use secret::Secret;
pub use service::{Identity, Login};
pub use token::{TOKEN_SECRET_BYTES_MIN, Tokens, WeakTokenSecret};
