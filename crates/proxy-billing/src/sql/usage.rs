//! Calls of services.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
    dsl::{count_star, sql},
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::{Amount, OwnerId, PageRequest, Timestamp};
use rialto_registry::service::{PaymentMethod, ServiceId};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::{
    schema::{free_calls as f, services, usage_records as u},
    usage_sum::filtered,
};
use crate::{
    model::ClaimName,
    store::{UsageStore, UsageSumStore},
    usage::{CallSum, EndedUsage, NewUsage, RunningUsage, Usage, UsageEnd, UsageFilter, UsageId, UsageParty, UsageReason},
};

statement! {
    /// Takes a call for nothing, if there is one left.
    struct TakeFree {
        service_id: ServiceId => Uid | Uid,
        buyer_id: OwnerId => Uid | Uid,
        calls_max: i64 => BigInt | BigInt,
    }
    rows: ();
    sqlite: "INSERT INTO free_calls (service_id, buyer_id, taken) SELECT ?1, ?2, 1 WHERE ?3 > 0
        ON CONFLICT (service_id, buyer_id) DO UPDATE SET taken = taken + 1 WHERE taken < ?3";
    postgres: "INSERT INTO free_calls AS had (service_id, buyer_id, taken) SELECT $1, $2, 1 WHERE $3 > 0
        ON CONFLICT (service_id, buyer_id) DO UPDATE SET taken = had.taken + 1 WHERE had.taken < $3";
}

statement! {
    /// Gives one back.
    struct ReturnFree {
        service_id: ServiceId => Uid | Uid,
        buyer_id: OwnerId => Uid | Uid,
    }
    rows: ();
    sqlite: "UPDATE free_calls SET taken = taken - 1 WHERE service_id = ?1 AND buyer_id = ?2 AND taken > 0";
    postgres: "UPDATE free_calls SET taken = taken - 1 WHERE service_id = $1 AND buyer_id = $2 AND taken > 0";
}

statement! {
    /// Writes how a call ended, unless it has ended, or still has time.
    struct FinishUsage {
        id: UsageId => Uid | Uid,
        finished_at: Timestamp => UtcTime | UtcTime,
        delivered: bool => Bool | Bool,
        status_code: i32 => Integer | Integer,
        latency_ms: i64 => BigInt | BigInt,
        amount: i64 => BigInt | BigInt,
        commission: i64 => BigInt | BigInt,
        error: Option<&'static str> => Nullable<Text> | Nullable<Text>,
        only_late: bool => Bool | Bool,
    }
    rows: ();
    sqlite: "UPDATE usage_records SET finished_at = ?2, delivered = ?3, status_code = ?4, latency_ms = ?5, amount = ?6,
            commission = ?7, error = ?8
        WHERE id = ?1 AND finished_at IS NULL AND (NOT ?9 OR (expires_at <= ?2
            AND NOT EXISTS (SELECT 1 FROM x402_payments WHERE usage_id = ?1 AND state IN ('settling', 'unclear'))))";
    postgres: "UPDATE usage_records SET finished_at = $2, delivered = $3, status_code = $4, latency_ms = $5, amount = $6,
            commission = $7, error = $8
        WHERE id = $1 AND finished_at IS NULL AND (NOT $9 OR (expires_at <= $2
            AND NOT EXISTS (SELECT 1 FROM x402_payments WHERE usage_id = $1 AND state IN ('settling', 'unclear'))))";
}

/// Whether nobody fetches the money of a call, and nobody has to decide about it. Who does ends it.
const IS_NOT_SETTLING: &str =
    "NOT EXISTS (SELECT 1 FROM x402_payments WHERE usage_id = usage_records.id AND state IN ('settling', 'unclear'))";

impl FinishUsage {
    fn of(id: UsageId, end: &UsageEnd, only_late: bool, now: Timestamp) -> Self {
        let row = UsageEndRow::new(end, now);
        let UsageEndRow { finished_at, delivered, status_code, latency_ms, amount, commission, error } = row;
        Self { id, finished_at, delivered, status_code, latency_ms, amount, commission, error, only_late }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = u)]
struct UsageRow {
    id: UsageId,
    service_id: ServiceId,
    buyer_id: OwnerId,
    provider_id: OwnerId,
    is_free: bool,
    payment_method: String,
    request_id: Option<String>,
    claim_scope: Option<String>,
    claim_key: Option<String>,
    created_at: Timestamp,
    delivered: Option<bool>,
    status_code: Option<i32>,
    latency_ms: Option<i64>,
    amount: Option<i64>,
    commission: Option<i64>,
    error: Option<String>,
    payment_tx: Option<String>,
}

