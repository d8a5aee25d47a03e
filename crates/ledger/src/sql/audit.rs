//! What verifying reads.

use diesel::{ExpressionMethods, QueryDsl, QueryableByName, SelectableHelper, dsl::max, sql_types::BigInt};
use rialto_store::{StoreError, Tx, on};

use super::{
    accounts::{AccountRow, models},
    schema::{ledger_accounts as a, ledger_transfers as t},
};
use crate::{
    model::{Account, TransferId},
    verify::{AuditStore, JournalRow},
};

#[derive(QueryableByName)]
struct PendingRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = BigInt)]
    held_out: i64,
    #[diesel(sql_type = BigInt)]
    held_in: i64,
}

const PENDING: &str = "
    SELECT no, CAST(SUM(held_out) AS BIGINT) AS held_out, CAST(SUM(held_in) AS BIGINT) AS held_in FROM (
        SELECT debit_no AS no, amount AS held_out, 0 AS held_in FROM ledger_holds WHERE state = 'pending'
        UNION ALL
        SELECT credit_no, 0, amount FROM ledger_holds WHERE state = 'pending'
    ) AS pending GROUP BY no";

impl AuditStore for Tx {
    async fn list_accounts_after(&mut self, no: i64, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = on!(self, conn => a::table
            .filter(a::no.gt(no)).order(a::no).limit(limit.into())
            .select(AccountRow::as_select()).load(conn).await)?;
        models(rows)
    }

    async fn pending_totals(&mut self) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let rows: Vec<PendingRow> = on!(self, conn => diesel::sql_query(PENDING).load(conn).await)?;
        Ok(rows.into_iter().map(|row| (row.no, row.held_out, row.held_in)).collect())
    }

    async fn last_transfer_no(&mut self) -> Result<i64, StoreError> {
        let last: Option<i64> = on!(self, conn => t::table.select(max(t::no)).get_result(conn).await)?;
        Ok(last.unwrap_or(0))
    }

    async fn list_journal(&mut self, no: i64, last: i64, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        type Row = (i64, TransferId, i64, (i64, i64, i64), (i64, i64, i64));
        let rows: Vec<Row> = on!(self, conn => t::table
            .filter(t::no.gt(no)).filter(t::no.le(last)).order(t::no).limit(limit.into())
            .select((
                t::no, t::id, t::amount,
                (t::debit_no, t::debit_seq, t::debit_balance),
                (t::credit_no, t::credit_seq, t::credit_balance),
            ))
            .load(conn).await)?;
        let row = |(no, transfer, amount, debit, credit): Row| JournalRow { no, transfer, amount, debit, credit };
        Ok(rows.into_iter().map(row).collect())
    }
}
