//! Settlements, and which calls are in which.

use diesel::{
    AsChangeset, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, QueryableByName, Selectable,
    SelectableHelper, sql_query, sql_types::BigInt,
};
use rialto_kernel::{Amount, Event, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{
    StoreError, Tx, on, outbox,
    types::{Uid, UtcTime},
};

use self::settlements as s;
use crate::settlement::{Claim, Provider, Settlement, SettlementFilter, SettlementId, SettlementState, SettlementStore, Share};

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    settlements (id) {
        id -> Uid,
        provider_id -> Uid,
        provider -> Text,
        period_start -> UtcTime,
        period_end -> UtcTime,
        state -> Text,
        gross -> BigInt,
        commission -> BigInt,
        call_count -> BigInt,
        payment_tx -> Nullable<Text>,
        failure -> Nullable<Text>,
        is_releasing -> Bool,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

// The conditions are those of the indexes, word by word: with parameters in them SQLite would not know that they are.
const CLAIM: &str = "UPDATE usage_records SET settlement_id = $1 WHERE id IN \
     (SELECT id FROM usage_records WHERE provider_id = $2 AND finished_at >= $3 AND finished_at < $4 \
      AND delivered AND settlement_id IS NULL ORDER BY finished_at, id LIMIT $5) \
     RETURNING coalesce(amount, 0) AS amount, coalesce(commission, 0) AS commission";
const RELEASE: &str = "UPDATE usage_records SET settlement_id = NULL WHERE id IN \
     (SELECT id FROM usage_records WHERE settlement_id = $1 LIMIT $2)";
const RELEASING: &str = "SELECT id FROM settlements WHERE is_releasing ORDER BY id LIMIT 1";
// Rows that refer to the owner may be written meanwhile: it is not the owner that is locked, but settling with it.
const LOCK: &str = "SELECT id FROM owners WHERE id = $1 FOR NO KEY UPDATE";

#[derive(Insertable, AsChangeset, Queryable, Selectable)]
#[diesel(table_name = s, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Row {
    id: SettlementId,
    provider_id: OwnerId,
    provider: String,
    period_start: Timestamp,
    period_end: Timestamp,
    state: String,
    gross: i64,
    commission: i64,
    call_count: i64,
    payment_tx: Option<String>,
    failure: Option<String>,
    is_releasing: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = BigInt)]
    commission: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Uid)]
    id: SettlementId,
}

impl From<&Settlement> for Row {
    fn from(settlement: &Settlement) -> Self {
        Self {
            id: settlement.id,
            provider_id: settlement.provider.owner,
            provider: settlement.provider.name.clone(),
            period_start: settlement.from,
            period_end: settlement.to,
            state: settlement.state.as_str().to_owned(),
            gross: settlement.share.gross.get(),
            commission: settlement.share.commission.get(),
            call_count: settlement.share.calls,
            payment_tx: settlement.payment_tx.clone(),
            failure: settlement.failure.clone(),
            is_releasing: settlement.is_releasing,
            created_at: settlement.created_at,
            updated_at: settlement.updated_at,
        }
    }
}

