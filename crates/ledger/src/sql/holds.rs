//! Rows of `ledger_holds`.

use std::collections::HashMap;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Integer, Nullable, Text},
};
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    amount,
    apply::column,
    columns::{metadata_from_column, metadata_to_column},
    schema::ledger_holds as h,
    transfers::account_ids,
};
use crate::model::{Account, Hold, HoldId, HoldState, Kind, NewHold, ReferenceId, TransferId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = h)]
pub(super) struct HoldRow {
    id: HoldId,
    debit_no: i64,
    credit_no: i64,
    amount: i64,
    kind: i32,
    reference_id: Option<ReferenceId>,
    memo: Option<String>,
    state: String,
    posted_amount: Option<i64>,
    transfer_id: Option<TransferId>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    resolved_at: Option<Timestamp>,
    metadata: Option<Json>,
}

impl HoldRow {
    /// Its place among the holds of its accounts.
    pub(super) const fn place(&self) -> (Timestamp, HoldId) {
        (self.created_at, self.id)
    }
}

/// How a state looks in its columns.
const fn columns(state: HoldState) -> (&'static str, Option<i64>, Option<TransferId>) {
    match state {
        HoldState::Posted { transfer, amount } => (state.as_str(), Some(amount.get()), Some(transfer)),
        _ => (state.as_str(), None, None),
    }
}

pub(super) async fn models(tx: &mut Tx, rows: Vec<HoldRow>) -> Result<Vec<Hold>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = account_ids(tx, rows.iter().flat_map(|row| [row.debit_no, row.credit_no]).collect()).await?;
    let between = |row: HoldRow| {
        let accounts = ids.get(&row.debit_no).zip(ids.get(&row.credit_no));
        let (debit, credit) = accounts.ok_or_else(|| odd(&row))?;
        model(row, *debit, *credit)
    };
    rows.into_iter().map(between).collect()
}

fn odd(row: &HoldRow) -> StoreError {
    StoreError::Corrupt(format!("hold {} is {}", row.id, row.state))
}

fn model(row: HoldRow, debit: AccountId, credit: AccountId) -> Result<Hold, StoreError> {
    let state = match (row.state.as_str(), row.transfer_id, row.posted_amount) {
        ("pending", None, None) => HoldState::Pending,
        ("posted", Some(transfer), Some(posted)) => HoldState::Posted { transfer, amount: amount(posted)? },
        ("voided", None, None) => HoldState::Voided,
        ("expired", None, None) => HoldState::Expired,
        _ => return Err(odd(&row)),
    };
    let terms = NewHold {
        id: row.id,
        debit,
        credit,
        amount: amount(row.amount)?,
        kind: Kind(row.kind),
        reference: row.reference_id,
        memo: row.memo,
        metadata: metadata_from_column(row.metadata)?,
        expires_at: row.expires_at,
    };
    Ok(Hold { terms, state, created_at: row.created_at, resolved_at: row.resolved_at })
}

pub(super) async fn find(tx: &mut Tx, id: HoldId) -> Result<Option<Hold>, StoreError> {
    let row: Option<HoldRow> = on!(tx, conn => h::table.find(id).select(HoldRow::as_select()).first(conn).await.optional())?;
    Ok(models(tx, row.into_iter().collect()).await?.pop())
}