impl UsageRow {
    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt(format!("the usage record {} is not as it should be", self.id))
    }

    fn payment_method(&self) -> Result<PaymentMethod, StoreError> {
        PaymentMethod::from_word(&self.payment_method).ok_or_else(|| self.corrupt())
    }
}

impl TryFrom<UsageRow> for Usage {
    type Error = StoreError;

    fn try_from(row: UsageRow) -> Result<Self, StoreError> {
        let corrupt = || row.corrupt();
        let amount = |micro: Option<i64>| Amount::new(micro.unwrap_or(0)).map_err(|_| corrupt());
        let end = UsageEnd {
            delivered: row.delivered.ok_or_else(corrupt)?,
            status_code: row.status_code.and_then(|code| u16::try_from(code).ok()).ok_or_else(corrupt)?,
            latency_ms: row.latency_ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(corrupt)?,
            amount: amount(row.amount)?,
            commission: amount(row.commission)?,
            reason: row.error.as_deref().and_then(UsageReason::from_word),
        };
        Ok(Self {
            id: row.id,
            service: row.service_id,
            buyer: row.buyer_id,
            provider: row.provider_id,
            is_free: row.is_free,
            payment_method: row.payment_method()?,
            payment_tx: row.payment_tx,
            created_at: row.created_at,
            request_id: row.request_id,
            end,
        })
    }
}

impl TryFrom<UsageRow> for RunningUsage {
    type Error = StoreError;

    fn try_from(row: UsageRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            service: row.service_id,
            buyer: row.buyer_id,
            provider: row.provider_id,
            is_free: row.is_free,
            payment_method: row.payment_method()?,
            created_at: row.created_at,
            claim: row.claim_scope.zip(row.claim_key).map(|(scope, key)| ClaimName { scope, key }),
        })
    }
}

/// The columns of a call that is about to be made.
#[derive(Insertable)]
#[diesel(table_name = u)]
struct NewUsageRow<'a> {
    id: UsageId,
    service_id: ServiceId,
    buyer_id: OwnerId,
    provider_id: OwnerId,
    price: i64,
    is_free: bool,
    payment_method: &'static str,
    commission_ppm: i32,
    request_id: Option<&'a str>,
    claim_scope: Option<&'a str>,
    claim_key: Option<&'a str>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> From<&'a NewUsage> for NewUsageRow<'a> {
    fn from(new: &'a NewUsage) -> Self {
        Self {
            id: new.id,
            service_id: new.service,
            buyer_id: new.buyer,
            provider_id: new.provider,
            price: new.price.get(),
            is_free: new.is_free,
            payment_method: new.payment_method.as_str(),
            commission_ppm: i32::try_from(new.commission.get()).unwrap_or(i32::MAX),
            request_id: new.request_id.as_deref(),
            claim_scope: new.claim.as_ref().map(|claim| claim.scope.as_str()),
            claim_key: new.claim.as_ref().map(|claim| claim.key.as_str()),
            created_at: new.created_at,
            expires_at: new.expires_at,
        }
    }
}

/// The columns of its end.
#[derive(Insertable)]
#[diesel(table_name = u)]
struct UsageEndRow {
    finished_at: Timestamp,
    delivered: bool,
    status_code: i32,
    latency_ms: i64,
    amount: i64,
    commission: i64,
    error: Option<&'static str>,
}

impl UsageEndRow {
    fn new(end: &UsageEnd, now: Timestamp) -> Self {
        Self {
            finished_at: now,
            delivered: end.delivered,
            status_code: end.status_code.into(),
            latency_ms: i64::try_from(end.latency_ms).unwrap_or(i64::MAX),
            amount: end.amount.get(),
            commission: end.commission.get(),
            error: end.reason.map(UsageReason::as_str),
        }
    }
}

/// A call of which both are written at once.
#[derive(Insertable)]
#[diesel(table_name = u)]
struct EndedUsageRow<'a> {
    #[diesel(embed)]
    call: NewUsageRow<'a>,
    #[diesel(embed)]
    end: UsageEndRow,
}

