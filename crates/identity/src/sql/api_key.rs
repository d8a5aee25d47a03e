//! Rows of API keys.

use diesel::Queryable;
use rialto_kernel::{OwnerId, Role, Timestamp};
use rialto_store::StoreError;

use super::{role, schema::api_keys};
use crate::{
    credential::Digest,
    model::{ApiKey, ApiKeyId},
    store::KeyHolder,
};

type Columns = (
    api_keys::id,
    api_keys::owner_id,
    api_keys::name,
    api_keys::commerce_id,
    api_keys::wallet_address,
    api_keys::role_cap,
    api_keys::rate_limit_per_minute,
    api_keys::created_at,
    api_keys::last_used_at,
    api_keys::expires_at,
    api_keys::maker_id,
);
/// What an [`ApiKeyRow`] is read from.
pub(super) const COLUMNS: Columns = (
    api_keys::id,
    api_keys::owner_id,
    api_keys::name,
    api_keys::commerce_id,
    api_keys::wallet_address,
    api_keys::role_cap,
    api_keys::rate_limit_per_minute,
    api_keys::created_at,
    api_keys::last_used_at,
    api_keys::expires_at,
    api_keys::maker_id,
);

#[derive(Queryable)]
pub(super) struct ApiKeyRow {
    id: ApiKeyId,
    owner_id: OwnerId,
    name: String,
    commerce_id: Option<String>,
    wallet_address: Option<String>,
    role_cap: Option<String>,
    rate_limit_per_minute: Option<i32>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    maker_id: Option<OwnerId>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::Corrupt(format!("the rate limit of the API key {} is negative", row.id));
        let misnamed = |_| StoreError::Corrupt(format!("the API key {} has no commerce key's name", row.id));
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            name: row.name,
            commerce_id: row.commerce_id.as_deref().map(str::parse).transpose().map_err(misnamed)?,
            wallet_address: row.wallet_address,
            role_cap: row.role_cap.as_deref().map(role).transpose()?,
            rate_limit_per_minute: row.rate_limit_per_minute.map(u32::try_from).transpose().map_err(corrupt)?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            maker: row.maker_id,
        })
    }
}

/// Somebody's role, and whether they may do anything at all.
pub(super) type Standing = (Role, bool);
/// A key, its digest, and its owner's role and activity.
pub(super) type HolderRow = (ApiKeyRow, Vec<u8>, Option<(String, bool)>);

/// Who has a key, and whom they have it from.
pub(super) fn holder((row, digest, user): HolderRow, maker: Option<Standing>) -> Result<KeyHolder, StoreError> {
    let digest = digest.try_into().map_err(|_| StoreError::Corrupt("the digest of an API key is not 32 bytes".into()))?;
    let user = user.map(|(word, is_active)| Ok::<_, StoreError>((role(&word)?, is_active))).transpose()?;
    Ok(KeyHolder { key: row.try_into()?, digest: Digest::from_bytes(digest), user, maker })
}

impl ApiKeyRow {
    /// By whose right it was made.
    pub(super) const fn maker(&self) -> Option<OwnerId> {
        self.maker_id
    }
}
