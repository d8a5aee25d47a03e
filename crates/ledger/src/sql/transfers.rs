//! Rows of `ledger_transfers`: transfers, and the entries that are their two sides.

use std::{collections::HashMap, ops::RangeInclusive};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::max,
    sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text},
};
use futures_util::future::try_join3;
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    accounts, amount,
    columns::{balanced_from_columns, metadata_from_column},
    holds,
    packed::{POINT_QUERIES_MAX, count, packed},
    places,
    schema::{ledger_accounts as a, ledger_transfers as t},
};
use crate::{
    model::{Entry, HoldId, Kind, Posting, ReferenceId, Side, Transfer, TransferId},
    store::Locked,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = t)]
pub(super) struct TransferRow {
    id: TransferId,
    amount: i64,
    debit_no: i64,
    debit_seq: i64,
    debit_balance: i64,
    credit_no: i64,
    credit_seq: i64,
    credit_balance: i64,
    reference_id: Option<ReferenceId>,
    reverses: Option<TransferId>,
    created_at: Timestamp,
    kind: i32,
    memo: Option<String>,
    effective_at: Option<Timestamp>,
    at_most: Option<i64>,
    balancing: Option<i16>,
    metadata: Option<Json>,
}

/// The columns of a [`TransferRow`].
pub(super) type TransferColumns = (
    Uid,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Nullable<Uid>,
    Nullable<Uid>,
    UtcTime,
    Integer,
    Nullable<Text>,
    Nullable<UtcTime>,
    Nullable<BigInt>,
    Nullable<SmallInt>,
    Nullable<JsonDoc>,
);

statement! {
    /// Which of many ids are taken.
    struct SelectKnown { ids: Vec<u8> => Binary, count: i64 => BigInt }
    rows: Uid;
    sqlite: "WITH RECURSIVE wanted (at) AS (VALUES (1) UNION ALL SELECT at + 16 FROM wanted WHERE at + 16 < ?2)
        SELECT id FROM wanted CROSS JOIN ledger_transfers ON id = substr(?1, at, 16)";
}

