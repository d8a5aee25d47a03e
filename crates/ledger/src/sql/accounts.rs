//! Rows of `ledger_accounts`.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, Queryable, Selectable, SelectableHelper,
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
use rialto_kernel::{AccountId, AgentId, Asset, OwnerId, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::{
    amount,
    packed::{POINT_QUERIES_MAX, count, packed},
    schema::ledger_accounts as a,
};
use crate::{
    model::{Account, AccountState, Code, NewAccount, Overdraft},
    verify::AccountFigures,
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = a)]
pub(super) struct AccountRow {
    no: i64,
    id: AccountId,
    owner_id: Option<OwnerId>,
    agent_id: Option<AgentId>,
    asset: String,
    code: String,
    state: String,
    overdraft: Option<i64>,
    balance: i64,
    held_out: i64,
    held_in: i64,
    entry_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    credits_capped: bool,
}

impl AccountRow {
    /// What it says.
    pub(super) fn figures(&self) -> AccountFigures {
        AccountFigures {
            no: self.no,
            id: self.id,
            asset: self.asset.clone(),
            balance: self.balance,
            held: (self.held_out, self.held_in),
            entries: self.entry_count,
            is_sound: true,
        }
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let odd = |what: &str| StoreError::Corrupt(format!("account {} with the {what}", row.id));
        Ok(Self {
            id: row.id,
            no: row.no,
            owner: row.owner_id,
            agent: row.agent_id,
            asset: Asset::new(&row.asset).ok_or_else(|| odd(&format!("asset {}", row.asset)))?,
            state: AccountState::from_word(&row.state).ok_or_else(|| odd(&format!("state {}", row.state)))?,
            code: Code::from_word(row.code),
            overdraft: row.overdraft.map_or(Ok(Overdraft::Unlimited), |limit| amount(limit).map(Overdraft::Limit))?,
            balance: row.balance,
            held_out: amount(row.held_out)?,
            held_in: amount(row.held_in)?,
            entry_count: row.entry_count,
            created_at: row.created_at,
            updated_at: row.updated_at,
            credits_capped: row.credits_capped,
        })
    }
}

pub(super) fn models(rows: Vec<AccountRow>) -> Result<Vec<Account>, StoreError> {
    rows.into_iter().map(Account::try_from).collect()
}

pub(super) async fn insert(tx: &mut Tx, new: &NewAccount, now: Timestamp) -> Result<bool, StoreError> {
    let overdraft = match new.overdraft {
        Overdraft::Unlimited => None,
        Overdraft::Limit(limit) => Some(limit.get()),
    };
    let row = (
        a::id.eq(new.id),
        a::owner_id.eq(new.owner),
        a::agent_id.eq(new.agent),
        a::asset.eq(new.asset.code()),
        a::code.eq(new.code.as_str()),
        a::state.eq(AccountState::Open.as_str()),
        a::overdraft.eq(overdraft),
        a::credits_capped.eq(new.credits_capped),
        a::created_at.eq(now),
        a::updated_at.eq(now),
    );
    let inserted = on!(tx, conn => diesel::insert_into(a::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
    Ok(inserted == 1)
}

pub(super) async fn find(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> =
        on!(tx, conn => a::table.filter(a::id.eq(id)).select(AccountRow::as_select()).first(conn).await.optional())?;
    row.map(Account::try_from).transpose()
}

statement! {
    /// Reads many accounts, in one statement.
    struct SelectMany { ids: Vec<u8> => Binary, count: i64 => BigInt }
    rows: (
        BigInt, Uid, Nullable<Uid>, Nullable<Uid>, Text, Text, Text, Nullable<BigInt>, BigInt, BigInt, BigInt, BigInt, UtcTime,
        UtcTime, Bool,
    );
    sqlite: "WITH RECURSIVE wanted (at) AS (VALUES (1) UNION ALL SELECT at + 16 FROM wanted WHERE at + 16 < ?2)
        SELECT no, id, owner_id, agent_id, asset, code, state, overdraft, balance, held_out, held_in, entry_count, created_at,
            updated_at, credits_capped
        FROM wanted CROSS JOIN ledger_accounts ON id = substr(?1, at, 16)";
}

pub(super) async fn lock(tx: &mut Tx, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
    let rows = on!(tx,
    // The writer has the whole file to itself.
    sqlite conn => {
        if ids.len() > POINT_QUERIES_MAX {
            SelectMany { ids: packed(ids), count: count(ids) }.load(conn).await
        } else {
            let mut rows = Vec::with_capacity(ids.len());
            for id in ids {
                let row: Option<AccountRow> =
                    a::table.filter(a::id.eq(id)).select(AccountRow::as_select()).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        }
    },
    postgres conn => lock_rows(conn, ids).await)?;
    models(rows)
}

/// Locks accounts on PostgreSQL, for who sends several statements before the first is answered.
pub(super) async fn lock_rows(mut conn: &AsyncPgConnection, ids: &[AccountId]) -> QueryResult<Vec<AccountRow>> {
    let locked = a::table.filter(a::id.eq_any(ids)).order(a::id).for_no_key_update().select(AccountRow::as_select());
    rialto_store::private::RunQueryDsl::load(locked, &mut conn).await
}

pub(super) async fn set_state(tx: &mut Tx, id: AccountId, state: AccountState, now: Timestamp) -> Result<(), StoreError> {
    let changes = (a::state.eq(state.as_str()), a::updated_at.eq(now));
    on!(tx, conn => diesel::update(a::table.filter(a::id.eq(id))).set(changes).execute(conn).await)?;
    Ok(())
}
