//! Rows of `deposits`.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql, sql_types::BigInt,
};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::deposits as d;
use crate::payments::deposit::{Deposit, DepositId, DepositStatus, DepositStore};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = d)]
struct DepositRow {
    id: DepositId,
    owner_id: OwnerId,
    amount: i64,
    rail: String,
    rail_reference: String,
    checkout_url: Option<String>,
    status: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<DepositRow> for Deposit {
    type Error = StoreError;

    fn try_from(row: DepositRow) -> Result<Self, StoreError> {
        let odd = || StoreError::Corrupt(format!("the deposit {} is not as it should be", row.id));
        Ok(Self {
            id: row.id,
            owner: row.owner_id,
            amount: Amount::new(row.amount).map_err(|_| odd())?,
            status: DepositStatus::from_word(&row.status).ok_or_else(odd)?,
            rail: row.rail,
            rail_reference: row.rail_reference,
            checkout_url: row.checkout_url,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl DepositStore for Tx {
    async fn insert_deposit(&mut self, deposit: &Deposit) -> Result<(), StoreError> {
        let row = DepositRow {
            id: deposit.id,
            owner_id: deposit.owner,
            amount: deposit.amount.get(),
            rail: deposit.rail.clone(),
            rail_reference: deposit.rail_reference.clone(),
            checkout_url: deposit.checkout_url.clone(),
            status: deposit.status.as_str().to_owned(),
            created_at: deposit.created_at,
            updated_at: deposit.updated_at,
        };
        on!(self, conn => diesel::insert_into(d::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_deposit(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        let row: Option<DepositRow> =
            on!(self, conn => d::table.find(id).select(DepositRow::as_select()).first(conn).await.optional())?;
        row.map(Deposit::try_from).transpose()
    }

    async fn lock_deposit(&mut self, id: DepositId) -> Result<Option<Deposit>, StoreError> {
        let row: Option<DepositRow> = on!(self,
            sqlite conn => d::table.find(id).select(DepositRow::as_select()).first(conn).await.optional(),
            postgres conn => d::table.find(id).select(DepositRow::as_select()).for_update().first(conn).await.optional())?;
        row.map(Deposit::try_from).transpose()
    }

    async fn set_deposit_status(&mut self, id: DepositId, status: DepositStatus, now: Timestamp) -> Result<(), StoreError> {
        let changes = (d::status.eq(status.as_str()), d::updated_at.eq(now));
        on!(self, conn => diesel::update(d::table.find(id)).set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn sum_deposited(&mut self, owner: OwnerId) -> Result<i64, StoreError> {
        on!(self, conn => d::table
            .filter(d::owner_id.eq(owner).and(d::status.eq(DepositStatus::Completed.as_str())))
            .select(sql::<BigInt>("CAST(coalesce(sum(amount), 0) AS BIGINT)")).first(conn).await)
    }
}
