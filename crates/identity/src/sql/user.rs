//! Rows of users.

use diesel::Queryable;
use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::StoreError;

use super::{role, schema::users};
use crate::{
    model::{PasswordHash, User},
    store::UserWithPassword,
};

type Columns = (
    users::id,
    users::email,
    users::first_name,
    users::last_name,
    users::role,
    users::is_active,
    users::created_at,
    users::updated_at,
);
/// What a [`UserRow`] is read from.
pub(super) const COLUMNS: Columns = (
    users::id,
    users::email,
    users::first_name,
    users::last_name,
    users::role,
    users::is_active,
    users::created_at,
    users::updated_at,
);

#[derive(Queryable)]
pub(super) struct UserRow {
    id: OwnerId,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    role: String,
    is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            role: role(&row.role)?,
            is_active: row.is_active,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<(UserRow, String)> for UserWithPassword {
    type Error = StoreError;

    fn try_from((row, phc): (UserRow, String)) -> Result<Self, StoreError> {
        Ok(Self { user: row.try_into()?, password_hash: PasswordHash::from_phc(phc) })
    }
}
