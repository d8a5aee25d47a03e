//! Owners by what they are called.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::owners;
use crate::store::CommerceStore;

impl CommerceStore for Tx {
    async fn find_owner(&mut self, name: &str) -> Result<Option<OwnerId>, StoreError> {
        // An id goes first: a name that looks like one must not stand for somebody else.
        if let Ok(id) = name.parse::<OwnerId>() {
            let found = on!(self, conn => owners::table.find(id).select(owners::id).first(conn).await.optional())?;
            if found.is_some() {
                return Ok(found);
            }
        }
        on!(self, conn => owners::table.filter(owners::external_id.eq(name)).select(owners::id).first(conn).await.optional())
    }

    async fn claim_owner(&mut self, id: OwnerId, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let row = (owners::id.eq(id), owners::kind.eq("external"), owners::external_id.eq(name), owners::created_at.eq(now));
        let inserted = on!(self, conn => diesel::insert_into(owners::table).values(&row)
            .on_conflict(owners::external_id).do_nothing().execute(conn).await)?;
        Ok(inserted == 1)
    }

    async fn find_owner_name(&mut self, id: OwnerId) -> Result<Option<String>, StoreError> {
        let name: Option<Option<String>> = on!(self, conn => owners::table.find(id)
            .select(owners::external_id).first(conn).await.optional())?;
        Ok(name.flatten())
    }
}
