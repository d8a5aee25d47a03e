//! Rows of `ledger_transfers`: transfers, and the entries that are their two sides.

use std::{collections::HashMap, ops::RangeInclusive};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text},
};
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    all_inserted, amount,
    columns::{balanced_from_columns, balanced_to_columns, metadata_from_column, metadata_to_column},
    packed::{POINT_QUERIES_MAX, count, packed},
    schema::{ledger_accounts as a, ledger_transfers as t},
};
use crate::model::{Entry, Kind, Posting, ReferenceId, Side, Transfer, TransferId};

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

statement! {
    /// Inserts one transfer, unless its id is taken.
    struct InsertOne {
        id: TransferId => Uid,
        amount: i64 => BigInt,
        debit_no: i64 => BigInt,
        debit_seq: i64 => BigInt,
        debit_balance: i64 => BigInt,
        credit_no: i64 => BigInt,
        credit_seq: i64 => BigInt,
        credit_balance: i64 => BigInt,
        reference_id: Option<ReferenceId> => Nullable<Uid>,
        reverses: Option<TransferId> => Nullable<Uid>,
        created_at: Timestamp => UtcTime,
        kind: i32 => Integer,
        memo: Option<String> => Nullable<Text>,
        effective_at: Option<Timestamp> => Nullable<UtcTime>,
        at_most: Option<i64> => Nullable<BigInt>,
        balancing: Option<i16> => Nullable<SmallInt>,
        metadata: Option<Json> => Nullable<JsonDoc>,
    }
    rows: ();
    sqlite: "INSERT INTO ledger_transfers (id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance, reference_id,
        reverses, created_at, kind, memo, effective_at, at_most, balancing, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
        ON CONFLICT (id) DO NOTHING";
}

statement! {
    /// Inserts several transfers in their order, those whose ids are not taken.
    struct InsertMany {
        id: Vec<TransferId> => Array<Uid>,
        amount: Vec<i64> => Array<BigInt>,
        debit_no: Vec<i64> => Array<BigInt>,
        debit_seq: Vec<i64> => Array<BigInt>,
        debit_balance: Vec<i64> => Array<BigInt>,
        credit_no: Vec<i64> => Array<BigInt>,
        credit_seq: Vec<i64> => Array<BigInt>,
        credit_balance: Vec<i64> => Array<BigInt>,
        reference_id: Vec<Option<ReferenceId>> => Array<Nullable<Uid>>,
        reverses: Vec<Option<TransferId>> => Array<Nullable<Uid>>,
        created_at: Vec<Timestamp> => Array<UtcTime>,
        kind: Vec<i32> => Array<Integer>,
        memo: Vec<Option<String>> => Array<Nullable<Text>>,
        effective_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        at_most: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        balancing: Vec<Option<i16>> => Array<Nullable<SmallInt>>,
        metadata: Vec<Option<Json>> => Array<Nullable<JsonDoc>>,
    }
    rows: ();
    postgres: "INSERT INTO ledger_transfers (id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance, reference_id,
        reverses, created_at, kind, memo, effective_at, at_most, balancing, metadata)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        ON CONFLICT (id) DO NOTHING";
}

impl From<&Transfer> for InsertOne {
    fn from(transfer: &Transfer) -> Self {
        let (at_most, balancing) = balanced_to_columns(transfer.balanced);
        Self {
            id: transfer.id,
            amount: transfer.amount.get(),
            debit_no: transfer.debit.account_no,
            debit_seq: transfer.debit.seq,
            debit_balance: transfer.debit.balance,
            credit_no: transfer.credit.account_no,
            credit_seq: transfer.credit.seq,
            credit_balance: transfer.credit.balance,
            reference_id: transfer.reference,
            reverses: transfer.reverses,
            created_at: transfer.created_at,
            kind: transfer.kind.0,
            memo: transfer.memo.clone(),
            effective_at: transfer.effective_at,
            at_most,
            balancing,
            metadata: metadata_to_column(&transfer.metadata),
        }
    }
}

impl From<&[Transfer]> for InsertMany {
    fn from(transfers: &[Transfer]) -> Self {
        /// One column of all rows.
        fn column<T>(transfers: &[Transfer], value: impl Fn(&Transfer) -> T) -> Vec<T> {
            transfers.iter().map(value).collect()
        }
        Self {
            id: column(transfers, |transfer| transfer.id),
            amount: column(transfers, |transfer| transfer.amount.get()),
            debit_no: column(transfers, |transfer| transfer.debit.account_no),
            debit_seq: column(transfers, |transfer| transfer.debit.seq),
            debit_balance: column(transfers, |transfer| transfer.debit.balance),
            credit_no: column(transfers, |transfer| transfer.credit.account_no),
            credit_seq: column(transfers, |transfer| transfer.credit.seq),
            credit_balance: column(transfers, |transfer| transfer.credit.balance),
            reference_id: column(transfers, |transfer| transfer.reference),
            reverses: column(transfers, |transfer| transfer.reverses),
            created_at: column(transfers, |transfer| transfer.created_at),
            kind: column(transfers, |transfer| transfer.kind.0),
            memo: column(transfers, |transfer| transfer.memo.clone()),
            effective_at: column(transfers, |transfer| transfer.effective_at),
            at_most: column(transfers, |transfer| balanced_to_columns(transfer.balanced).0),
            balancing: column(transfers, |transfer| balanced_to_columns(transfer.balanced).1),
            metadata: column(transfers, |transfer| metadata_to_column(&transfer.metadata)),
        }
    }
}

pub(super) async fn insert(tx: &mut Tx, transfers: &[Transfer]) -> Result<(), StoreError> {
    let inserted = on!(tx,
        sqlite conn => {
            let mut inserted = 0;
            for transfer in transfers {
                inserted += InsertOne::from(transfer).execute(conn).await?;
            }
            Ok(inserted)
        },
        postgres conn => InsertMany::from(transfers).execute(conn).await)?;
    all_inserted(inserted, transfers.len())
}

statement! {
    /// Which of many ids are taken.
    struct SelectKnown { ids: Vec<u8> => Binary, count: i64 => BigInt }
    rows: Uid;
    sqlite: "WITH RECURSIVE wanted (at) AS (VALUES (1) UNION ALL SELECT at + 16 FROM wanted WHERE at + 16 < ?2)
        SELECT id FROM wanted CROSS JOIN ledger_transfers ON id = substr(?1, at, 16)";
}

pub(super) async fn find(tx: &mut Tx, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
    let rows: Vec<TransferRow> = on!(tx,
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
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = account_ids(tx, rows.iter().flat_map(|row| [row.debit_no, row.credit_no]).collect()).await?;
    rows.into_iter().map(|row| model(row, &ids)).collect()
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

/// The numbers of an account's entries have no holes, so a page is a range of them: both indexes are entered at the
/// right place, however far back it is.
pub(super) async fn list_entries(tx: &mut Tx, account_no: i64, seqs: RangeInclusive<i64>) -> Result<Vec<Entry>, StoreError> {
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