pub(super) async fn find_all(tx: &mut Tx, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
    let rows = on!(tx,
    sqlite conn => {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let row: Option<HoldRow> = h::table.find(id).select(HoldRow::as_select()).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => h::table.filter(h::id.eq_any(ids)).select(HoldRow::as_select()).load(conn).await)?;
    models(tx, rows).await
}

/// The columns of a [`HoldRow`].
type HoldColumns = (
    Uid,
    BigInt,
    BigInt,
    BigInt,
    Integer,
    Nullable<Uid>,
    Nullable<Text>,
    Text,
    Nullable<BigInt>,
    Nullable<Uid>,
    Nullable<UtcTime>,
    UtcTime,
    Nullable<UtcTime>,
    Nullable<JsonDoc>,
);

statement! {
    /// Locks holds, and reads with each what the ids of its accounts are.
    pub(super) struct LockMany { ids: Vec<HoldId> => Array<Uid> }
    rows: (HoldColumns, Uid, Uid);
    postgres: "SELECT h.id, h.debit_no, h.credit_no, h.amount, h.kind, h.reference_id, h.memo, h.state, h.posted_amount,
            h.transfer_id, h.expires_at, h.created_at, h.resolved_at, h.metadata, debit.id, credit.id
        FROM ledger_holds AS h JOIN ledger_accounts AS debit ON debit.no = h.debit_no
            JOIN ledger_accounts AS credit ON credit.no = h.credit_no
        WHERE h.id = ANY ($1) ORDER BY h.id FOR UPDATE OF h";
}

impl LockMany {
    pub(super) fn new(ids: &[HoldId]) -> Self {
        Self { ids: ids.to_vec() }
    }
}

/// What [`LockMany`] finds.
pub(super) type Locked = (HoldRow, AccountId, AccountId);

pub(super) fn locked(rows: Vec<Locked>) -> Result<Vec<Hold>, StoreError> {
    rows.into_iter().map(|(row, debit, credit)| model(row, debit, credit)).collect()
}

pub(super) async fn lock(tx: &mut Tx, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
    // The writer of SQLite has the whole file to itself.
    if !tx.is_postgres() {
        return find_all(tx, ids).await;
    }
    let rows: Vec<Locked> = on!(tx,
        sqlite _conn => Ok(Vec::new()),
        postgres conn => LockMany::new(ids).load(conn).await)?;
    locked(rows)
}

pub(super) async fn lock_due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
    // The literal, not a parameter, lets both databases see that the partial index will do.
    let pending = || diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'pending'");
    let rows: Result<Vec<HoldRow>, StoreError> = on!(tx,
    sqlite conn => {
        h::table
            .filter(pending().and(h::expires_at.le(now)))
            .order(h::expires_at)
            .limit(limit.into())
            .select(HoldRow::as_select())
            .load(conn)
            .await
    },
    postgres conn => {
        h::table
            .filter(pending().and(h::expires_at.le(now)))
            .order(h::expires_at)
            .limit(limit.into())
            .for_update()
            .skip_locked()
            .select(HoldRow::as_select())
            .load(conn)
            .await
    });
    let read = match rows {
        Ok(rows) => models(tx, rows).await,
        Err(error) => Err(error),
    };
    match read {
        Err(StoreError::Corrupt(error)) => {
            tracing::error!(%error, "among the holds whose time is over is one that cannot be read");
            lock_due_each(tx, now, limit).await
        }
        read => read,
    }
}

/// Those that can be read of the holds whose time is over.
async fn lock_due_each(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
    let pending = || diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'pending'");
    let ids: Vec<HoldId> = on!(tx,
    sqlite conn => {
        let due = h::table.filter(pending().and(h::expires_at.le(now))).order(h::expires_at).limit(limit.into());
        due.select(h::id).load(conn).await
    },
    postgres conn => {
        let due = h::table.filter(pending().and(h::expires_at.le(now))).order(h::expires_at).limit(limit.into());
        due.for_update().skip_locked().select(h::id).load(conn).await
    })?;
    let mut holds = Vec::with_capacity(ids.len());
    for id in ids {
        match find(tx, id).await {
            Ok(hold) => holds.extend(hold),
            Err(StoreError::Corrupt(error)) => tracing::error!(%error, hold.id = %id, "a hold cannot be read, and stays"),
            Err(error) => return Err(error),
        }
    }
    Ok(holds)
}

statement! {
    /// Inserts one hold, unless its id is taken.
    pub(super) struct InsertOne {
        id: HoldId => Uid,
        debit_no: i64 => BigInt,
        credit_no: i64 => BigInt,
        amount: i64 => BigInt,
        kind: i32 => Integer,
        reference_id: Option<ReferenceId> => Nullable<Uid>,
        memo: Option<String> => Nullable<Text>,
        state: &'static str => Text,
        posted_amount: Option<i64> => Nullable<BigInt>,
        transfer_id: Option<TransferId> => Nullable<Uid>,
        expires_at: Option<Timestamp> => Nullable<UtcTime>,
        created_at: Timestamp => UtcTime,
        resolved_at: Option<Timestamp> => Nullable<UtcTime>,
        metadata: Option<Json> => Nullable<JsonDoc>,
    }
    rows: ();
    sqlite: "INSERT INTO ledger_holds (id, debit_no, credit_no, amount, kind, reference_id, memo, state, posted_amount, transfer_id,
        expires_at, created_at, resolved_at, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (id) DO NOTHING";
}

statement! {
    /// Inserts several holds, those whose ids are not taken.
    pub(super) struct InsertMany {
        id: Vec<HoldId> => Array<Uid>,
        debit_no: Vec<i64> => Array<BigInt>,
        credit_no: Vec<i64> => Array<BigInt>,
        amount: Vec<i64> => Array<BigInt>,
        kind: Vec<i32> => Array<Integer>,
        reference_id: Vec<Option<ReferenceId>> => Array<Nullable<Uid>>,
        memo: Vec<Option<String>> => Array<Nullable<Text>>,
        state: Vec<&'static str> => Array<Text>,
        posted_amount: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        transfer_id: Vec<Option<TransferId>> => Array<Nullable<Uid>>,
        expires_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        created_at: Vec<Timestamp> => Array<UtcTime>,
        resolved_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        metadata: Vec<Option<Json>> => Array<Nullable<JsonDoc>>,
    }
    rows: ();
    postgres: "INSERT INTO ledger_holds (id, debit_no, credit_no, amount, kind, reference_id, memo, state, posted_amount, transfer_id,
        expires_at, created_at, resolved_at, metadata)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (id) DO NOTHING";
}

