//! Finding the entry at a time.
//!
//! An account's entries are numbered without holes, and their times never fall as the numbers rise. So the last one before
//! a moment is found by halving: `base` entries are known to lie before it, and of the `rest` behind them it is not known.
//! The entry in the middle of the rest is looked up by its number, on PostgreSQL in one of two unique indexes, on SQLite by its
//! page; then half of the rest is left. A recursive query does that in one look, for as many accounts as there are.

use diesel::sql_types::{Array, BigInt, Text};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::super::places::line_of;
use crate::history::{Figures, Moment};

/// `WITH RECURSIVE halved`: accounts (a condition on their rows), and whether the entry in the middle lies before the moment.
macro_rules! halved {
    ($accounts:expr, $is_before:expr) => {
        concat!(
            "WITH RECURSIVE halved (no, base, rest) AS (
                SELECT no, CAST(0 AS BIGINT), entry_count FROM ledger_accounts WHERE ",
            $accounts,
            " UNION ALL
                SELECT no, base + CASE WHEN ",
            $is_before,
            " THEN (rest + 1) / 2 ELSE 0 END, rest / 2
                FROM halved WHERE rest > 0
            )"
        )
    };
}

/// What is said of the entry of an account with a number: by both indexes, or by its page. On a row `t`, and its `line`.
macro_rules! entry {
    (indexed, $account:expr, $seq:expr, $of_debit:expr, $of_credit:expr) => {
        concat!(
            "COALESCE((SELECT ",
            $of_debit,
            " FROM ledger_transfers AS t WHERE t.debit_no = ",
            $account,
            " AND t.debit_seq = ",
            $seq,
            "), (SELECT ",
            $of_credit,
            " FROM ledger_transfers AS t WHERE t.credit_no = ",
            $account,
            " AND t.credit_seq = ",
            $seq,
            "))"
        )
    };
    (paged, $account:expr, $seq:expr, $of:expr) => {
        concat!(
            "(SELECT ",
            $of,
            " FROM (SELECT ",
            line_of!($account, $seq),
            " AS line) AS place CROSS JOIN ledger_transfers AS t
                ON t.no = place.line / 2)"
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
            entry!(paged, "halved.no", "(base + (rest + 1) / 2)", "(t.created_at, place.line) < (?2, ?3)")
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
            entry!(
                indexed,
                "halved.no",
                "base + (rest + 1) / 2",
                "(t.created_at, 2 * t.no) < ($2, $3)",
                "(t.created_at, 2 * t.no + 1) < ($2, $3)"
            )
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

/// What counts in an account at a time, of an account number and a moment: the balance after its last entry, and what later
/// entries count for it. The sum of what is backdated comes in two parts, so that it cannot leave its range.
macro_rules! posted {
    (indexed, $no:literal, $at:literal) => {
        posted!(
            $no,
            $at,
            entry!(
                indexed,
                "halved.no",
                "base + (rest + 1) / 2",
                concat!("t.created_at <= ", $at),
                concat!("t.created_at <= ", $at)
            ),
            entry!(indexed, $no, "(SELECT seq FROM last)", "t.debit_balance", "t.credit_balance")
        )
    };
    (paged, $no:literal, $at:literal) => {
        posted!(
            $no,
            $at,
            entry!(paged, "halved.no", "(base + (rest + 1) / 2)", concat!("t.created_at <= ", $at)),
            entry!(
                paged,
                $no,
                "(SELECT max(seq, 1) FROM last)",
                "CASE WHEN (SELECT seq FROM last) = 0 THEN 0 WHEN place.line % 2 = 0 THEN t.debit_balance ELSE t.credit_balance END"
            )
        )
    };
    (@backdated $part:literal, $side:literal, $no:literal, $at:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(SUM(", $part, "), 0) AS BIGINT) FROM ledger_transfers WHERE ", $side, "_no = ", $no,
            " AND effective_at IS NOT NULL AND effective_at <= ", $at, " AND created_at > ", $at, ")"
        )
    };
    ($no:literal, $at:literal, $is_before:expr, $balance:expr) => {
        concat!(
            halved!(concat!("no = ", $no), $is_before),
            ", last (seq) AS (SELECT base FROM halved WHERE rest = 0)
            SELECT COALESCE(", $balance, ", 0),
                ", posted!(@backdated "amount / 1000000000", "debit", $no, $at), ",
                ", posted!(@backdated "amount % 1000000000", "debit", $no, $at), ",
                ", posted!(@backdated "amount / 1000000000", "credit", $no, $at), ",
                ", posted!(@backdated "amount % 1000000000", "credit", $no, $at)
        )
    };
}

