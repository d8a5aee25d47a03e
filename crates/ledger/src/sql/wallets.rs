//! The accounts that are wallets.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, SelectableHelper,
    sql_types::{BigInt, Bool, Integer},
};
use rialto_kernel::{AgentId, Event, OwnerId, Page, PageRequest};
use rialto_store::{StoreError, Tx, on, outbox};

use super::{
    accounts::{AccountRow, models},
    schema::ledger_accounts as a,
};
use crate::{
    model::{Account, Code, Kind, Side},
    wallet::{ASSET, Total, WalletStore},
};

#[derive(QueryableByName)]
struct TotalRow {
    #[diesel(sql_type = Bool)]
    debit: bool,
    #[diesel(sql_type = Bool)]
    reversal: bool,
    #[diesel(sql_type = Integer)]
    kind: i32,
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = BigInt)]
    entries: i64,
}

/// PostgreSQL adds up bigints to a numeric, hence the casts.
const TOTALS: &str = "
    SELECT TRUE AS debit, reverses IS NOT NULL AS reversal, kind, CAST(SUM(amount) AS BIGINT) AS amount, COUNT(*) AS entries
    FROM ledger_transfers WHERE debit_no = $1 GROUP BY 2, 3
    UNION ALL
    SELECT FALSE, reverses IS NOT NULL, kind, CAST(SUM(amount) AS BIGINT), COUNT(*)
    FROM ledger_transfers WHERE credit_no = $1 GROUP BY 2, 3";

impl WalletStore for Tx {
    async fn find_user_account(&mut self, owner: OwnerId) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = on!(self, conn => a::table
            .filter(a::owner_id.eq(owner)).filter(a::asset.eq(ASSET.code())).filter(a::code.eq(Code::USER.as_str()))
            .select(AccountRow::as_select()).first(conn).await.optional())?;
        row.map(Account::try_from).transpose()
    }

    async fn find_agent_account(&mut self, agent: AgentId) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = on!(self, conn => a::table
            .filter(a::agent_id.eq(agent)).filter(a::asset.eq(ASSET.code()))
            .select(AccountRow::as_select()).first(conn).await.optional())?;
        row.map(Account::try_from).transpose()
    }

    async fn list_agent_accounts(&mut self, owner: OwnerId, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = on!(self, conn => a::table
            .filter(a::owner_id.eq(owner)).filter(a::asset.eq(ASSET.code())).filter(a::code.eq(Code::AGENT.as_str()))
            .order(a::no).limit(limit.into())
            .select(AccountRow::as_select()).load(conn).await)?;
        models(rows)
    }

    async fn list_fullest_accounts(&mut self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        let is_wallet = || {
            a::asset
                .eq(ASSET.code())
                .and(a::owner_id.is_not_null())
                .and(a::code.eq_any([Code::USER.as_str(), Code::AGENT.as_str()]))
        };
        let rows: Vec<AccountRow> = on!(self, conn => a::table.filter(is_wallet())
            .order((a::balance.desc(), a::no)).limit(page.limit()).offset(page.offset())
            .select(AccountRow::as_select()).load(conn).await)?;
        let total: i64 = on!(self, conn => a::table.filter(is_wallet()).count().get_result(conn).await)?;
        Ok(Page { items: models(rows)?, total })
    }

    async fn totals(&mut self, account_no: i64) -> Result<Vec<Total>, StoreError> {
        let rows: Vec<TotalRow> = on!(self, conn => diesel::sql_query(TOTALS).bind::<BigInt, _>(account_no).load(conn).await)?;
        let total = |row: TotalRow| Total {
            kind: Kind(row.kind),
            side: if row.debit { Side::Debit } else { Side::Credit },
            reversal: row.reversal,
            amount: row.amount,
            count: row.entries,
        };
        Ok(rows.into_iter().map(total).collect())
    }

    async fn append_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}
