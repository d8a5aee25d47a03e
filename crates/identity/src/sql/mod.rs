//! The SQL of identity.

mod api_key;
mod attempt;
mod owner;
mod schema;
mod user;

use diesel::{ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl};
use rialto_kernel::{Event, OwnerId, Page, PageRequest, Role, Timestamp};
use rialto_store::{StoreError, Tx, on, outbox};

use self::{
    api_key::{ApiKeyRow, HolderRow},
    schema::{api_keys, owners, users},
    user::UserRow,
};
use crate::{
    credential::{Digest, KeyName},
    model::{ApiKey, ApiKeyId, User},
    store::{IdentityStore, KeyHolder, UserWithPassword},
};

impl IdentityStore for Tx {
    async fn insert_user(&mut self, new: &UserWithPassword, email_key: &str) -> Result<bool, StoreError> {
        let user = &new.user;
        let owner = (owners::id.eq(user.id), owners::kind.eq("user"), owners::created_at.eq(user.created_at));
        on!(self, conn => diesel::insert_into(owners::table).values(&owner).execute(conn).await)?;
        let row = (
            users::id.eq(user.id),
            users::email.eq(&user.email),
            users::email_key.eq(email_key),
            users::first_name.eq(&user.first_name),
            users::last_name.eq(&user.last_name),
            users::password_hash.eq(new.password_hash.as_phc()),
            users::role.eq(user.role.as_str()),
            users::is_active.eq(user.is_active),
            users::created_at.eq(user.created_at),
            users::updated_at.eq(user.updated_at),
        );
        // Rivals for the same address wait here for the first of them, and then find it taken.
        let inserted = on!(self, conn => diesel::insert_into(users::table).values(&row)
            .on_conflict(users::email_key).do_nothing().execute(conn).await)?;
        Ok(inserted == 1)
    }

    async fn find_user(&mut self, id: OwnerId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = on!(self, conn => users::table.find(id)
            .select(user::COLUMNS).first(conn).await.optional())?;
        row.map(User::try_from).transpose()
    }

    async fn find_users(&mut self, ids: &[OwnerId]) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = on!(self,
        sqlite conn => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let row: Option<UserRow> = users::table.find(id).select(user::COLUMNS).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => users::table.filter(users::id.eq_any(ids)).select(user::COLUMNS).load(conn).await)?;
        rows.into_iter().map(User::try_from).collect()
    }

    async fn find_login(&mut self, email_key: &str) -> Result<Option<UserWithPassword>, StoreError> {
        let row: Option<(UserRow, String)> = on!(self, conn => users::table.filter(users::email_key.eq(email_key))
            .select((user::COLUMNS, users::password_hash)).first(conn).await.optional())?;
        row.map(UserWithPassword::try_from).transpose()
    }

    async fn set_user_role(&mut self, id: OwnerId, role: Role, now: Timestamp) -> Result<bool, StoreError> {
        let changes = (users::role.eq(role.as_str()), users::updated_at.eq(now));
        Ok(on!(self, conn => diesel::update(users::table.find(id)).set(changes).execute(conn).await)? == 1)
    }

    async fn insert_api_key(&mut self, key: &ApiKey, digest: &Digest) -> Result<(), StoreError> {
        let row = (
            api_keys::id.eq(key.id),
            api_keys::owner_id.eq(key.owner),
            api_keys::name.eq(&key.name),
            api_keys::commerce_id.eq(key.commerce_id.map(|id| id.to_string())),
            api_keys::wallet_address.eq(&key.wallet_address),
            api_keys::secret_hash.eq(digest.as_bytes().as_slice()),
            api_keys::role_cap.eq(key.role_cap.map(Role::as_str)),
            api_keys::rate_limit_per_minute.eq(key.rate_limit_per_minute.and_then(|limit| i32::try_from(limit).ok())),
            api_keys::created_at.eq(key.created_at),
            api_keys::last_used_at.eq(key.last_used_at),
            api_keys::expires_at.eq(key.expires_at),
            api_keys::maker_id.eq(key.maker),
        );
        on!(self, conn => diesel::insert_into(api_keys::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_api_key(&mut self, name: KeyName) -> Result<Option<ApiKey>, StoreError> {
        let row: Option<ApiKeyRow> = match name {
            KeyName::Id(id) => on!(self, conn => api_keys::table.find(id)
                .select(api_key::COLUMNS).first(conn).await.optional())?,
            KeyName::Commerce(id) => on!(self, conn => api_keys::table.filter(api_keys::commerce_id.eq(id.to_string()))
                .select(api_key::COLUMNS).first(conn).await.optional())?,
        };
        row.map(ApiKey::try_from).transpose()
    }

    async fn find_key_holder(&mut self, digest: &Digest) -> Result<Option<KeyHolder>, StoreError> {
        let row: Option<HolderRow> = on!(self, conn => api_keys::table
            .left_join(users::table.on(users::id.eq(api_keys::owner_id)))
            .filter(api_keys::secret_hash.eq(digest.as_bytes().as_slice()))
            .select((api_key::COLUMNS, api_keys::secret_hash, (users::role, users::is_active).nullable()))
            .first(conn).await.optional())?;
        let Some(row) = row else { return Ok(None) };
        let maker = match row.0.maker() {
            Some(id) => self.find_user(id).await?.map(|user| (user.role, user.is_active)),
            None => None,
        };
        api_key::holder(row, maker).map(Some)
    }

    async fn list_api_keys(&mut self, owner: OwnerId, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let total = on!(self, conn => api_keys::table.filter(api_keys::owner_id.eq(owner)).count().get_result(conn).await)?;
        let rows: Vec<ApiKeyRow> = on!(self, conn => api_keys::table.filter(api_keys::owner_id.eq(owner))
            .order((api_keys::created_at.desc(), api_keys::id.desc()))
            .limit(page.limit()).offset(page.offset())
            .select(api_key::COLUMNS).load(conn).await)?;
        Ok(Page { items: rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?, total })
    }

    async fn delete_api_key(&mut self, id: ApiKeyId) -> Result<bool, StoreError> {
        Ok(on!(self, conn => diesel::delete(api_keys::table.find(id)).execute(conn).await)? == 1)
    }

    async fn touch_api_key(&mut self, id: ApiKeyId, horizon: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        use diesel::BoolExpressionMethods;
        on!(self, conn => diesel::update(api_keys::table.find(id)
            .filter(api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(horizon))))
            .set(api_keys::last_used_at.eq(now)).execute(conn).await)?;
        Ok(())
    }

    async fn append_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}

/// The role that a row has by its word.
fn role(word: &str) -> Result<Role, StoreError> {
    Role::from_word(word).ok_or_else(|| StoreError::Corrupt(format!("there is no role {word:?}")))
}
