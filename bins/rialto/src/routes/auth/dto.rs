//! What goes over the wire.

use rialto_identity::{ApiKey, ApiKeyId, IssuedApiKey, Login, NewApiKey, Registration, Secret, Session, User};
use rialto_kernel::{OwnerId, Role, Timestamp};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, IgnoredAny},
};
use utoipa::{IntoParams, ToSchema};

/// Somebody who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery staple", "first_name": "Ada", "last_name": "Lovelace"}))]
pub struct UserRegister {
    /// Belongs to one account, whatever its case.
    #[schema(max_length = 254)]
    pub email: String,
    /// Kept as an argon2id hash only.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 1024)]
    pub password: Secret,
    /// The given name.
    #[schema(max_length = 255)]
    pub first_name: Option<String>,
    /// The family name.
    #[schema(max_length = 255)]
    pub last_name: Option<String>,
}

impl From<UserRegister> for Registration {
    fn from(body: UserRegister) -> Self {
        Self { email: body.email, password: body.password, first_name: body.first_name, last_name: body.last_name }
    }
}

/// Somebody who has an account.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery staple"}))]
pub struct UserLogin {
    /// In any case.
    pub email: String,
    /// The password of the registration.
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
}

impl UserLogin {
    /// This login, from where it came.
    pub fn into_login(self, address: Option<std::net::IpAddr>) -> Login {
        Login { email: self.email, password: self.password, address }
    }
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000001", "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace",
    "is_active": true, "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct UserResponse {
    /// The user, and the owner of what it registers.
    pub id: OwnerId,
    /// As it was given, with the domain in lower case.
    pub email: String,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// Whether it may log in.
    pub is_active: bool,
    /// When it registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            is_active: user.is_active,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// What a login gives.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "token_type": "bearer", "expires_in": 604_800}))]
pub struct TokenResponse {
    /// To be sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// How long it is good, in seconds.
    pub expires_in: u64,
}

impl From<Session> for TokenResponse {
    fn from(session: Session) -> Self {
        let access_token = session.access_token.expose().to_owned();
        Self { access_token, token_type: "bearer", expires_in: session.expires_in }
    }
}

/// A wish for a key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "laptop", "expires_at": "2030-01-01T00:00:00Z"}))]
pub struct ApiKeyCreate {
    /// What you call it.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// From when on it is refused; never, when it is left out. A time without an offset is UTC.
    pub expires_at: Option<Timestamp>,
    /// The most that it may do: `viewer` only reads. It never may more than you, and as much when this is left out.
    #[schema(value_type = Option<String>, example = "operator")]
    pub role: Option<Role>,
    /// There are none. Whoever asks for them wants less than a whole key, and must not get one.
    #[serde(default, deserialize_with = "no_scopes")]
    #[schema(ignore)]
    #[expect(dead_code, reason = "it is looked at while it is read")]
    scopes: (),
}

fn no_scopes<'de, D: Deserializer<'de>>(given: D) -> Result<(), D::Error> {
    match Option::<Vec<IgnoredAny>>::deserialize(given)? {
        None => Ok(()),
        Some(scopes) if scopes.is_empty() => Ok(()),
        Some(_) => Err(D::Error::custom("keys have no scopes; `role` is the most that a key may do")),
    }
}

impl From<&ApiKeyCreate> for NewApiKey {
    fn from(body: &ApiKeyCreate) -> Self {
        Self { name: body.name.clone(), expires_at: body.expires_at, role_cap: body.role, ..Self::default() }
    }
}

/// A new key, and the only time it is shown.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000002", "name": "laptop", "key": "kT1nH0mR3vY9sX2wQ7uB5zL8aE4cG6dJ-fP_oIiNtUe",
    "created_at": "2026-11-22T04:54:03.000001Z", "last_used_at": null, "expires_at": "2030-01-01T00:00:00.000000Z",
}))]
pub struct ApiKeyResponse {
    /// Its public id.
    pub id: ApiKeyId,
    /// What you call it.
    pub name: String,
    /// To be sent as `X-API-Key: <key>` or `Authorization: Bearer <id>:<key>`. Keep it: it cannot be shown again.
    pub key: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl From<IssuedApiKey> for ApiKeyResponse {
    fn from(IssuedApiKey { key, secret }: IssuedApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            key: secret.expose().to_owned(),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
        }
    }
}

/// A key, as far as it can be seen again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000002", "name": "laptop", "created_at": "2026-11-22T04:54:03.000001Z",
    "last_used_at": "2026-11-22T05:00:00.000000Z", "expires_at": null, "maker": null,
}))]
pub struct ApiKeyListResponse {
    /// Its public id.
    pub id: ApiKeyId,
    /// What you call it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// The user by whose right it was made, when that is another than its owner.
    #[schema(value_type = Option<String>)]
    pub maker: Option<OwnerId>,
}

impl From<ApiKey> for ApiKeyListResponse {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            maker: key.maker,
        }
    }
}

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyPage {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
