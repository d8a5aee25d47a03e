//! What goes over the wire.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rialto_kernel::{Asset, Page, PageRequest, Ppm, Timestamp};
use rialto_proxy_billing::{
    commission::{Standing, Terms},
    settlement::{NewSettlement, Provider, Settlement, SettlementId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Problem;

/// The times that both databases can hold: from 1970 to the year 9999.
const TIMES: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999_999;

/// A period of a provider to settle.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "provider_id": "my-agent", "period_start": "2026-03-01T00:00:00Z", "period_end": "2026-04-01T00:00:00Z",
}))]
pub struct SettlementCreate {
    /// The `owner_id` of the provider.
    pub provider_id: String,
    /// From when on, ISO 8601: a time, or a date, which is its midnight. Without an offset it is UTC.
    pub period_start: String,
    /// Until when; a call that ended in this very moment is the next period's.
    pub period_end: String,
}

impl SettlementCreate {
    /// The provider's name, or 400.
    pub fn provider(&self) -> Result<&str, Problem> {
        let name = self.provider_id.trim();
        if name.is_empty() { Err(Problem::rule("body.provider_id", "must not be empty")) } else { Ok(name) }
    }

    /// The period's ends, or 400.
    pub fn period(&self) -> Result<(Timestamp, Timestamp), Problem> {
        let read = |field: &str, text: &str| {
            moment(text).ok_or_else(|| Problem::rule(format!("body.{field}"), "must be an ISO 8601 date or time"))
        };
        Ok((read("period_start", &self.period_start)?, read("period_end", &self.period_end)?))
    }
}

/// A moment in one of the forms of ISO 8601 that clients send.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let naive = || text.parse::<NaiveDateTime>().ok();
    let date = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN));
    let with_offset = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
    let moment = with_offset.or_else(|| Some(naive().or_else(date)?.and_utc()))?;
    Some(Timestamp::from(moment)).filter(|moment| TIMES.contains(&moment.micros()))
}

/// A settlement to be made.
pub fn new_settlement(provider: Provider, from: Timestamp, to: Timestamp) -> NewSettlement {
    NewSettlement { provider, from, to }
}

/// What a payment is called.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"payment_tx": "0xabc123"}))]
pub struct SettlementPay {
    /// The transaction's hash, or another reference.
    #[schema(min_length = 1, max_length = 256)]
    pub payment_tx: String,
}

/// Why a settlement was not paid.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "The wallet refused the payment"}))]
pub struct SettlementFail {
    /// In words.
    #[schema(min_length = 1, max_length = 256)]
    pub reason: String,
}

/// A settlement that was paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "completed", "payment_tx": "0xabc123", "id": "0198c0de-0000-7000-8000-000000000041"}))]
pub struct SettlementPaid {
    /// That it is `completed`.
    pub status: &'static str,
    /// What the payment is called.
    pub payment_tx: Option<String>,
    /// Which settlement.
    pub id: SettlementId,
}

impl From<Settlement> for SettlementPaid {
    fn from(paid: Settlement) -> Self {
        Self { status: paid.state.as_str(), payment_tx: paid.payment_tx, id: paid.id }
    }
}

