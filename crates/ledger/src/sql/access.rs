//! The rows that are read to check a caller.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use rialto_kernel::AccountId;
use rialto_store::{StoreError, Tx, on};

use super::{
    accounts::{AccountRow, models},
    holds,
    schema::ledger_accounts as a,
};
use crate::{
    access::AccessStore,
    model::{Account, Hold, HoldId},
};

impl AccessStore for Tx {
    async fn find_accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let rows = on!(self,
        // A point query keeps its prepared statement.
        sqlite conn => {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let row: Option<AccountRow> =
                    a::table.filter(a::id.eq(id)).select(AccountRow::as_select()).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => a::table.filter(a::id.eq_any(ids)).select(AccountRow::as_select()).load(conn).await)?;
        models(rows)
    }

    async fn find_holds(&mut self, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
        holds::find_all(self, ids).await
    }
}
