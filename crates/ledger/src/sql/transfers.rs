//! Rows of `ledger_transfers`: transfers, and the entries that are their two sides.

use std::{collections::HashMap, ops::RangeInclusive};

use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{
    amount,
    schema::{ledger_accounts as a, ledger_transfers as t},
    taken,
};
use crate::model::{Entry, Kind, Posting, ReferenceId, Side, Transfer, TransferId};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = t)]
pub(super) struct TransferRow {
    pub(super) id: TransferId,
    pub(super) amount: i64,
    pub(super) debit_no: i64,
    pub(super) debit_seq: i64,
    pub(super) debit_balance: i64,
    pub(super) credit_no: i64,
    pub(super) credit_seq: i64,
    pub(super) credit_balance: i64,
    reference_id: Option<ReferenceId>,
    reverses: Option<TransferId>,
    created_at: Timestamp,
    kind: i32,
    memo: Option<String>,
}

pub(super) async fn insert(tx: &mut Tx, transfer: &Transfer) -> Result<(), StoreError> {
    let row = TransferRow {
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
    };
    let inserted = on!(tx, conn => diesel::insert_into(t::table).values(&row)
        .on_conflict(t::id).do_nothing().execute(conn).await)?;
    if inserted == 1 { Ok(()) } else { Err(taken(transfer.id)) }
}

pub(super) async fn find(tx: &mut Tx, ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
    let rows: Vec<TransferRow> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::new();
            for id in ids {
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

pub(super) async fn find_reversal(tx: &mut Tx, of: TransferId) -> Result<Option<TransferId>, StoreError> {
    on!(tx, conn => t::table.filter(t::reverses.eq(of)).select(t::id).first(conn).await.optional())
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

fn model(row: TransferRow, ids: &HashMap<i64, AccountId>) -> Result<Transfer, StoreError> {
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
        created_at: row.created_at,
    })
}

fn entry(row: TransferRow, side: Side) -> Result<Entry, StoreError> {
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