statement! {
    /// Writes how one hold ended.
    pub(super) struct ResolveOne {
        id: HoldId => Uid,
        state: &'static str => Text,
        posted_amount: Option<i64> => Nullable<BigInt>,
        transfer_id: Option<TransferId> => Nullable<Uid>,
        resolved_at: Option<Timestamp> => Nullable<UtcTime>,
    }
    rows: ();
    sqlite: "UPDATE ledger_holds SET state = ?2, posted_amount = ?3, transfer_id = ?4, resolved_at = ?5 WHERE id = ?1";
}

statement! {
    /// Writes how several holds ended.
    pub(super) struct ResolveMany {
        id: Vec<HoldId> => Array<Uid>,
        state: Vec<&'static str> => Array<Text>,
        posted_amount: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        transfer_id: Vec<Option<TransferId>> => Array<Nullable<Uid>>,
        resolved_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
    }
    rows: ();
    postgres: "UPDATE ledger_holds AS h SET state = n.state, posted_amount = n.posted_amount, transfer_id = n.transfer_id,
            resolved_at = n.resolved_at
        FROM unnest($1, $2, $3, $4, $5) AS n (id, state, posted_amount, transfer_id, resolved_at)
        WHERE h.id = n.id";
}

/// The row of a new hold, whose accounts are among those that the same change has touched.
fn new_row(hold: &Hold, numbers: &HashMap<AccountId, i64>) -> Result<InsertOne, StoreError> {
    let terms = &hold.terms;
    let no = |id| numbers.get(&id).copied();
    let (debit_no, credit_no) = no(terms.debit)
        .zip(no(terms.credit))
        .ok_or_else(|| StoreError::Corrupt(format!("hold {} between accounts that it does not touch", terms.id)))?;
    let (state, posted_amount, transfer_id) = columns(hold.state);
    Ok(InsertOne {
        id: terms.id,
        debit_no,
        credit_no,
        amount: terms.amount.get(),
        kind: terms.kind.0,
        reference_id: terms.reference,
        memo: terms.memo.clone(),
        state,
        posted_amount,
        transfer_id,
        expires_at: terms.expires_at,
        created_at: hold.created_at,
        resolved_at: hold.resolved_at,
        metadata: metadata_to_column(&terms.metadata),
    })
}

/// The rows of new holds, whose accounts are among those that the same change has touched.
pub(super) fn new_rows(holds: &[Hold], accounts: &[Account]) -> Result<Vec<InsertOne>, StoreError> {
    let numbers = accounts.iter().map(|account| (account.id, account.no)).collect();
    holds.iter().map(|hold| new_row(hold, &numbers)).collect()
}

impl From<&[InsertOne]> for InsertMany {
    fn from(rows: &[InsertOne]) -> Self {
        Self {
            id: column(rows, |row| row.id),
            debit_no: column(rows, |row| row.debit_no),
            credit_no: column(rows, |row| row.credit_no),
            amount: column(rows, |row| row.amount),
            kind: column(rows, |row| row.kind),
            reference_id: column(rows, |row| row.reference_id),
            memo: column(rows, |row| row.memo.clone()),
            state: column(rows, |row| row.state),
            posted_amount: column(rows, |row| row.posted_amount),
            transfer_id: column(rows, |row| row.transfer_id),
            expires_at: column(rows, |row| row.expires_at),
            created_at: column(rows, |row| row.created_at),
            resolved_at: column(rows, |row| row.resolved_at),
            metadata: column(rows, |row| row.metadata.clone()),
        }
    }
}

impl From<&Hold> for ResolveOne {
    fn from(hold: &Hold) -> Self {
        let (state, posted_amount, transfer_id) = columns(hold.state);
        Self { id: hold.terms.id, state, posted_amount, transfer_id, resolved_at: hold.resolved_at }
    }
}

impl From<&[Hold]> for ResolveMany {
    fn from(holds: &[Hold]) -> Self {
        Self {
            id: column(holds, |hold| hold.terms.id),
            state: column(holds, |hold| columns(hold.state).0),
            posted_amount: column(holds, |hold| columns(hold.state).1),
            transfer_id: column(holds, |hold| columns(hold.state).2),
            resolved_at: column(holds, |hold| hold.resolved_at),
        }
    }
}
