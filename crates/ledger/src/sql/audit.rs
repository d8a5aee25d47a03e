//! What verifying reads.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, SelectableHelper,
    dsl::{max, sql},
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::{AccountId, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::{
    accounts::{AccountRow, models},
    places::line_of,
    schema::{ledger_accounts as a, ledger_transfers as t},
};
use crate::{
    model::{Account, ReferenceId, TransferId},
    verify::{AccountName, AuditStore, JournalRow, Leg},
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

/// Whether both entries of a transfer are where their accounts' histories look for them.
const FILED: &str = concat!(
    "(debit_seq > 0 AND ",
    line_of!("debit_no", "debit_seq"),
    " = 2 * ledger_transfers.no
      AND credit_seq > 0 AND ",
    line_of!("credit_no", "credit_seq"),
    " = 2 * ledger_transfers.no + 1)"
);

impl AuditStore for Tx {
    async fn list_accounts_after(&mut self, no: i64, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = on!(self, conn => a::table
            .filter(a::no.gt(no)).order(a::no).limit(limit.into())
            .select(AccountRow::as_select()).load(conn).await)?;
        models(rows)
    }

    async fn list_names(&mut self, nos: &[i64]) -> Result<Vec<AccountName>, StoreError> {
        let rows: Vec<(i64, AccountId, i64)> = on!(self,
            sqlite conn => {
                let mut rows = Vec::with_capacity(nos.len());
                for no in nos {
                    let row: Option<(i64, AccountId, i64)> =
                        a::table.find(no).select((a::no, a::id, a::entry_count)).first(conn).await.optional()?;
                    rows.extend(row);
                }
                Ok(rows)
            },
            postgres conn => a::table.filter(a::no.eq_any(nos)).select((a::no, a::id, a::entry_count)).load(conn).await)?;
        Ok(rows.into_iter().map(|(no, id, entries)| AccountName { no, id, entries }).collect())
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
        type Legs = ((i64, i64, i64), (i64, i64, i64));
        type Links = (Option<ReferenceId>, Option<TransferId>, Timestamp, i32, Option<String>);
        type Rest = (Option<Timestamp>, Option<i64>, Option<i16>, Option<String>, bool);
        type Row = ((i64, TransferId, i64), Legs, Links, Rest);
        let filed = if self.is_postgres() { "TRUE" } else { FILED };
        let rows: Vec<Row> = on!(self, conn => t::table
            .filter(t::no.gt(no)).filter(t::no.le(last)).order(t::no).limit(limit.into())
            .select((
                (t::no, t::id, t::amount),
                ((t::debit_no, t::debit_seq, t::debit_balance), (t::credit_no, t::credit_seq, t::credit_balance)),
                (t::reference_id, t::reverses, t::created_at, t::kind, t::memo),
                // As text: what somebody has put there need not be what we can read.
                (t::effective_at, t::at_most, t::balancing, sql::<Nullable<Text>>("CAST(metadata AS TEXT)"), sql::<Bool>(filed)),
            ))
            .load(conn).await)?;
        let leg = |(account_no, seq, balance)| Leg { account_no, seq, balance };
        let row = |((no, transfer, amount), (debit, credit), links, rest): Row| {
            let (reference, reverses, created_at, kind, memo) = links;
            let (effective_at, at_most, balancing, metadata, filed) = rest;
            JournalRow {
                no,
                transfer,
                amount,
                debit: leg(debit),
                credit: leg(credit),
                reference,
                reverses,
                created_at,
                kind,
                memo,
                effective_at,
                at_most,
                balancing,
                metadata,
                filed,
            }
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
