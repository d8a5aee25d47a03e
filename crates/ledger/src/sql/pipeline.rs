//! For who has more to do than to move money, on PostgreSQL: several statements are sent before the first is answered. The
//! server does one after the other, so that what is locked first is locked first.

use diesel_async::AsyncPgConnection;
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::StoreError;

use super::{accounts, apply};
use crate::plan::{Plan, sorted};

/// [`Plan::lock`], of accounts.
///
/// # Errors
/// Whatever the database says.
pub async fn lock(conn: &AsyncPgConnection, accounts: Vec<AccountId>, now: Timestamp) -> Result<Plan, StoreError> {
    let rows = accounts::lock_rows(conn, &sorted(accounts)).await?;
    Ok(Plan::of_accounts(accounts::models(rows)?, now))
}

/// [`Plan::commit`].
///
/// # Errors
/// As [`crate::LedgerStore::apply`].
pub async fn commit(conn: &AsyncPgConnection, plan: Plan) -> Result<(), StoreError> {
    apply::apply_on(conn, &plan.into_changes()).await
}
