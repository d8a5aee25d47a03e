//! Payments by x402, for administrators.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, Queryable,
    Selectable, SelectableHelper, sql_query,
    sql_types::{Bool, Text},
};
use rialto_kernel::{Amount, OwnerId, Page, PageRequest, Timestamp};
use rialto_registry::service::ServiceId;
use rialto_store::{StoreError, Tx, on};

use self::x402_resolutions as r;
use super::{schema::usage_records as u, x402::x402_payments as p};
use crate::{
    payments::x402::{Address, AuthorizationId, Doubtful, PaymentRecord, PaymentState, ReviewStore, word},
    usage::UsageId,
};

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    x402_resolutions (usage_id) {
        usage_id -> Uid,
        resolved_by -> Uid,
        resolved_at -> UtcTime,
    }
}

diesel::allow_tables_to_appear_in_same_query!(x402_resolutions, p);
diesel::allow_tables_to_appear_in_same_query!(x402_resolutions, u);

const LOCK_TRANSACTION: &str = "SELECT pg_advisory_xact_lock(hashtext('x402_transactions'), hashtext($1))";

#[derive(Queryable, Selectable)]
#[diesel(table_name = p)]
struct Row {
    usage_id: UsageId,
    chain_id: i64,
    asset: String,
    payer: String,
    nonce: String,
    amount: i64,
    state: String,
    transaction_id: Option<String>,
    failure: Option<String>,
    attempts: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

type Parties = (ServiceId, OwnerId, OwnerId);
type Decided = (Option<OwnerId>, Option<Timestamp>);

fn record((row, (service, buyer, provider), (by, at)): (Row, Parties, Decided)) -> Result<PaymentRecord, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("the payment of the call {} is not as it should be", row.usage_id));
    Ok(PaymentRecord {
        usage: row.usage_id,
        service,
        buyer,
        provider,
        amount: Amount::new(row.amount).map_err(|_| corrupt())?,
        authorization: AuthorizationId {
            chain_id: u64::try_from(row.chain_id).map_err(|_| corrupt())?,
            asset: Address::parse(&row.asset).ok_or_else(corrupt)?,
            payer: Address::parse(&row.payer).ok_or_else(corrupt)?,
            nonce: word(&row.nonce).ok_or_else(corrupt)?,
        },
        state: PaymentState::from_word(&row.state).ok_or_else(corrupt)?,
        transaction: row.transaction_id,
        failure: row.failure,
        attempts: row.attempts,
        created_at: row.created_at,
        updated_at: row.updated_at,
        resolved: by.zip(at),
    })
}

/// Payments, with their calls and what was decided. A macro, because its type differs between the databases.
macro_rules! payments {
    () => {
        p::table.inner_join(u::table.on(u::id.eq(p::usage_id))).left_join(r::table.on(r::usage_id.eq(p::usage_id))).select((
            Row::as_select(),
            (u::service_id, u::buyer_id, u::provider_id),
            (r::resolved_by.nullable(), r::resolved_at.nullable()),
        ))
    };
}

impl ReviewStore for Tx {
    async fn insert_resolution(&mut self, usage: UsageId, by: OwnerId, now: Timestamp) -> Result<(), StoreError> {
        let row = (r::usage_id.eq(usage), r::resolved_by.eq(by), r::resolved_at.eq(now));
        on!(self, conn => diesel::insert_into(r::table).values(row).execute(conn).await)?;
        Ok(())
    }

    async fn find_in_transaction(
        &mut self,
        chain_id: u64,
        transaction: &str,
        usage: UsageId,
    ) -> Result<Option<UsageId>, StoreError> {
        // SQLite has but one writer.
        on!(self,
            sqlite _conn => Ok::<usize, diesel::result::Error>(0),
            postgres conn => sql_query(LOCK_TRANSACTION).bind::<Text, _>(transaction).execute(conn).await)?;
        let chain_id = i64::try_from(chain_id).unwrap_or(i64::MAX);
        let is_named = diesel::dsl::sql::<Bool>("lower(transaction_id) = ").bind::<Text, _>(transaction);
        on!(self, conn => p::table.filter(p::chain_id.eq(chain_id).and(is_named).and(p::usage_id.ne(usage)))
            .select(p::usage_id).first(conn).await.optional())
    }

    async fn find_payment(&mut self, usage: UsageId) -> Result<Option<PaymentRecord>, StoreError> {
        let row = on!(self, conn => payments!().filter(p::usage_id.eq(usage)).first(conn).await.optional())?;
        row.map(record).transpose()
    }

    async fn list_payments(&mut self, which: Doubtful, page: PageRequest) -> Result<Page<PaymentRecord>, StoreError> {
        // Few in any case, and found by an index: the condition of it, word by word, or the other table.
        let total: i64 = match which {
            Doubtful::Unclear => on!(self, conn => p::table.filter(is_unclear()).count().get_result(conn).await)?,
            Doubtful::Resolved => on!(self, conn => r::table.count().get_result(conn).await)?,
        };
        let rows: Vec<(Row, Parties, Decided)> = match which {
            Doubtful::Unclear => on!(self, conn => payments!().filter(is_unclear())
                .order(p::usage_id.desc()).limit(page.limit()).offset(page.offset()).load(conn).await)?,
            Doubtful::Resolved => on!(self, conn => payments!().filter(r::usage_id.is_not_null())
                .order(r::usage_id.desc()).limit(page.limit()).offset(page.offset()).load(conn).await)?,
        };
        Ok(Page { items: rows.into_iter().map(record).collect::<Result<_, _>>()?, total })
    }
}

fn is_unclear() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql("(x402_payments.state = 'unclear' OR (x402_payments.state = 'settling' AND x402_payments.is_paid))")
}