/// The same, and what was held: what is pending still, and what has been resolved since. The time of creation is no
/// condition on rows, or a database might take the index on it, and read every hold that the account ever had.
macro_rules! figures {
    ($by:ident, $no:literal, $at:literal) => {
        concat!(posted!($by, $no, $at), ", ", figures!(@held "debit", $no, $at), ", ", figures!(@held "credit", $no, $at))
    };
    (@held $side:literal, $no:literal, $at:literal) => {
        concat!(
            figures!(@sum $side, $no, $at, "resolved_at IS NULL"), " + ",
            figures!(@sum $side, $no, $at, concat!("resolved_at > ", $at))
        )
    };
    (@sum $side:literal, $no:literal, $at:literal, $which:expr) => {
        concat!(
            "(SELECT CAST(COALESCE(SUM(amount) FILTER (WHERE created_at <= ", $at, "), 0) AS BIGINT) FROM ledger_holds WHERE ",
            $side, "_no = ", $no, " AND ", $which, ")"
        )
    };
}

statement! {
    /// What counts in an account at a time.
    struct PostedAt { no: i64 => BigInt | BigInt, at: Timestamp => UtcTime | UtcTime }
    rows: (BigInt, BigInt, BigInt, BigInt, BigInt);
    sqlite: posted!(paged, "?1", "?2");
    postgres: posted!(indexed, "$1", "$2");
}

statement! {
    /// What is in an account at a time.
    struct FiguresAt { no: i64 => BigInt | BigInt, at: Timestamp => UtcTime | UtcTime }
    rows: (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    sqlite: figures!(paged, "?1", "?2");
    postgres: figures!(indexed, "$1", "$2");
}

/// What the high part of a sum counts in.
const SPLIT: i128 = 1_000_000_000;

/// What is backdated: what came in and what went out, each in a high and a low part.
fn backdated(out: (i64, i64), into: (i64, i64)) -> i128 {
    let sum = |(high, low)| i128::from(high) * SPLIT + i128::from(low);
    sum(into) - sum(out)
}

pub(super) async fn posted_at(tx: &mut Tx, account_no: i64, at: Timestamp) -> Result<i128, StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64)> = on!(tx, conn => PostedAt { no: account_no, at }.load(conn).await)?;
    let counted = |&(posted, out_high, out_low, in_high, in_low): &(i64, i64, i64, i64, i64)| {
        i128::from(posted) + backdated((out_high, out_low), (in_high, in_low))
    };
    Ok(rows.first().map_or(0, counted))
}

pub(super) async fn figures_at(tx: &mut Tx, account_no: i64, at: Timestamp) -> Result<Figures, StoreError> {
    type Row = (i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = on!(tx, conn => FiguresAt { no: account_no, at }.load(conn).await)?;
    let Some(&(posted, out_high, out_low, in_high, in_low, held_out, held_in)) = rows.first() else {
        return Ok(Figures::default());
    };
    let posted = i128::from(posted) + backdated((out_high, out_low), (in_high, in_low));
    Ok(Figures { posted, held_out, held_in })
}

#[cfg(test)]
mod tests {

    use diesel::QueryableByName;
    use rialto_store::{suite, testing::TestDb};

    use super::*;

    #[derive(QueryableByName)]
    struct OnSqlite {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    #[derive(QueryableByName)]
    struct OnPostgres {
        #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
        detail: String,
    }

    async fn plan(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
        const SQLITE: &str = concat!("EXPLAIN QUERY PLAN ", figures!(paged, "1", "4102444800000000"));
        const POSTGRES: &str = concat!("EXPLAIN ", figures!(indexed, "1", "timestamptz '2100-01-01'"));
        if tx.is_postgres() {
            // The tables are empty, where reading all of them is the shortest way.
            tx.batch("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off").await?;
        }
        on!(tx,
        sqlite conn => {
            let rows: Vec<OnSqlite> = diesel::sql_query(SQLITE).load(conn).await?;
            Ok::<Vec<String>, StoreError>(rows.into_iter().map(|row| row.detail).collect())
        },
        postgres conn => {
            let rows: Vec<OnPostgres> = diesel::sql_query(POSTGRES).load(conn).await?;
            Ok::<Vec<String>, StoreError>(rows.into_iter().map(|row| row.detail).collect())
        })
    }

    async fn what_was_held_is_found_by_when_it_was_resolved(test: &TestDb) {
        let plan = test.db.write(async |tx: &mut Tx| plan(tx).await).await.unwrap();
        let looks: Vec<&String> = plan.iter().filter(|line| line.contains("ledger_holds")).collect();
        assert_eq!(looks.len(), 4, "{plan:#?}");
        for side in ["ledger_holds_debit_resolved", "ledger_holds_credit_resolved"] {
            assert_eq!(looks.iter().filter(|line| line.contains(side)).count(), 2, "{plan:#?}");
        }
        let conditions = plan.iter().filter(|line| line.contains("resolved_at>?") || line.contains("(resolved_at > '2100"));
        assert_eq!(conditions.count(), 2, "{plan:#?}");
    }

    suite! { what_was_held_is_found_by_when_it_was_resolved }
}
