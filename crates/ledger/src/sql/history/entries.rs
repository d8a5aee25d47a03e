//! Entries: of one account, of several, and those that are backdated.

use std::ops::RangeInclusive;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, NullableExpressionMethods, QueryDsl, SelectableHelper,
    dsl::sql,
    sql_types::{Array, BigInt, Bool},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::super::{
    places::{self, LineRow},
    schema::ledger_transfers as t,
    transfers::{TransferColumns, TransferRow, entry},
};
use crate::{
    history::{EntryScan, Line, Order, Period},
    model::{Entry, Side},
};

/// One side of a scan. With a reference that few have, the index on it is the one to use: the other conditions are written so
/// that none fits them. With one that many have it is the other way round.
macro_rules! side {
    ($conn:ident, $scan:ident, $no:ident, $seq:ident, $is_account:literal) => {{
        let (first, last) = ($scan.seqs.start(), $scan.seqs.end());
        let mut query = t::table.into_boxed();
        query = match $scan.reference {
            None => query.filter(t::$no.eq($scan.account_no)),
            Some(reference) if !$scan.by_reference => query
                .filter(t::$no.eq($scan.account_no))
                .filter(sql::<Bool>("CASE WHEN reference_id = ").bind::<Uid, _>(reference).sql(" THEN TRUE ELSE FALSE END")),
            Some(reference) => {
                query.filter(t::reference_id.eq(reference)).filter(sql::<Bool>($is_account).bind::<BigInt, _>($scan.account_no))
            }
        };
        query = query.filter(t::$seq.between(first, last));
        if !$scan.kinds.is_empty() {
            query = query.filter(t::kind.eq_any($scan.kinds.iter().map(|kind| kind.0).collect::<Vec<_>>()));
        }
        if let Some(min) = $scan.amount_min {
            query = query.filter(t::amount.ge(min.get()));
        }
        if let Some(max) = $scan.amount_max {
            query = query.filter(t::amount.le(max.get()));
        }
        query = match $scan.order {
            Order::NewestFirst => query.order(t::$seq.desc()),
            Order::OldestFirst => query.order(t::$seq.asc()),
        };
        query.limit($scan.limit.into()).select(TransferRow::as_select()).load($conn).await
    }};
}

fn side(is_debit: bool) -> Side {
    if is_debit { Side::Debit } else { Side::Credit }
}

/// Each side for itself, by its own index; what both give is then put together. SQLite has none, but pages.
pub(super) async fn scan(tx: &mut Tx, scan: &EntryScan) -> Result<Vec<Entry>, StoreError> {
    if !tx.is_postgres() && !scan.by_reference {
        let rows = places::scan(tx, scan).await?;
        return rows.into_iter().map(|(is_debit, _, row)| entry(row, side(is_debit))).collect();
    }
    let mut entries = Vec::new();
    if scan.side != Some(Side::Credit) {
        let rows: Vec<TransferRow> = on!(tx, conn => side!(conn, scan, debit_no, debit_seq, "+debit_no = "))?;
        entries.extend(rows.into_iter().map(|row| entry(row, Side::Debit)));
    }
    if scan.side != Some(Side::Debit) {
        let rows: Vec<TransferRow> = on!(tx, conn => side!(conn, scan, credit_no, credit_seq, "+credit_no = "))?;
        entries.extend(rows.into_iter().map(|row| entry(row, Side::Credit)));
    }
    let mut entries = entries.into_iter().collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable_by_key(|entry| entry.seq);
    if scan.order == Order::NewestFirst {
        entries.reverse();
    }
    entries.truncate(usize::try_from(scan.limit).unwrap_or(usize::MAX));
    Ok(entries)
}

macro_rules! lines_of {
    ($is_debit:literal, $side:literal) => {
        concat!(
            "SELECT ",
            $is_debit,
            ", t.no, t.id, t.amount, t.debit_no, t.debit_seq, t.debit_balance, t.credit_no, t.credit_seq, t.credit_balance,
                t.reference_id, t.reverses, t.created_at, t.kind, t.memo, t.effective_at, t.at_most, t.balancing, t.metadata
            FROM unnest($1, $2, $3) AS wanted (no, first, last)
            JOIN ledger_transfers AS t ON t.",
            $side,
            "_no = wanted.no AND t.",
            $side,
            "_seq BETWEEN wanted.first AND wanted.last"
        )
    };
}

statement! {
    /// The entries of several accounts, each with a range of numbers.
    struct ListLines { no: Vec<i64> => Array<BigInt>, first: Vec<i64> => Array<BigInt>, last: Vec<i64> => Array<BigInt> }
    rows: (Bool, BigInt, TransferColumns);
    postgres: concat!(lines_of!("TRUE", "debit"), " UNION ALL ", lines_of!("FALSE", "credit"));
}

pub(super) async fn list_lines(tx: &mut Tx, ranges: &[(i64, RangeInclusive<i64>)]) -> Result<Vec<Line>, StoreError> {
    let mut rows: Vec<LineRow> = Vec::new();
    if tx.is_postgres() {
        let statement = ListLines {
            no: ranges.iter().map(|(no, _)| *no).collect(),
            first: ranges.iter().map(|(_, seqs)| *seqs.start()).collect(),
            last: ranges.iter().map(|(_, seqs)| *seqs.end()).collect(),
        };
        rows = on!(tx,
            sqlite _conn => Ok(Vec::new()),
            postgres conn => statement.load(conn).await)?;
    } else {
        for (no, seqs) in ranges {
            rows.extend(places::list(tx, *no, seqs).await?);
        }
    }
    let line = |(is_debit, no, row): LineRow| {
        let account_no = row.account_no(side(is_debit));
        Ok(Line { account_no, no, entry: entry(row, side(is_debit))? })
    };
    rows.into_iter().map(line).collect()
}

/// One side of the backdated entries. The first condition on the time is for the index, the second for what has the same
/// time.
macro_rules! backdated {
    ($conn:ident, $account_no:ident, $period:ident, $after:ident, $limit:ident, $no:ident, $seq:ident) => {{
        let (at, seq) = $after;
        t::table
            .filter(t::$no.eq($account_no))
            .filter(t::effective_at.is_not_null())
            .filter(t::effective_at.ge(at.max($period.from())))
            .filter(t::effective_at.lt($period.to()))
            .filter(t::effective_at.gt(at).or(t::$seq.gt(seq).nullable()))
            .order((t::effective_at, t::$seq))
            .limit($limit.into())
            .select(TransferRow::as_select())
            .load($conn)
            .await
    }};
}

pub(super) async fn list_backdated(
    tx: &mut Tx,
    account_no: i64,
    period: Period,
    after: Option<(Timestamp, i64)>,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let after = after.unwrap_or((period.from(), 0));
    let debits: Vec<TransferRow> = on!(tx, conn => backdated!(conn, account_no, period, after, limit, debit_no, debit_seq))?;
    let credits: Vec<TransferRow> = on!(tx, conn => backdated!(conn, account_no, period, after, limit, credit_no, credit_seq))?;
    let debits = debits.into_iter().map(|row| entry(row, Side::Debit));
    let credits = credits.into_iter().map(|row| entry(row, Side::Credit));
    let mut entries = debits.chain(credits).collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable_by_key(|entry| (entry.effective_at, entry.seq));
    entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(entries)
}
