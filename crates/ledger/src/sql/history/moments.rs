//! Finding the entry at a time.
//!
//! An account's entries are numbered without holes, and their times never fall as the numbers rise. So the last one before
//! a moment is found by halving: `base` entries are known to lie before it, and of the `rest` behind them it is not known.
//! The entry in the middle of the rest is looked up by its number, in one of two unique indexes; then half of the rest is
//! left. A recursive query does that in one look, for as many accounts as there are.

use diesel::sql_types::{Array, BigInt, Text};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use crate::history::{Figures, Moment};

/// `WITH RECURSIVE halved`: accounts (a condition on their rows), and whether an entry lies before the moment (on a row `t`
/// and its `line`).
macro_rules! halved {
    ($accounts:expr, $debit_before:expr, $credit_before:expr) => {
        concat!(
            "WITH RECURSIVE halved (no, base, rest) AS (
                SELECT no, CAST(0 AS BIGINT), entry_count FROM ledger_accounts WHERE ",
            $accounts,
            " UNION ALL
                SELECT no, base + CASE WHEN COALESCE(
                    (SELECT ",
            $debit_before,
            " FROM ledger_transfers AS t WHERE t.debit_no = halved.no AND t.debit_seq = base + (rest + 1) / 2),
                    (SELECT ",
            $credit_before,
            " FROM ledger_transfers AS t WHERE t.credit_no = halved.no AND t.credit_seq = base + (rest + 1) / 2)
                ) THEN (rest + 1) / 2 ELSE 0 END, rest / 2
                FROM halved WHERE rest > 0
            )"
        )
    };
}

statement! {
    /// How many entries each account has before a moment.
    struct CountOnSqlite { nos: String => Text, at: Timestamp => UtcTime, line: i64 => BigInt }
    rows: (BigInt, BigInt);
    sqlite: concat!(
        halved!(
            "no IN (SELECT value FROM json_each(?1))",
            "(t.created_at, 2 * t.no) < (?2, ?3)",
            "(t.created_at, 2 * t.no + 1) < (?2, ?3)"
        ),
        " SELECT no, base FROM halved WHERE rest = 0"
    );
}

statement! {
    /// How many entries each account has before a moment.
    struct CountOnPostgres { nos: Vec<i64> => Array<BigInt>, at: Timestamp => UtcTime, line: i64 => BigInt }
    rows: (BigInt, BigInt);
    postgres: concat!(
        halved!(
            "no = ANY($1)",
            "(t.created_at, 2 * t.no) < ($2, $3)",
            "(t.created_at, 2 * t.no + 1) < ($2, $3)"
        ),
        " SELECT no, base FROM halved WHERE rest = 0"
    );
}

pub(super) async fn count_before(tx: &mut Tx, account_nos: &[i64], moment: Moment) -> Result<Vec<(i64, i64)>, StoreError> {
    let Moment { at, line } = moment;
    on!(tx,
        sqlite conn => {
            let nos: Vec<String> = account_nos.iter().map(i64::to_string).collect();
            CountOnSqlite { nos: format!("[{}]", nos.join(",")), at, line }.load(conn).await
        },
        postgres conn => CountOnPostgres { nos: account_nos.to_vec(), at, line }.load(conn).await)
}

/// What is in an account at a time, of an account number and a moment: the balance after its last entry, what later entries
/// count for it, what is held. The sum of what is backdated comes in two parts, so that it cannot leave its range.
macro_rules! figures {
    ($no:literal, $at:literal) => {
        concat!(
            halved!(concat!("no = ", $no), concat!("t.created_at <= ", $at), concat!("t.created_at <= ", $at)),
            ", last (seq) AS (SELECT base FROM halved WHERE rest = 0)
            SELECT
                COALESCE(
                    (SELECT debit_balance FROM ledger_transfers WHERE debit_no = ", $no, " AND debit_seq = (SELECT seq FROM last)),
                    (SELECT credit_balance FROM ledger_transfers WHERE credit_no = ", $no, " AND credit_seq = (SELECT seq FROM last)),
                    0),
                ", figures!(@backdated "amount / 1000000000", "debit", $no, $at), ",
                ", figures!(@backdated "amount % 1000000000", "debit", $no, $at), ",
                ", figures!(@backdated "amount / 1000000000", "credit", $no, $at), ",
                ", figures!(@backdated "amount % 1000000000", "credit", $no, $at), ",
                ", figures!(@held "debit", $no, $at), ",
                ", figures!(@held "credit", $no, $at)
        )
    };
    (@backdated $part:literal, $side:literal, $no:literal, $at:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(SUM(", $part, "), 0) AS BIGINT) FROM ledger_transfers WHERE ", $side, "_no = ", $no,
            " AND effective_at IS NOT NULL AND effective_at <= ", $at, " AND created_at > ", $at, ")"
        )
    };
    (@held $side:literal, $no:literal, $at:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger_holds WHERE ", $side, "_no = ", $no,
            " AND created_at <= ", $at, " AND (resolved_at IS NULL OR resolved_at > ", $at, "))"
        )
    };
}

statement! {
    /// What is in an account at a time.
    struct FiguresAt { no: i64 => BigInt | BigInt, at: Timestamp => UtcTime | UtcTime }
    rows: (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    sqlite: figures!("?1", "?2");
    postgres: figures!("$1", "$2");
}

/// What the high part of a sum counts in.
const SPLIT: i128 = 1_000_000_000;

pub(super) async fn figures_at(tx: &mut Tx, account_no: i64, at: Timestamp) -> Result<Figures, StoreError> {
    type Row = (i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = on!(tx, conn => FiguresAt { no: account_no, at }.load(conn).await)?;
    let Some(&(posted, out_high, out_low, in_high, in_low, held_out, held_in)) = rows.first() else {
        return Ok(Figures::default());
    };
    let sum = |high, low| i128::from(high) * SPLIT + i128::from(low);
    Ok(Figures { posted, backdated: sum(in_high, in_low) - sum(out_high, out_low), held_out, held_in })
}