async fn find_rows(tx: &mut Tx, ids: &[TransferId]) -> Result<Vec<TransferRow>, StoreError> {
    let rows = on!(tx,
        sqlite conn => {
            let many = ids.len() > POINT_QUERIES_MAX;
            let known: Vec<TransferId> = if many {
                // Most are new.
                SelectKnown { ids: packed(ids), count: count(ids) }.load(conn).await?
            } else {
                Vec::new()
            };
            let mut rows = Vec::new();
            for id in if many { &known } else { ids } {
                let row: Option<TransferRow> =
                    t::table.filter(t::id.eq(id)).select(TransferRow::as_select()).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => t::table.filter(t::id.eq_any(ids)).select(TransferRow::as_select()).load(conn).await)?;
    Ok(rows)
}

pub(super) async fn find(tx: &mut Tx, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
    let rows = find_rows(tx, ids).await?;
    models(tx, rows, HashMap::new()).await
}

/// Locks holds and accounts, and then finds transfers. PostgreSQL is asked for all at once and does one after the other, each with
/// fresh eyes.
pub(super) async fn find_under_locks(
    tx: &mut Tx,
    hold_ids: &[HoldId],
    account_ids: &[AccountId],
    ids: &[TransferId],
) -> Result<Locked, StoreError> {
    if !tx.is_postgres() {
        let holds = if hold_ids.is_empty() { Vec::new() } else { holds::lock(tx, hold_ids).await? };
        let accounts = accounts::lock(tx, account_ids).await?;
        let rows = find_rows(tx, ids).await?;
        let known = accounts.iter().map(|account| (account.no, account.id)).collect();
        return Ok((holds, accounts, models(tx, rows, known).await?));
    }
    let (held, accounts, rows) = on!(tx,
    sqlite _conn => Ok((Vec::new(), Vec::new(), Vec::new())),
    postgres conn => {
        let conn = &**conn;
        let held = async {
            if hold_ids.is_empty() { Ok(Vec::new()) } else { holds::LockMany::new(hold_ids).load(&mut &*conn).await }
        };
        let locked = accounts::lock_rows(conn, account_ids);
        let found = async {
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            t::table.filter(t::id.eq_any(ids)).select(TransferRow::as_select()).load(&mut &*conn).await
        };
        try_join3(held, locked, found).await
    })?;
    let accounts = accounts::models(accounts)?;
    let known = accounts.iter().map(|account| (account.no, account.id)).collect();
    let transfers = models(tx, rows, known).await?;
    Ok((holds::locked(held)?, accounts, transfers))
}

/// The transfers of `rows`. The ids of some of their accounts are `known`.
async fn models(tx: &mut Tx, rows: Vec<TransferRow>, mut known: HashMap<i64, AccountId>) -> Result<Vec<Transfer>, StoreError> {
    let unknown: Vec<i64> =
        rows.iter().flat_map(|row| [row.debit_no, row.credit_no]).filter(|no| !known.contains_key(no)).collect();
    if !unknown.is_empty() {
        known.extend(account_ids(tx, unknown).await?);
    }
    rows.into_iter().map(|row| model(row, &known)).collect()
}

pub(super) async fn find_reversals(tx: &mut Tx, of: &[TransferId]) -> Result<Vec<(TransferId, TransferId)>, StoreError> {
    let rows: Vec<(Option<TransferId>, TransferId)> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::new();
            for id in of {
                let row: Option<(Option<TransferId>, TransferId)> = t::table.filter(t::reverses.eq(id)).select((t::reverses, t::id)).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => t::table.filter(t::reverses.eq_any(of)).select((t::reverses, t::id)).load(conn).await)?;
    Ok(rows.into_iter().filter_map(|(of, by)| of.map(|of| (of, by))).collect())
}

pub(super) async fn newest_no(tx: &mut Tx) -> Result<i64, StoreError> {
    let newest: Option<i64> = on!(tx, conn => t::table.select(max(t::no)).get_result(conn).await)?;
    Ok(newest.unwrap_or(0))
}

/// The ids behind account numbers.
pub(super) async fn account_ids(tx: &mut Tx, nos: Vec<i64>) -> Result<HashMap<i64, AccountId>, StoreError> {
    let rows: Vec<(i64, AccountId)> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::with_capacity(nos.len());
            for no in nos {
                let row: Option<(i64, AccountId)> = a::table.find(no).select((a::no, a::id)).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => a::table.filter(a::no.eq_any(nos)).select((a::no, a::id)).load(conn).await)?;
    Ok(rows.into_iter().collect())
}

pub(super) fn model(row: TransferRow, ids: &HashMap<i64, AccountId>) -> Result<Transfer, StoreError> {
    let posting = |no: i64, seq, balance| match ids.get(&no) {
        Some(id) => Ok(Posting { account: *id, account_no: no, seq, balance }),
        None => Err(StoreError::Corrupt(format!("transfer {} of an account that is not there", row.id))),
    };
    Ok(Transfer {
        id: row.id,
        amount: amount(row.amount)?,
        debit: posting(row.debit_no, row.debit_seq, row.debit_balance)?,
        credit: posting(row.credit_no, row.credit_seq, row.credit_balance)?,
        kind: Kind(row.kind),
        reference: row.reference_id,
        reverses: row.reverses,
        memo: row.memo,
        balanced: balanced_from_columns(row.at_most, row.balancing)?,
        effective_at: row.effective_at,
        metadata: metadata_from_column(row.metadata)?,
        created_at: row.created_at,
    })
}

impl TransferRow {
    /// The number of the account on one side.
    pub(super) const fn account_no(&self, side: Side) -> i64 {
        match side {
            Side::Debit => self.debit_no,
            Side::Credit => self.credit_no,
        }
    }

    /// The numbers of both accounts, the paying one first.
    pub(super) const fn account_nos(&self) -> [i64; 2] {
        [self.debit_no, self.credit_no]
    }
}

pub(super) fn entry(row: TransferRow, side: Side) -> Result<Entry, StoreError> {
    let (seq, balance) = match side {
        Side::Debit => (row.debit_seq, row.debit_balance),
        Side::Credit => (row.credit_seq, row.credit_balance),
    };
    Ok(Entry {
        seq,
        transfer: row.id,
        side,
        amount: amount(row.amount)?,
        balance,
        kind: Kind(row.kind),
        reference: row.reference_id,
        reverses: row.reverses,
        memo: row.memo,
        effective_at: row.effective_at,
        metadata: metadata_from_column(row.metadata)?,
        created_at: row.created_at,
    })
}

/// The numbers of an account's entries have no holes, so a page is a range of them: it is entered at the right place, however
/// far back it is.
pub(super) async fn list_entries(tx: &mut Tx, account_no: i64, seqs: RangeInclusive<i64>) -> Result<Vec<Entry>, StoreError> {
    if !tx.is_postgres() {
        let rows = places::list(tx, account_no, &seqs).await?;
        let side = |is_debit| if is_debit { Side::Debit } else { Side::Credit };
        return rows.into_iter().map(|(is_debit, _, row)| entry(row, side(is_debit))).collect();
    }
    let (first, last) = seqs.into_inner();
    let debits: Vec<TransferRow> = on!(tx, conn => t::table
        .filter(t::debit_no.eq(account_no)).filter(t::debit_seq.between(first, last))
        .select(TransferRow::as_select()).load(conn).await)?;
    let credits: Vec<TransferRow> = on!(tx, conn => t::table
        .filter(t::credit_no.eq(account_no)).filter(t::credit_seq.between(first, last))
        .select(TransferRow::as_select()).load(conn).await)?;
    let debits = debits.into_iter().map(|row| entry(row, Side::Debit));
    let credits = credits.into_iter().map(|row| entry(row, Side::Credit));
    let mut entries = debits.chain(credits).collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.seq));
    Ok(entries)
}
