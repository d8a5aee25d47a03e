//! What goes over the wire.

use rialto_kernel::{Amount, Asset, PageRequest, Timestamp};
use rialto_proxy_billing::usage::{Usage, UsageId, UsageReason, UsageReport};
use rialto_registry::service::ServiceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// Only calls of this service.
    #[param(value_type = Option<String>)]
    pub service_id: Option<ServiceId>,
    /// Only calls made then or later.
    #[param(value_type = Option<String>, example = "2026-11-01T00:00:00Z")]
    pub from: Option<Timestamp>,
    /// Only calls made before then.
    #[param(value_type = Option<String>, example = "2026-12-01T00:00:00Z")]
    pub to: Option<Timestamp>,
    /// Only those that were delivered, or were not.
    pub delivered: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// What calls come to, and a page of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "buyer_id": "my-agent", "total_calls": 42, "total_spent_usd": "2.10", "avg_latency_ms": 205.3, "delivered_calls": 42,
    "free_calls": 0, "total_commission_usd": "0.21", "records": [], "limit": 50, "offset": 0,
}))]
pub struct UsageResponse {
    /// Whose calls they are: the `owner_id` of who made them, or of whose services they were.
    pub buyer_id: String,
    /// How many have ended.
    pub total_calls: i64,
    /// What was charged for them, in USDC, exactly.
    pub total_spent_usd: String,
    /// How long one took on average.
    pub avg_latency_ms: f64,
    /// How many were delivered.
    pub delivered_calls: i64,
    /// How many of those were for nothing.
    pub free_calls: i64,
    /// What the house took of what was charged, in USDC, exactly.
    pub total_commission_usd: String,
    /// Those of this page, the newest first.
    pub records: Vec<UsageRecord>,
    /// How many were asked for.
    pub limit: i64,
    /// How many were skipped.
    pub offset: i64,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "usage_id": "0198c0de-0000-7000-8000-000000000042", "service_id": "0198c0de-0000-7000-8000-000000000031", "amount": "0.05",
    "free_tier": false, "payment_method": "x402",
    "payment_tx": "balance:0198c0de-0000-7000-8000-000000000042", "delivered": true, "status_code": 200, "latency_ms": 150, "reason": null,
    "request_id": "0198c0de-0000-7000-8000-000000000043", "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct UsageRecord {
    /// Its id, as in `X-ACF-Usage-Id`.
    pub usage_id: UsageId,
    /// What was called.
    pub service_id: ServiceId,
    /// What was charged, in USDC.
    pub amount: String,
    /// Whether it was one of the calls for nothing.
    pub free_tier: bool,
    /// How it was paid.
    pub payment_method: &'static str,
    /// What the payment is called where it was made: a transaction, or `balance:` and the usage id. Nothing when nothing was charged.
    pub payment_tx: Option<String>,
    /// Whether the provider answered, whole and with less than 500.
    pub delivered: bool,
    /// The provider's status, or ours when there was none.
    pub status_code: u16,
    /// How long it took.
    pub latency_ms: u64,
    /// Why it was not delivered, or not as others are.
    pub reason: Option<&'static str>,
    /// What the request was called.
    pub request_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<&Usage> for UsageRecord {
    fn from(usage: &Usage) -> Self {
        Self {
            usage_id: usage.id,
            service_id: usage.service,
            amount: usage.end.amount.to_decimal(Asset::USDC),
            free_tier: usage.is_free,
            payment_method: usage.payment_method.as_str(),
            payment_tx: usage.payment_tx.clone().or_else(|| {
                let is_charged = !usage.end.amount.is_zero();
                is_charged.then(|| format!("balance:{}", usage.id))
            }),
            delivered: usage.end.delivered,
            status_code: usage.end.status_code,
            latency_ms: usage.end.latency_ms,
            reason: usage.end.reason.map(UsageReason::as_str),
            request_id: usage.request_id.clone(),
            created_at: usage.created_at,
        }
    }
}

impl UsageResponse {
    pub fn new(buyer_id: String, report: &UsageReport, page: PageRequest) -> Self {
        let decimal = |micro: i64| Amount::new(micro).unwrap_or(Amount::MAX).to_decimal(Asset::USDC);
        let sum = &report.sum;
        Self {
            buyer_id,
            total_calls: sum.calls.calls,
            total_spent_usd: decimal(sum.amount),
            avg_latency_ms: sum.calls.latency_ms_avg(),
            delivered_calls: sum.delivered,
            free_calls: sum.free,
            total_commission_usd: decimal(sum.commission),
            records: report.calls.items.iter().map(UsageRecord::from).collect(),
            limit: page.limit(),
            offset: page.offset(),
        }
    }
}
