//! Rows of `ledger_purchases`.

use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{amount, schema::ledger_purchases as p};
use crate::purchase::{Purchase, PurchaseId, PurchaseStatus, PurchaseStore};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = p)]
struct PurchaseRow {
    id: PurchaseId,
    account_id: AccountId,
    package_id: String,
    credits: i64,
    price_cents: i64,
    status: String,
    provider: String,
    provider_reference: String,
    checkout_url: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PurchaseRow> for Purchase {
    type Error = StoreError;

    fn try_from(row: PurchaseRow) -> Result<Self, StoreError> {
        let odd = || StoreError::Corrupt(format!("purchase {} is {}", row.id, row.status));
        Ok(Self {
            id: row.id,
            wallet: row.account_id,
            package_id: row.package_id,
            credits: amount(row.credits)?,
            price_cents: row.price_cents,
            status: PurchaseStatus::from_word(&row.status).ok_or_else(odd)?,
            provider: row.provider,
            provider_reference: row.provider_reference,
            checkout_url: row.checkout_url,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl PurchaseStore for Tx {
    async fn insert_purchase(&mut self, purchase: &Purchase) -> Result<(), StoreError> {
        let row = PurchaseRow {
            id: purchase.id,
            account_id: purchase.wallet,
            package_id: purchase.package_id.clone(),
            credits: purchase.credits.get(),
            price_cents: purchase.price_cents,
            status: purchase.status.as_str().to_owned(),
            provider: purchase.provider.clone(),
            provider_reference: purchase.provider_reference.clone(),
            checkout_url: purchase.checkout_url.clone(),
            created_at: purchase.created_at,
            updated_at: purchase.updated_at,
        };
        on!(self, conn => diesel::insert_into(p::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_purchase(&mut self, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
        let row: Option<PurchaseRow> =
            on!(self, conn => p::table.find(id).select(PurchaseRow::as_select()).first(conn).await.optional())?;
        row.map(Purchase::try_from).transpose()
    }

    async fn find_purchase_by_reference(&mut self, provider_reference: &str) -> Result<Option<Purchase>, StoreError> {
        let row: Option<PurchaseRow> = on!(self, conn => p::table
            .filter(p::provider_reference.eq(provider_reference))
            .select(PurchaseRow::as_select()).first(conn).await.optional())?;
        row.map(Purchase::try_from).transpose()
    }

    async fn lock_purchase(&mut self, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
        let row: Option<PurchaseRow> = on!(self,
        sqlite conn => p::table.find(id).select(PurchaseRow::as_select()).first(conn).await.optional(),
        postgres conn => {
            p::table.find(id).select(PurchaseRow::as_select()).for_update().first(conn).await.optional()
        })?;
        row.map(Purchase::try_from).transpose()
    }

    async fn set_purchase_status(&mut self, id: PurchaseId, status: PurchaseStatus, now: Timestamp) -> Result<(), StoreError> {
        let changes = (p::status.eq(status.as_str()), p::updated_at.eq(now));
        on!(self, conn => diesel::update(p::table.find(id)).set(changes).execute(conn).await)?;
        Ok(())
    }
}
