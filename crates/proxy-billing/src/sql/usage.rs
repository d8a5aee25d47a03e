//! Calls of services.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl,
    dsl::{count_star, sql},
    sql_types::BigInt,
};
use rialto_kernel::{OwnerId, Timestamp};
use rialto_registry::service::ServiceId;
use rialto_store::{StoreError, Tx, on};

use super::schema::{services, usage_records as u};
use crate::{
    store::UsageStore,
    usage::{CallSum, NewUsage},
};

impl UsageStore for Tx {
    async fn insert_usage(&mut self, new: &NewUsage) -> Result<(), StoreError> {
        let row = (
            u::id.eq(new.id),
            u::service_id.eq(new.service),
            u::buyer_id.eq(new.buyer),
            u::provider_id.eq(new.provider),
            u::price.eq(new.price.get()),
            u::is_free.eq(new.is_free),
            u::payment_method.eq(new.payment_method.as_str()),
            u::commission_ppm.eq(i32::try_from(new.commission.get()).unwrap_or(i32::MAX)),
            u::request_id.eq(&new.request_id),
            u::claim_scope.eq(&new.claim_scope),
            u::created_at.eq(new.created_at),
            u::expires_at.eq(new.expires_at),
        );
        on!(self, conn => diesel::insert_into(u::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_most_delivered(&mut self, since: Timestamp, limit: i64) -> Result<Vec<(ServiceId, CallSum)>, StoreError> {
        let rows: Vec<(ServiceId, i64, i64)> = on!(self, conn => u::table
            .inner_join(services::table.on(services::id.eq(u::service_id).and(services::state.eq("active"))))
            .filter(u::finished_at.ge(since).and(u::delivered.eq(true)))
            .group_by(u::service_id)
            .select((u::service_id, count_star(), sql::<BigInt>("CAST(coalesce(sum(latency_ms), 0) AS BIGINT)")))
            .order((count_star().desc(), u::service_id.asc()))
            .limit(limit).load(conn).await)?;
        Ok(rows.into_iter().map(|(id, calls, latency_ms)| (id, CallSum { calls, latency_ms })).collect())
    }

    async fn list_called_by(&mut self, buyer: OwnerId, limit: u32) -> Result<Vec<(ServiceId, i64)>, StoreError> {
        on!(self, conn => u::table.filter(u::buyer_id.eq(buyer)).group_by(u::service_id)
            .select((u::service_id, count_star())).order((count_star().desc(), u::service_id.asc()))
            .limit(i64::from(limit)).load(conn).await)
    }
}
