//! What verifying reads.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, QueryableByName, SelectableHelper,
    dsl::sql,
    result::Error as DieselError,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::{AccountId, Id, Timestamp};
use rialto_store::{StoreError, Tx, on, statement, types::Uid};
use uuid::Uuid;

use super::{
    accounts::AccountRow,
    places::line_of,
    schema::{ledger_accounts as a, ledger_transfers as t},
};
use crate::{
    model::{Account, HoldId, ReferenceId, TransferId},
    verify::{AccountFigures, AccountName, AuditStore, HoldCheck, JournalRow, Leg, Stored},
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

/// Whether both entries of a transfer are where their accounts' histories look for them. Not, if there is no such account.
const FILED: &str = concat!(
    "(debit_seq > 0 AND ",
    line_of!("debit_no", "debit_seq"),
    " = 2 * ledger_transfers.no
      AND credit_seq > 0 AND ",
    line_of!("credit_no", "credit_seq"),
    " = 2 * ledger_transfers.no + 1) IS TRUE"
);

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
}

/// Accounts that have pages and should not: those are looked up one by one, without the rest of their pages.
const STRAY_PAGES: &str = "
    WITH RECURSIVE paged (no) AS (
        SELECT min(account_no) FROM ledger_pages
        UNION ALL
        SELECT (SELECT min(account_no) FROM ledger_pages WHERE account_no > paged.no) FROM paged WHERE no IS NOT NULL
    )
    SELECT paged.no FROM paged LEFT JOIN ledger_accounts AS a ON a.no = paged.no
    WHERE paged.no IS NOT NULL AND (a.no IS NULL
        OR EXISTS (SELECT 1 FROM ledger_pages AS p WHERE p.account_no = paged.no AND p.page >= a.entry_count / 16)
        OR EXISTS (SELECT 1 FROM ledger_pages AS p WHERE p.account_no = paged.no AND p.page < 0))
    LIMIT 1";

/// Holds, each compared with its accounts and its transfer.
macro_rules! holds {
    ($id:literal, $limit:literal, $offset:literal) => {
        concat!(
            "SELECT h.id,
                EXISTS (SELECT 1 FROM ledger_accounts AS a WHERE a.no = h.debit_no)
                    AND EXISTS (SELECT 1 FROM ledger_accounts AS a WHERE a.no = h.credit_no),
                CASE h.state WHEN 'posted' THEN EXISTS (SELECT 1 FROM ledger_transfers AS t WHERE t.id = h.transfer_id
                        AND t.amount = h.posted_amount AND t.debit_no = h.debit_no AND t.credit_no = h.credit_no)
                    ELSE h.state IN ('pending', 'voided', 'expired') AND h.transfer_id IS NULL END
            FROM ledger_holds AS h WHERE h.id >= ",
            $id,
            " ORDER BY h.id LIMIT ",
            $limit,
            " OFFSET ",
            $offset
        )
    };
}

statement! {
    /// Holds from this one on, but so many.
    struct Holds { from: HoldId => Uid | Uid, limit: i64 => BigInt | BigInt, offset: i64 => BigInt | BigInt }
    rows: (Uid, Bool, Bool);
    sqlite: holds!("?1", "?2", "?3");
    postgres: holds!("$1", "$2", "$3");
}

/// What a transfer says, as diesel reads it.
type Row = ((i64, TransferId, i64), Legs, Links, Rest);
type Legs = ((i64, i64, i64), (i64, i64, i64));
type Links = (Option<ReferenceId>, Option<TransferId>, Timestamp, i32, Option<String>);
type Rest = (Option<Timestamp>, Option<i64>, Option<i16>, Option<String>, bool);

fn journal_row(((no, transfer, amount), (debit, credit), links, rest): Row) -> JournalRow {
    let leg = |(account_no, seq, balance)| Leg { account_no, seq, balance };
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
}

async fn journal(tx: &mut Tx, no: i64, last: i64, limit: u32, places: bool) -> Result<Vec<JournalRow>, StoreError> {
    let filed = if places && !tx.is_postgres() { FILED } else { "TRUE" };
    let rows: Vec<Row> = on!(tx, conn => t::table
        .filter(t::no.gt(no)).filter(t::no.le(last)).order(t::no).limit(limit.into())
        .select((
            (t::no, t::id, t::amount),
            ((t::debit_no, t::debit_seq, t::debit_balance), (t::credit_no, t::credit_seq, t::credit_balance)),
            (t::reference_id, t::reverses, t::created_at, t::kind, t::memo),
            // As text: what somebody has put there need not be what we can read.
            (t::effective_at, t::at_most, t::balancing, sql::<Nullable<Text>>("CAST(metadata AS TEXT)"), sql::<Bool>(filed)),
        ))
        .load(conn).await)?;
    Ok(rows.into_iter().map(journal_row).collect())
}