/// What a provider is owed for a period. Amounts are USDC, exactly.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000041", "provider_id": "my-agent",
    "period_start": "2026-03-01T00:00:00.000000Z", "period_end": "2026-04-01T00:00:00.000000Z",
    "total_amount": "10.50", "platform_fee": "1.05", "net_amount": "9.45", "call_count": 210, "status": "pending",
    "payment_tx": null, "failure_reason": null,
    "created_at": "2026-04-01T08:00:00.000001Z", "updated_at": "2026-04-01T08:00:00.000001Z",
}))]
pub struct SettlementResponse {
    /// Its id.
    pub id: SettlementId,
    /// The `owner_id` of the provider.
    pub provider_id: String,
    /// From when on.
    pub period_start: Timestamp,
    /// Until when.
    pub period_end: Timestamp,
    /// What the calls cost.
    pub total_amount: String,
    /// What the house took of it.
    pub platform_fee: String,
    /// What is left.
    pub net_amount: String,
    /// How many calls.
    pub call_count: i64,
    /// `pending`, `processing`, `completed` or `failed`.
    pub status: &'static str,
    /// What the payment is called; of a completed one.
    pub payment_tx: Option<String>,
    /// Why it was not paid; of a failed one.
    pub failure_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<Settlement> for SettlementResponse {
    fn from(settlement: Settlement) -> Self {
        let share = settlement.share;
        Self {
            id: settlement.id,
            provider_id: settlement.provider.name,
            period_start: settlement.from,
            period_end: settlement.to,
            total_amount: share.gross.to_decimal(Asset::USDC),
            platform_fee: share.commission.to_decimal(Asset::USDC),
            net_amount: share.net().to_decimal(Asset::USDC),
            call_count: share.calls,
            status: settlement.state.as_str(),
            payment_tx: settlement.payment_tx,
            failure_reason: settlement.failure,
            created_at: settlement.created_at,
            updated_at: settlement.updated_at,
        }
    }
}

/// Which settlements to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SettlementPage {
    /// Of this provider. Without an administrator's credential: your own `owner_id`, or none.
    pub provider_id: Option<String>,
    /// `pending`, `processing`, `completed` or `failed`.
    pub status: Option<String>,
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// A page of settlements.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettlementList {
    /// The settlements of this page.
    pub settlements: Vec<SettlementResponse>,
    /// How many those are.
    pub count: usize,
    /// How many there are in all.
    pub total: i64,
    /// How many were skipped.
    pub offset: i64,
    /// How many there may be in a page.
    pub limit: i64,
}

impl SettlementList {
    /// A page as it was asked for.
    pub fn new(found: Page<Settlement>, page: PageRequest) -> Self {
        let settlements: Vec<_> = found.items.into_iter().map(SettlementResponse::from).collect();
        Self { count: settlements.len(), settlements, total: found.total, offset: page.offset(), limit: page.limit() }
    }
}

/// Where a provider stands in the growth programme.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "provider_id": "my-agent", "registered": true, "current_rate": "0.00", "current_tier": "free_trial",
    "registration_date": "2026-03-01T00:00:00.000000Z", "month_number": 1,
    "next_tier_date": "2026-04-01T00:00:00.000000Z", "next_tier_rate": "0.05",
}))]
pub struct CommissionResponse {
    /// The provider.
    pub provider_id: String,
    /// Whether it has ever offered a service.
    pub registered: bool,
    /// The most that the house takes of a call now: a ratio.
    pub current_rate: String,
    /// `free_trial`, `growth`, `standard` or `founding_seller`.
    pub current_tier: &'static str,
    /// When its first service was registered.
    pub registration_date: Option<Timestamp>,
    /// In which month it is, from 1.
    pub month_number: Option<u32>,
    /// When the rate changes by time.
    pub next_tier_date: Option<Timestamp>,
    /// To what.
    pub next_tier_rate: Option<String>,
}

impl CommissionResponse {
    /// Where it stands now.
    pub fn new(provider_id: String, terms: &Terms, standing: &Standing) -> Self {
        Self {
            provider_id,
            registered: terms.registered_at.is_some(),
            current_rate: ratio(standing.rate),
            current_tier: standing.tier.as_str(),
            registration_date: terms.registered_at,
            month_number: standing.month,
            next_tier_date: standing.next.map(|(at, _)| at),
            next_tier_rate: standing.next.map(|(_, rate)| ratio(rate)),
        }
    }
}

/// A ratio as a decimal of at least two places. Parts per million have as many places as micro-USDC.
fn ratio(rate: Ppm) -> String {
    rialto_kernel::Amount::new(rate.get().into()).unwrap_or_default().to_decimal(Asset::USDC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_time_of_the_years_that_there_are() {
        let noon = moment("2026-03-01T12:00:00Z").unwrap();
        for text in ["2026-03-01T12:00:00", "2026-03-01T13:00:00+01:00", " 2026-03-01T12:00:00.000Z "] {
            assert_eq!(moment(text), Some(noon), "{text}");
        }
        assert_eq!(moment("2026-03-01"), moment("2026-03-01T00:00:00+00:00"));
        for text in ["", "tomorrow", "2026-13-01", "1969-12-31", "10000-01-01", "-4714-01-01", "2026-03", "1e400", "NaN"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_ratio_has_two_places_at_least() {
        let ratios = [0, 50_000, 100_000, 80_000, 1_000_000, 1].map(|parts| ratio(Ppm::new(parts).unwrap()));
        assert_eq!(ratios, ["0.00", "0.05", "0.10", "0.08", "1.00", "0.000001"]);
    }
}
