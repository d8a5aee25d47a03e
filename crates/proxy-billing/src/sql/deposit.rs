//! Rows of `deposits`.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::sql, sql_types::BigInt,
};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::schema::deposits as d;
use crate::payments::deposit::{Deposit, DepositFilter, DepositId, DepositStatus, DepositStore, Depositor};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = d)]
struct DepositRow {
    id: DepositId,
    owner_id: OwnerId,
    amount: i64,
    rail: String,
    rail_reference: String,
    rail_payment: Option<String>,
    checkout_url: Option<String>,
    status: String,
    note: Option<String>,
    ask_at: Option<Timestamp>,
    asks: i32,
    returned_at: Option<Timestamp>,
    returned: i64,
    owed: i64,
    kept: i64,
    asked_at: Option<Timestamp>,
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
            rail_payment: row.rail_payment,
            checkout_url: row.checkout_url,
            note: row.note,
            ask_at: row.ask_at,
            asks: row.asks,
            returned_at: row.returned_at,
            returned: Amount::new(row.returned).map_err(|_| odd())?,
            owed: Amount::new(row.owed).map_err(|_| odd())?,
            kept: Amount::new(row.kept).map_err(|_| odd())?,
            asked_at: row.asked_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

statement! {
    /// Keeps everybody else from changing what a depositor owes: an update does, although it changes nothing, also of a row that was
    /// not there yet.
    struct LockDepositor { owner_id: OwnerId => Uid | Uid }
    rows: ();
    sqlite: "INSERT INTO depositors (owner_id) VALUES (?1) ON CONFLICT (owner_id) DO UPDATE SET owner_id = excluded.owner_id";
    postgres: "INSERT INTO depositors (owner_id) VALUES ($1) ON CONFLICT (owner_id) DO UPDATE SET owner_id = excluded.owner_id";
}

/// What came in less what went out again, and what is owed less what was kept for it. What was owed of a refund did not go out.
const SUMS: &str = "CAST(coalesce(sum(CASE WHEN status = 'completed' THEN amount - kept - (returned - owed) ELSE 0 END), 0) AS BIGINT), \
    CAST(coalesce(sum(owed - kept), 0) AS BIGINT)";

/// Those that a filter wants, in order. A macro, because its type differs between the databases.
macro_rules! listed {
    ($owner:expr, $filter:expr) => {{
        let filter: &DepositFilter = $filter;
        let mut query = d::table.filter(d::owner_id.eq($owner)).select(DepositRow::as_select()).into_boxed();
        if let Some(status) = filter.status {
            query = query.filter(d::status.eq(status.as_str()));
        }
        if let Some((at, id)) = filter.after {
            let older = d::created_at.lt(at).or(d::created_at.eq(at).and(d::id.lt(id)));
            // The first bound is implied by the second, and is one that an index is entered by.
            query = query.filter(d::created_at.le(at)).filter(older);
        }
        query.order((d::created_at.desc(), d::id.desc()))
    }};
}

/// Those whose rail is to be asked.
macro_rules! due {
    ($now:expr, $limit:expr) => {
        d::table
            .filter(d::ask_at.is_not_null().and(d::ask_at.le($now)))
            .order((d::ask_at.asc(), d::id.asc()))
            .limit(i64::from($limit))
            .select(DepositRow::as_select())
    };
}

impl DepositStore for Tx {
    async fn insert_deposit(&mut self, deposit: &Deposit) -> Result<(), StoreError> {
        let row = DepositRow {
            id: deposit.id,
            owner_id: deposit.owner,
            amount: deposit.amount.get(),
            rail: deposit.rail.clone(),
            rail_reference: deposit.rail_reference.clone(),
            rail_payment: deposit.rail_payment.clone(),
            checkout_url: deposit.checkout_url.clone(),
            status: deposit.status.as_str().to_owned(),
            note: deposit.note.clone(),
            ask_at: deposit.ask_at,
            asks: deposit.asks,
            returned_at: deposit.returned_at,
            returned: deposit.returned.get(),
            owed: deposit.owed.get(),
            kept: deposit.kept.get(),
            asked_at: deposit.asked_at,
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

    async fn find_deposit_by_reference(&mut self, rail: &str, reference: &str) -> Result<Option<Deposit>, StoreError> {
        let is_it = d::rail.eq(rail).and(d::rail_reference.eq(reference));
        let row: Option<DepositRow> =
            on!(self, conn => d::table.filter(is_it).select(DepositRow::as_select()).first(conn).await.optional())?;
        row.map(Deposit::try_from).transpose()
    }

    async fn count_pending_deposits(&mut self, owner: OwnerId, limit: u32) -> Result<usize, StoreError> {
        let is_it = d::owner_id.eq(owner).and(d::status.eq(DepositStatus::Pending.as_str()));
        let ids: Vec<DepositId> = on!(self, conn => d::table.filter(is_it).limit(limit.into()).select(d::id).load(conn).await)?;
        Ok(ids.len())
    }

    async fn list_deposits(&mut self, owner: OwnerId, filter: &DepositFilter, limit: u32) -> Result<Vec<Deposit>, StoreError> {
        let rows: Vec<DepositRow> = on!(self, conn => listed!(owner, filter).limit(limit.into()).load(conn).await)?;
        rows.into_iter().map(Deposit::try_from).collect()
    }

    async fn lock_deposits_to_ask(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Deposit>, StoreError> {
        let rows: Vec<DepositRow> = on!(self,
            sqlite conn => due!(now, limit).load(conn).await,
            postgres conn => due!(now, limit).for_update().skip_locked().load(conn).await)?;
        rows.into_iter().map(Deposit::try_from).collect()
    }

    async fn save_deposit(&mut self, deposit: &Deposit) -> Result<(), StoreError> {
        let changes = (
            d::status.eq(deposit.status.as_str()),
            d::rail_payment.eq(&deposit.rail_payment),
            d::note.eq(&deposit.note),
            d::ask_at.eq(deposit.ask_at),
            d::asks.eq(deposit.asks),
            d::returned_at.eq(deposit.returned_at),
            d::returned.eq(deposit.returned.get()),
            d::owed.eq(deposit.owed.get()),
            d::kept.eq(deposit.kept.get()),
            d::asked_at.eq(deposit.asked_at),
            d::updated_at.eq(deposit.updated_at),
        );
        on!(self, conn => diesel::update(d::table.find(deposit.id)).set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn lock_depositor(&mut self, owner: OwnerId) -> Result<(), StoreError> {
        let lock = LockDepositor { owner_id: owner };
        on!(self, conn => lock.execute(conn).await)?;
        Ok(())
    }

    async fn sum_deposits(&mut self, owner: OwnerId) -> Result<Depositor, StoreError> {
        let (deposited, owed): (i64, i64) = on!(self, conn => d::table.filter(d::owner_id.eq(owner))
            .select(sql::<(BigInt, BigInt)>(SUMS)).first(conn).await)?;
        let odd = |_| StoreError::Corrupt(format!("the deposits of {owner} are not as they should be"));
        Ok(Depositor { deposited, owed: Amount::new(owed).map_err(odd)? })
    }
}
