//! What goes over the wire.

use rialto_identity::{ApiKey, IssuedApiKey, KeyRole, NewCommerceKey, RATE_LIMIT_DEFAULT, Secret};
use rialto_kernel::{Caller, OwnerId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

/// A wish for a key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"owner_id": "my-agent", "role": "buyer", "rate_limit": 60}))]
pub struct KeyCreate {
    /// Whose key it is: any name that nobody has claimed, or your own.
    #[schema(min_length = 1, max_length = 255)]
    pub owner_id: String,
    /// `buyer`, `provider` or `admin`; `buyer` when it is left out.
    #[schema(example = "buyer")]
    pub role: Option<String>,
    /// How many requests a minute it may make, 60 when it is left out. An administrator may give more than 300.
    #[schema(minimum = 1, maximum = 300, default = 60)]
    pub rate_limit: Option<i64>,
    /// Where you take USDC.
    #[schema(max_length = 128)]
    pub wallet_address: Option<String>,
    /// From when on it is refused; never, when it is left out.
    pub expires_at: Option<Timestamp>,
}

impl TryFrom<&KeyCreate> for NewCommerceKey {
    type Error = Problem;

    fn try_from(body: &KeyCreate) -> Result<Self, Problem> {
        let role = body.role.as_deref().map_or(Some(KeyRole::Buyer), KeyRole::from_word);
        let role = role.ok_or_else(|| Problem::rule("body.role", "must be buyer, provider or admin"))?;
        let limit = body.rate_limit.map_or(Ok(RATE_LIMIT_DEFAULT), u32::try_from);
        Ok(Self {
            owner: body.owner_id.clone(),
            role,
            // What is no number of requests is refused as zero is, with the bounds.
            rate_limit_per_minute: limit.unwrap_or(0),
            wallet_address: body.wallet_address.clone(),
            expires_at: body.expires_at,
        })
    }
}

/// A new key, and the only time its secret is shown.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "key_id": "acf_a1b2c3d4e5f60718", "secret": "sec_kT1nH0mR3vY9sX2wQ7uB5zL8aE4cG6dJ-fP_oIiNtUe", "role": "buyer", "rate_limit": 60,
    "message": "Save the secret — it cannot be retrieved again.", "expires_at": null,
}))]
pub struct KeyCreated {
    /// Its public name.
    pub key_id: String,
    /// To be sent as `Authorization: Bearer <key_id>:<secret>`. Keep it: it cannot be shown again.
    pub secret: String,
    /// What it is for.
    pub role: &'static str,
    /// How many requests a minute it may make.
    pub rate_limit: Option<u32>,
    /// What to do with it.
    pub message: &'static str,
    /// From when on it is refused: never later than the key it was made with.
    pub expires_at: Option<Timestamp>,
}

impl From<IssuedApiKey> for KeyCreated {
    fn from(IssuedApiKey { key, secret }: IssuedApiKey) -> Self {
        Self {
            key_id: key.public_name().to_string(),
            secret: secret.expose().to_owned(),
            role: role_word(&key),
            rate_limit: key.rate_limit_per_minute,
            message: "Save the secret — it cannot be retrieved again.",
            expires_at: key.expires_at,
        }
    }
}

/// A key that may be good.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"key_id": "acf_a1b2c3d4e5f60718", "secret": "sec_kT1nH0mR3vY9sX2wQ7uB5zL8aE4cG6dJ-fP_oIiNtUe"}))]
pub struct KeyValidate {
    /// Its public name.
    pub key_id: String,
    /// Its secret.
    #[schema(value_type = String, format = Password)]
    pub secret: Secret,
}

/// A key that is good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"valid": true, "owner_id": "my-agent", "role": "provider", "rate_limit": 60}))]
pub struct KeyValid {
    /// That it is.
    pub valid: bool,
    /// Whose it is.
    pub owner_id: String,
    /// What it is good for: `buyer`, `provider` or `admin`, or `viewer` when it may only read.
    pub role: &'static str,
    /// How many requests a minute it may make; null when only the general limit applies.
    pub rate_limit: Option<u32>,
}

impl KeyValid {
    /// The answer for this caller, whose owner is called so.
    pub fn new(caller: &Caller, owner_id: String) -> Self {
        let role = KeyRole::of(caller.role).map_or(caller.role.as_str(), KeyRole::as_str);
        Self { valid: true, owner_id, role, rate_limit: caller.rate_limit_per_minute }
    }
}

/// A key, as far as it can be seen again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "key_id": "acf_a1b2c3d4e5f60718", "role": "provider", "rate_limit": 60, "wallet_address": null,
    "created_at": "2026-11-22T04:54:03.000001Z", "last_used_at": null, "expires_at": null, "maker": null,
}))]
pub struct KeyEntry {
    /// Its public name.
    pub key_id: String,
    /// What it is for.
    pub role: &'static str,
    /// How many requests a minute it may make; null when only the general limit applies.
    pub rate_limit: Option<u32>,
    /// Where its owner takes USDC.
    pub wallet_address: Option<String>,
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

impl From<ApiKey> for KeyEntry {
    fn from(key: ApiKey) -> Self {
        Self {
            key_id: key.public_name().to_string(),
            role: role_word(&key),
            rate_limit: key.rate_limit_per_minute,
            wallet_address: key.wallet_address,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            maker: key.maker,
        }
    }
}

/// What a key is for. One without a bound of its own is good for what its owner may do: to sell, at least.
fn role_word(key: &ApiKey) -> &'static str {
    match key.role_cap {
        Some(cap) => KeyRole::of(cap).map_or(cap.as_str(), KeyRole::as_str),
        None => KeyRole::Provider.as_str(),
    }
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// Newest first.
    pub keys: Vec<KeyEntry>,
    /// How many there are in all.
    pub total: i64,
}

/// What became of a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "revoked", "key_id": "acf_a1b2c3d4e5f60718"}))]
pub struct KeyRevoked {
    /// That it is refused from now on.
    pub status: &'static str,
    /// Which one.
    pub key_id: String,
}

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeyPage {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
