//! Rows of `deposit_payments` and `deposit_refunds`.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::{Amount, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::{deposit_payments as p, deposit_refunds as r};
use crate::payments::deposit::{DepositId, DepositPayment, DepositPaymentStore, DepositRefund, PAYMENTS_MAX, PaymentStatus};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = p)]
struct PaymentRow {
    rail: String,
    payment: String,
    deposit_id: DepositId,
    status: String,
    returned: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PaymentRow> for DepositPayment {
    type Error = StoreError;

    fn try_from(row: PaymentRow) -> Result<Self, StoreError> {
        let odd = || StoreError::Corrupt(format!("a payment of the deposit {} is not as it should be", row.deposit_id));
        Ok(Self {
            deposit: row.deposit_id,
            status: PaymentStatus::from_word(&row.status).ok_or_else(odd)?,
            returned: Amount::new(row.returned).map_err(|_| odd())?,
            rail: row.rail,
            payment: row.payment,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl DepositPaymentStore for Tx {
    async fn list_deposit_payments(&mut self, id: DepositId) -> Result<Vec<DepositPayment>, StoreError> {
        let rows: Vec<PaymentRow> = on!(self, conn => p::table
            .filter(p::deposit_id.eq(id))
            .order((p::created_at.asc(), p::payment.asc()))
            .limit(PAYMENTS_MAX)
            .select(PaymentRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(DepositPayment::try_from).collect()
    }

    async fn find_deposit_payment(&mut self, rail: &str, payment: &str) -> Result<Option<DepositPayment>, StoreError> {
        let is_it = p::rail.eq(rail).and(p::payment.eq(payment));
        let row: Option<PaymentRow> =
            on!(self, conn => p::table.filter(is_it).select(PaymentRow::as_select()).first(conn).await.optional())?;
        row.map(DepositPayment::try_from).transpose()
    }

    async fn put_deposit_payment(&mut self, payment: &DepositPayment) -> Result<(), StoreError> {
        let row = PaymentRow {
            rail: payment.rail.clone(),
            payment: payment.payment.clone(),
            deposit_id: payment.deposit,
            status: payment.status.as_str().to_owned(),
            returned: payment.returned.get(),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        };
        let changes = (p::status.eq(&row.status), p::returned.eq(row.returned), p::updated_at.eq(row.updated_at));
        let is_it = p::rail.eq(&row.rail).and(p::payment.eq(&row.payment));
        let changed = on!(self, conn => diesel::update(p::table.filter(is_it)).set(changes).execute(conn).await)?;
        if changed == 0 {
            on!(self, conn => diesel::insert_into(p::table).values(&row).execute(conn).await)?;
        }
        Ok(())
    }

    async fn has_deposit_refund(&mut self, rail: &str, refund: &str) -> Result<bool, StoreError> {
        let is_it = r::rail.eq(rail).and(r::refund.eq(refund));
        let found: Option<DepositId> =
            on!(self, conn => r::table.filter(is_it).select(r::deposit_id).first(conn).await.optional())?;
        Ok(found.is_some())
    }

    async fn insert_deposit_refund(&mut self, refund: &DepositRefund) -> Result<(), StoreError> {
        let row = (
            r::rail.eq(&refund.rail),
            r::refund.eq(&refund.refund),
            r::deposit_id.eq(refund.deposit),
            r::payment.eq(&refund.payment),
            r::amount.eq(refund.amount.get()),
            r::taken.eq(refund.taken.get()),
            r::created_at.eq(refund.created_at),
        );
        on!(self, conn => diesel::insert_into(r::table).values(row).execute(conn).await)?;
        Ok(())
    }
}
