//! The accounts that are wallets.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, SelectableHelper,
    sql_types::{BigInt, Bool, Integer, Text},
};
use rialto_kernel::{AccountId, AgentId, Event, OwnerId, Page, PageRequest};
use rialto_store::{StoreError, Tx, on, outbox, types::Uid};

use super::{
    accounts::{AccountRow, models},
    places::line_of,
    schema::ledger_accounts as a,
};
use crate::{
    model::{Account, AccountState, Code, Kind, Side},
    wallet::{ASSET, AgentsTotal, Total, WalletStore},
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
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
    #[diesel(sql_type = BigInt)]
    entries: i64,
}

#[derive(QueryableByName)]
struct AgentsRow {
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
    #[diesel(sql_type = BigInt)]
    wallets: i64,
}

/// How sums are split: a billions' part and the rest, neither of which can grow out of a bigint.
const SPLIT: i64 = 1_000_000_000;

/// A sum from its two parts; what does not fit is cut to what does.
fn sum(high: i64, low: i64) -> i64 {
    high.checked_mul(SPLIT).and_then(|high| high.checked_add(low)).unwrap_or(i64::MAX)
}

const AGENTS: &str = "
    SELECT COALESCE(CAST(SUM(balance / 1000000000) AS BIGINT), 0) AS high,
        COALESCE(CAST(SUM(balance % 1000000000) AS BIGINT), 0) AS low, COUNT(*) AS wallets
    FROM ledger_accounts WHERE owner_id = $1 AND asset = $2 AND code = $3";

/// All entries of an account, by its pages.
const TOTALS_ON_SQLITE: &str = concat!(
    "WITH RECURSIVE walk (seq, line) AS (
        SELECT 1, ",
    line_of!("?1", "1"),
    "
        UNION ALL SELECT seq + 1, ",
    line_of!("?1", "(seq + 1)"),
    " FROM walk
        WHERE seq < (SELECT entry_count FROM ledger_accounts AS counted WHERE counted.no = ?1)
    )
    SELECT line % 2 = 0 AS debit, reverses IS NOT NULL AS reversal, kind, SUM(amount / 1000000000) AS high,
        SUM(amount % 1000000000) AS low, COUNT(*) AS entries
    FROM walk CROSS JOIN ledger_transfers AS t ON t.no = line / 2 GROUP BY 1, 2, 3"
);

/// PostgreSQL adds up bigints to a numeric, hence the casts.
const TOTALS_ON_POSTGRES: &str = "
    SELECT TRUE AS debit, reverses IS NOT NULL AS reversal, kind, CAST(SUM(amount / 1000000000) AS BIGINT) AS high,
        CAST(SUM(amount % 1000000000) AS BIGINT) AS low, COUNT(*) AS entries
    FROM ledger_transfers WHERE debit_no = $1 GROUP BY 2, 3
    UNION ALL
    SELECT FALSE, reverses IS NOT NULL, kind, CAST(SUM(amount / 1000000000) AS BIGINT),
        CAST(SUM(amount % 1000000000) AS BIGINT), COUNT(*)
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

    async fn find_agent_accounts(&mut self, agents: &[AgentId]) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = on!(self,
        sqlite conn => {
            let mut rows = Vec::with_capacity(agents.len());
            for agent in agents {
                let row: Option<AccountRow> = a::table
                    .filter(a::agent_id.eq(agent)).filter(a::asset.eq(ASSET.code()))
                    .select(AccountRow::as_select()).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => {
            a::table
                .filter(a::agent_id.eq_any(agents)).filter(a::asset.eq(ASSET.code()))
                .select(AccountRow::as_select()).load(conn).await
        })?;
        models(rows)
    }

    async fn list_agent_accounts(&mut self, owner: OwnerId, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows: Vec<AccountRow> = on!(self, conn => a::table
            .filter(a::owner_id.eq(owner)).filter(a::asset.eq(ASSET.code())).filter(a::code.eq(Code::AGENT.as_str()))
            .order(a::no).limit(limit.into())
            .select(AccountRow::as_select()).load(conn).await)?;
        models(rows)
    }

    async fn agent_accounts_total(&mut self, owner: OwnerId) -> Result<AgentsTotal, StoreError> {
        let row: AgentsRow = on!(self, conn => diesel::sql_query(AGENTS)
            .bind::<Uid, _>(owner).bind::<Text, _>(ASSET.code()).bind::<Text, _>(Code::AGENT.as_str())
            .get_result(conn).await)?;
        Ok(AgentsTotal { count: row.wallets, balance: sum(row.high, row.low) })
    }

    async fn list_spendable_agent_accounts(
        &mut self,
        owner: OwnerId,
        agents: &[AgentId],
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        let spendable = || {
            let owned = a::owner_id.eq(owner).and(a::asset.eq(ASSET.code())).and(a::code.eq(Code::AGENT.as_str()));
            owned.and(a::state.eq(AccountState::Open.as_str())).and(a::balance.gt(a::held_out))
        };
        if agents.is_empty() {
            return on!(self, conn => a::table.filter(spendable())
                .order(a::no).limit(limit.into()).select(a::id).load(conn).await);
        }
        on!(self, conn => a::table.filter(spendable()).filter(a::agent_id.eq_any(agents))
            .order(a::no).limit(limit.into()).select(a::id).load(conn).await)
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
        let rows: Vec<TotalRow> = on!(self,
            sqlite conn => diesel::sql_query(TOTALS_ON_SQLITE).bind::<BigInt, _>(account_no).load(conn).await,
            postgres conn => diesel::sql_query(TOTALS_ON_POSTGRES).bind::<BigInt, _>(account_no).load(conn).await)?;
        let total = |row: TotalRow| Total {
            kind: Kind(row.kind),
            side: if row.debit { Side::Debit } else { Side::Credit },
            reversal: row.reversal,
            amount: sum(row.high, row.low),
            count: row.entries,
        };
        Ok(rows.into_iter().map(total).collect())
    }

    async fn append_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_does_not_fit_is_cut() {
        assert_eq!(sum(0, 7), 7);
        assert_eq!(sum(3, 5), 3_000_000_005);
        assert_eq!(sum(i64::MAX / SPLIT, i64::MAX % SPLIT), i64::MAX);
        assert_eq!((sum(i64::MAX / SPLIT, SPLIT), sum(i64::MAX, 0)), (i64::MAX, i64::MAX));
    }
}