async fn accounts(tx: &mut Tx, no: i64, limit: u32) -> Result<Vec<AccountFigures>, StoreError> {
    let rows: Vec<AccountRow> = on!(tx, conn => a::table
        .filter(a::no.gt(no)).order(a::no).limit(limit.into())
        .select(AccountRow::as_select()).load(conn).await)?;
    let figures = |row: AccountRow| {
        let mut figures = row.figures();
        figures.is_sound = Account::try_from(row).is_ok();
        figures
    };
    Ok(rows.into_iter().map(figures).collect())
}

/// What was read at once; nothing, when a row of it cannot be read.
fn at_once<T>(all: Result<Vec<T>, StoreError>) -> Result<Option<Vec<Stored<T>>>, StoreError> {
    match all {
        Ok(rows) => Ok(Some(rows.into_iter().map(Stored::Row).collect())),
        Err(StoreError::Corrupt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds what was read of the row with this number. None, when it has gone since.
fn add_one<T>(to: &mut Vec<Stored<T>>, no: i64, one: Result<Vec<T>, StoreError>) -> Result<(), StoreError> {
    match at_once(one)? {
        Some(rows) => to.extend(rows),
        None => to.push(Stored::Unreadable(no)),
    }
    Ok(())
}

impl AuditStore for Tx {
    async fn list_accounts_after(&mut self, no: i64, limit: u32) -> Result<Vec<Stored<AccountFigures>>, StoreError> {
        if let Some(all) = at_once(accounts(self, no, limit).await)? {
            return Ok(all);
        }
        let nos: Vec<i64> =
            on!(self, conn => a::table.filter(a::no.gt(no)).order(a::no).limit(limit.into()).select(a::no).load(conn).await)?;
        let mut stored = Vec::with_capacity(nos.len());
        for no in nos {
            let one = accounts(self, no - 1, 1).await;
            add_one(&mut stored, no, one)?;
        }
        Ok(stored)
    }

    async fn list_names(&mut self, nos: &[i64]) -> Result<Vec<AccountName>, StoreError> {
        let rows: Vec<(i64, AccountId, i64)> = on!(self,
            sqlite conn => {
                let mut rows = Vec::with_capacity(nos.len());
                for no in nos {
                    let row: QueryResult<Option<(i64, AccountId, i64)>> =
                        a::table.find(no).select((a::no, a::id, a::entry_count)).first(conn).await.optional();
                    match row {
                        // An id that is none is nobody's.
                        Err(DieselError::DeserializationError(_)) => {}
                        row => rows.extend(row?),
                    }
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

    async fn list_holds_after(&mut self, after: Option<HoldId>, limit: u32) -> Result<Vec<HoldCheck>, StoreError> {
        let from = after.unwrap_or_else(|| Id::from_uuid(Uuid::nil()));
        let holds = Holds { from, limit: limit.into(), offset: i64::from(after.is_some()) };
        let rows: Vec<(HoldId, bool, bool)> = on!(self, conn => holds.load(conn).await)?;
        Ok(rows.into_iter().map(|(id, has_accounts, is_sound)| HoldCheck { id, has_accounts, is_sound }).collect())
    }

    async fn find_stray_pages(&mut self) -> Result<Option<i64>, StoreError> {
        let rows: Vec<NumberRow> = on!(self,
            sqlite conn => diesel::sql_query(STRAY_PAGES).load(conn).await,
            // Histories are not kept apart there.
            postgres _conn => Ok(Vec::new()))?;
        Ok(rows.first().map(|row| row.no))
    }

    async fn list_journal(
        &mut self,
        no: i64,
        last: i64,
        limit: u32,
        places: bool,
    ) -> Result<Vec<Stored<JournalRow>>, StoreError> {
        if let Some(all) = at_once(journal(self, no, last, limit, places).await)? {
            return Ok(all);
        }
        let nos: Vec<i64> = on!(self, conn => t::table
            .filter(t::no.gt(no)).filter(t::no.le(last)).order(t::no).limit(limit.into())
            .select(t::no).load(conn).await)?;
        let mut stored = Vec::with_capacity(nos.len());
        for no in nos {
            let one = journal(self, no - 1, no, 1, places).await;
            add_one(&mut stored, no, one)?;
        }
        Ok(stored)
    }
}