impl TryFrom<Row> for Settlement {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("the settlement {}", row.id));
        let amount = |micro| Amount::new(micro).map_err(|_| corrupt());
        Ok(Self {
            share: Share { calls: row.call_count, gross: amount(row.gross)?, commission: amount(row.commission)? },
            state: SettlementState::from_word(&row.state).ok_or_else(corrupt)?,
            id: row.id,
            provider: Provider { owner: row.provider_id, name: row.provider },
            from: row.period_start,
            to: row.period_end,
            payment_tx: row.payment_tx,
            failure: row.failure,
            is_releasing: row.is_releasing,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Those that a filter wants. A macro, because its type differs between the databases.
macro_rules! wanted {
    ($filter:expr) => {{
        let filter: &SettlementFilter = $filter;
        let mut query = s::table.into_boxed();
        if let Some(provider) = filter.provider {
            query = query.filter(s::provider_id.eq(provider));
        }
        if let Some(state) = filter.state {
            query = query.filter(s::state.eq(state.as_str()));
        }
        query
    }};
}

/// How many a filter wants, and one page of them.
macro_rules! listed {
    ($conn:expr, $filter:expr, $page:expr) => {{
        let total: i64 = wanted!($filter).count().get_result($conn).await?;
        let query = wanted!($filter).order((s::period_end.desc(), s::id.desc())).limit($page.limit()).offset($page.offset());
        query.select(Row::as_select()).load($conn).await.map(|rows: Vec<Row>| (rows, total))
    }};
}

impl SettlementStore for Tx {
    async fn lock_provider(&mut self, provider: OwnerId) -> Result<(), StoreError> {
        // SQLite has one writer, so there is nobody to lock out.
        on!(self,
            sqlite _conn => Ok::<_, diesel::result::Error>(0),
            postgres conn => sql_query(LOCK).bind::<Uid, _>(provider).execute(conn).await)?;
        Ok(())
    }

    async fn insert_settlement(&mut self, new: &Settlement) -> Result<(), StoreError> {
        let row = Row::from(new);
        on!(self, conn => diesel::insert_into(s::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_settlement(&mut self, id: SettlementId) -> Result<Option<Settlement>, StoreError> {
        let row: Option<Row> = on!(self, conn => s::table.find(id).select(Row::as_select()).first(conn).await.optional())?;
        row.map(Settlement::try_from).transpose()
    }

    async fn lock_settlement(&mut self, id: SettlementId) -> Result<Option<Settlement>, StoreError> {
        let row: Option<Row> = on!(self,
            sqlite conn => s::table.find(id).select(Row::as_select()).first(conn).await.optional(),
            postgres conn => s::table.find(id).select(Row::as_select()).for_no_key_update().first(conn).await.optional())?;
        row.map(Settlement::try_from).transpose()
    }

    async fn find_overlapping(&mut self, of: &Settlement) -> Result<Option<SettlementId>, StoreError> {
        on!(self, conn => s::table
            .filter(s::provider_id.eq(of.provider.owner)).filter(s::period_start.lt(of.to)).filter(s::period_end.gt(of.from))
            .filter(s::id.ne(of.id)).filter(s::state.ne(SettlementState::Failed.as_str()))
            .order(s::id.asc()).select(s::id).first(conn).await.optional())
    }

    async fn save_settlement(&mut self, settlement: &Settlement) -> Result<(), StoreError> {
        let row = Row::from(settlement);
        on!(self, conn => diesel::update(s::table.find(settlement.id)).set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn claim_usage(&mut self, claim: &Claim) -> Result<Vec<Share>, StoreError> {
        let rows: Vec<Claimed> = on!(self, conn => sql_query(CLAIM)
            .bind::<Uid, _>(claim.settlement).bind::<Uid, _>(claim.provider)
            .bind::<UtcTime, _>(claim.from).bind::<UtcTime, _>(claim.to)
            .bind::<BigInt, _>(i64::from(claim.limit)).load(conn).await)?;
        let amount = |micro| Amount::new(micro).map_err(|_| StoreError::Corrupt("usage_records.amount".to_owned()));
        let call = |row: Claimed| Ok(Share { calls: 1, gross: amount(row.amount)?, commission: amount(row.commission)? });
        rows.into_iter().map(call).collect()
    }

    async fn release_usage(&mut self, id: SettlementId, limit: u32) -> Result<usize, StoreError> {
        on!(self, conn => sql_query(RELEASE).bind::<Uid, _>(id).bind::<BigInt, _>(i64::from(limit)).execute(conn).await)
    }

    async fn find_releasing(&mut self) -> Result<Option<SettlementId>, StoreError> {
        let row: Option<Found> = on!(self, conn => sql_query(RELEASING).get_result(conn).await.optional())?;
        Ok(row.map(|row| row.id))
    }

    async fn list_settlements(&mut self, filter: &SettlementFilter, page: PageRequest) -> Result<Page<Settlement>, StoreError> {
        let (rows, total) = on!(self, conn => listed!(conn, filter, page))?;
        Ok(Page { items: rows.into_iter().map(Settlement::try_from).collect::<Result<_, _>>()?, total })
    }

    async fn append_settlement_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}