impl UsageStore for Tx {
    async fn insert_usage(&mut self, new: &NewUsage) -> Result<(), StoreError> {
        let row = NewUsageRow::from(new);
        on!(self, conn => diesel::insert_into(u::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn insert_ended_usage(&mut self, calls: &[&EndedUsage]) -> Result<(), StoreError> {
        let rows: Vec<_> = calls
            .iter()
            .map(|ended| EndedUsageRow { call: (&ended.call).into(), end: UsageEndRow::new(&ended.end, ended.at) })
            .collect();
        on!(self,
            sqlite conn => {
                let mut done = Ok(0);
                for row in &rows {
                    done = diesel::insert_into(u::table).values(row).execute(conn).await;
                    if done.is_err() {
                        break;
                    }
                }
                done
            },
            postgres conn => diesel::insert_into(u::table).values(&rows).execute(conn).await)?;
        self.sum_up(&calls.iter().map(|ended| ended.call.id).collect::<Vec<_>>()).await
    }

    async fn take_free_call(&mut self, service: ServiceId, buyer: OwnerId, calls_max: i64) -> Result<bool, StoreError> {
        let take = TakeFree { service_id: service, buyer_id: buyer, calls_max };
        Ok(on!(self, conn => take.execute(conn).await)? == 1)
    }

    async fn has_free_call(&mut self, service: ServiceId, buyer: OwnerId, calls_max: i64) -> Result<bool, StoreError> {
        let taken: Option<i64> = on!(self, conn =>
            f::table.find((service, buyer)).select(f::taken).first(conn).await.optional())?;
        Ok(taken.unwrap_or(0) < calls_max)
    }

    async fn return_free_call(&mut self, service: ServiceId, buyer: OwnerId) -> Result<(), StoreError> {
        let give = ReturnFree { service_id: service, buyer_id: buyer };
        on!(self, conn => give.execute(conn).await)?;
        Ok(())
    }

    async fn finish_usage(&mut self, id: UsageId, end: &UsageEnd, now: Timestamp) -> Result<bool, StoreError> {
        let finish = FinishUsage::of(id, end, false, now);
        Ok(on!(self, conn => finish.execute(conn).await)? == 1)
    }

    async fn close_usage(&mut self, id: UsageId, end: &UsageEnd, now: Timestamp) -> Result<bool, StoreError> {
        let finish = FinishUsage::of(id, end, true, now);
        Ok(on!(self, conn => finish.execute(conn).await)? == 1)
    }

    async fn find_usage(&mut self, id: UsageId) -> Result<Option<Usage>, StoreError> {
        let row: Option<UsageRow> = on!(self, conn => u::table.find(id).filter(u::finished_at.is_not_null())
            .select(UsageRow::as_select()).first(conn).await.optional())?;
        row.map(Usage::try_from).transpose()
    }

    async fn list_stale_usage(&mut self, now: Timestamp, limit: u32) -> Result<Vec<RunningUsage>, StoreError> {
        let rows: Vec<UsageRow> = on!(self, conn => u::table
            .filter(u::finished_at.is_null().and(u::expires_at.le(now)).and(sql::<Bool>(IS_NOT_SETTLING)))
            .order(u::expires_at).limit(limit.into()).select(UsageRow::as_select()).load(conn).await)?;
        rows.into_iter().map(RunningUsage::try_from).collect()
    }

    async fn list_usage(&mut self, party: UsageParty, filter: &UsageFilter, page: PageRequest) -> Result<Vec<Usage>, StoreError> {
        let rows: Vec<UsageRow> = on!(self, conn => filtered!(party, filter)
            .order((u::created_at.desc(), u::id.desc())).limit(page.limit()).offset(page.offset())
            .select(UsageRow::as_select()).load(conn).await)?;
        rows.into_iter().map(Usage::try_from).collect()
    }

    async fn list_most_delivered(&mut self, since: Timestamp, limit: i64) -> Result<Vec<(ServiceId, CallSum)>, StoreError> {
        let rows: Vec<(ServiceId, i64, i64)> = on!(self, conn => u::table
            .inner_join(services::table.on(services::id.eq(u::service_id).and(services::state.eq("active"))))
            .filter(u::finished_at.ge(since).and(u::delivered.eq(true)))
            .group_by(u::service_id)
            .select((u::service_id, count_star(), sql::<BigInt>("CAST(coalesce(sum(latency_ms), 0) AS BIGINT)")))
            .order((count_star().desc(), u::service_id.asc()))
            .limit(limit).load(conn).await)?;
        Ok(rows.into_iter().map(|(id, calls, latency_ms)| (id, CallSum { calls, timed: calls, latency_ms })).collect())
    }

    async fn list_called_by(&mut self, buyer: OwnerId, limit: u32) -> Result<Vec<(ServiceId, i64)>, StoreError> {
        on!(self, conn => u::table.filter(u::buyer_id.eq(buyer)).group_by(u::service_id)
            .select((u::service_id, count_star())).order((count_star().desc(), u::service_id.asc()))
            .limit(i64::from(limit)).load(conn).await)
    }
}
