//! Rows of `ledger_holds`.

use std::collections::HashMap;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Integer, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{
    SqliteLink, StoreError, Tx, on, private, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    all_inserted, amount,
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
    let model = |row: HoldRow| {
        let odd = || StoreError::Corrupt(format!("hold {} is {}", row.id, row.state));
        let state = match (row.state.as_str(), row.transfer_id, row.posted_amount) {
            ("pending", None, None) => HoldState::Pending,
            ("posted", Some(transfer), Some(posted)) => HoldState::Posted { transfer, amount: amount(posted)? },
            ("voided", None, None) => HoldState::Voided,
            ("expired", None, None) => HoldState::Expired,
            _ => return Err(odd()),
        };
        let (debit, credit) = ids.get(&row.debit_no).zip(ids.get(&row.credit_no)).ok_or_else(odd)?;
        let terms = NewHold {
            id: row.id,
            debit: *debit,
            credit: *credit,
            amount: amount(row.amount)?,
            kind: Kind(row.kind),
            reference: row.reference_id,
            memo: row.memo,
            metadata: metadata_from_column(row.metadata)?,
            expires_at: row.expires_at,
        };
        Ok(Hold { terms, state, created_at: row.created_at, resolved_at: row.resolved_at })
    };
    rows.into_iter().map(model).collect()
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

pub(super) async fn lock(tx: &mut Tx, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
    let rows = on!(tx,
    sqlite conn => {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let row: Option<HoldRow> = h::table.find(id).select(HoldRow::as_select()).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => {
        h::table.filter(h::id.eq_any(ids)).order(h::id).for_update().select(HoldRow::as_select()).load(conn).await
    })?;
    models(tx, rows).await
}

pub(super) async fn lock_due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
    // The literal, not a parameter, lets both databases see that the partial index will do.
    let pending = || diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'pending'");
    let rows: Vec<HoldRow> = on!(tx,
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
    })?;
    models(tx, rows).await
}

statement! {
    /// Inserts one hold, unless its id is taken.
    struct InsertOne {
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
    struct InsertMany {
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
    struct ResolveOne {
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
    struct ResolveMany {
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

fn new_rows(holds: &[Hold], accounts: &[Account]) -> Result<Vec<InsertOne>, StoreError> {
    let numbers = accounts.iter().map(|account| (account.id, account.no)).collect();
    holds.iter().map(|hold| new_row(hold, &numbers)).collect()
}

/// Inserts new holds, on SQLite.
pub(super) async fn insert_each(conn: &mut SqliteLink, holds: &[Hold], accounts: &[Account]) -> Result<(), StoreError> {
    let mut inserted = 0;
    for row in new_rows(holds, accounts)? {
        inserted += private::SqliteQueryDsl::execute(row, conn).await?;
    }
    all_inserted(inserted, holds.len())
}

/// The same on PostgreSQL.
pub(super) async fn insert_all(mut conn: &AsyncPgConnection, holds: &[Hold], accounts: &[Account]) -> Result<(), StoreError> {
    fn column<T>(rows: &[InsertOne], value: impl Fn(&InsertOne) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    if holds.is_empty() {
        return Ok(());
    }
    let rows = new_rows(holds, accounts)?;
    let statement = InsertMany {
        id: column(&rows, |row| row.id),
        debit_no: column(&rows, |row| row.debit_no),
        credit_no: column(&rows, |row| row.credit_no),
        amount: column(&rows, |row| row.amount),
        kind: column(&rows, |row| row.kind),
        reference_id: column(&rows, |row| row.reference_id),
        memo: column(&rows, |row| row.memo.clone()),
        state: column(&rows, |row| row.state),
        posted_amount: column(&rows, |row| row.posted_amount),
        transfer_id: column(&rows, |row| row.transfer_id),
        expires_at: column(&rows, |row| row.expires_at),
        created_at: column(&rows, |row| row.created_at),
        resolved_at: column(&rows, |row| row.resolved_at),
        metadata: column(&rows, |row| row.metadata.clone()),
    };
    all_inserted(private::RunQueryDsl::execute(statement, &mut conn).await?, holds.len())
}

fn resolve_rows(holds: &[Hold]) -> impl Iterator<Item = ResolveOne> {
    holds.iter().map(|hold| {
        let (state, posted_amount, transfer_id) = columns(hold.state);
        ResolveOne { id: hold.terms.id, state, posted_amount, transfer_id, resolved_at: hold.resolved_at }
    })
}

/// Writes how holds ended that this transaction has locked, on SQLite.
pub(super) async fn resolve_each(conn: &mut SqliteLink, holds: &[Hold]) -> Result<(), StoreError> {
    let mut resolved = 0;
    for row in resolve_rows(holds) {
        resolved += private::SqliteQueryDsl::execute(row, conn).await?;
    }
    all_resolved(resolved, holds.len())
}

/// The same on PostgreSQL.
pub(super) async fn resolve_all(mut conn: &AsyncPgConnection, holds: &[Hold]) -> Result<(), StoreError> {
    if holds.is_empty() {
        return Ok(());
    }
    let rows: Vec<ResolveOne> = resolve_rows(holds).collect();
    let statement = ResolveMany {
        id: rows.iter().map(|row| row.id).collect(),
        state: rows.iter().map(|row| row.state).collect(),
        posted_amount: rows.iter().map(|row| row.posted_amount).collect(),
        transfer_id: rows.iter().map(|row| row.transfer_id).collect(),
        resolved_at: rows.iter().map(|row| row.resolved_at).collect(),
    };
    all_resolved(private::RunQueryDsl::execute(statement, &mut conn).await?, holds.len())
}

fn all_resolved(resolved: usize, holds: usize) -> Result<(), StoreError> {
    if resolved == holds { Ok(()) } else { Err(StoreError::Corrupt("a hold that was locked has gone".into())) }
}
