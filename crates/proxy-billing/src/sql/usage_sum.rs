//! What calls come to, for each owner, service and day.

use diesel::{
    ExpressionMethods, QueryDsl,
    dsl::sql,
    sql_types::{Array, BigInt, Text},
};
use rialto_registry::service::ServiceId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::schema::{usage_days as d, usage_records as u};
use crate::{
    store::UsageSumStore,
    usage::{CallSum, Period, UsageFilter, UsageId, UsageParty, UsageSum},
};

/// The calls that have ended and that a filter lets through, as a boxed query.
macro_rules! filtered {
    ($party:expr, $filter:expr) => {{
        let mut query = u::table.filter(u::finished_at.is_not_null()).into_boxed();
        query = match $party {
            UsageParty::Buyer(owner) => query.filter(u::buyer_id.eq(owner)),
            UsageParty::Provider(owner) => query.filter(u::provider_id.eq(owner)),
        };
        if let Some(service) = $filter.service {
            query = query.filter(u::service_id.eq(service));
        }
        if let Some(from) = $filter.from {
            query = query.filter(u::created_at.ge(from));
        }
        if let Some(to) = $filter.to {
            query = query.filter(u::created_at.lt(to));
        }
        if let Some(delivered) = $filter.delivered {
            query = query.filter(u::delivered.eq(delivered));
        }
        query
    }};
}
pub(super) use filtered;

/// Whether a call says how long its provider takes. One that was interrupted does not: nobody was there to hear it; nor does one that
/// never reached it, or whose buyer did not send it whole.
macro_rules! is_timed {
    () => {
        "(delivered OR coalesce(error, '') NOT IN ('interrupted', 'circuit_open', 'refused', 'unreachable', 'broken_request'))"
    };
}

/// What is added to a row of sums.
macro_rules! adds {
    ($had:literal) => {
        concat!(
            " ON CONFLICT (owner_id, party, day, service_id) DO UPDATE SET calls = ",
            $had,
            "calls + excluded.calls, delivered = ",
            $had,
            "delivered + excluded.delivered, free = ",
            $had,
            "free + excluded.free, timed = ",
            $had,
            "timed + excluded.timed, latency_ms = ",
            $had,
            "latency_ms + excluded.latency_ms, delivered_ms = ",
            $had,
            "delivered_ms + excluded.delivered_ms, amount = ",
            $had,
            "amount + excluded.amount, commission = ",
            $had,
            "commission + excluded.commission"
        )
    };
}

statement! {
    /// Adds calls, a list of their ids in hexadecimal, for who made them and who was called.
    struct AddOnSqlite { ids: String => Text }
    rows: ();
    sqlite: concat!(
        "INSERT INTO usage_days (owner_id, party, day, service_id, calls, delivered, free, timed, latency_ms, delivered_ms, amount,
            commission)
        SELECT CASE p.party WHEN 'buyer' THEN u.buyer_id ELSE u.provider_id END, p.party, u.created_at / 86400000000, u.service_id,
            count(*), sum(delivered), sum(delivered AND is_free), sum(", is_timed!(), "),
            sum(CASE WHEN ", is_timed!(), " THEN coalesce(latency_ms, 0) ELSE 0 END),
            sum(CASE WHEN delivered THEN coalesce(latency_ms, 0) ELSE 0 END), sum(coalesce(amount, 0)), sum(coalesce(commission, 0))
        FROM json_each(?1) AS ended CROSS JOIN usage_records AS u ON u.id = unhex(ended.value)
            CROSS JOIN (SELECT 'buyer' AS party UNION ALL SELECT 'provider') AS p
        WHERE u.finished_at IS NOT NULL
        GROUP BY 1, 2, 3, 4", adds!("")
    );
}

statement! {
    /// The same. Rows of sums are taken in one order everywhere, so that no two transactions wait for each other's.
    struct AddOnPostgres { ids: Vec<UsageId> => Array<Uid> }
    rows: ();
    postgres: concat!(
        "INSERT INTO usage_days AS had (owner_id, party, day, service_id, calls, delivered, free, timed, latency_ms, delivered_ms,
            amount, commission)
        SELECT p.owner_id, p.party, floor(extract(epoch FROM created_at) / 86400)::integer, service_id,
            count(*), count(*) FILTER (WHERE delivered), count(*) FILTER (WHERE delivered AND is_free),
            count(*) FILTER (WHERE ", is_timed!(), "), coalesce(sum(latency_ms) FILTER (WHERE ", is_timed!(), "), 0)::bigint,
            coalesce(sum(latency_ms) FILTER (WHERE delivered), 0)::bigint, coalesce(sum(amount), 0)::bigint,
            coalesce(sum(commission), 0)::bigint
        FROM usage_records CROSS JOIN LATERAL (VALUES ('buyer', buyer_id), ('provider', provider_id)) AS p (party, owner_id)
        WHERE id = ANY($1) AND finished_at IS NOT NULL
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4", adds!("had.")
    );
}

/// How a filter counts the calls of a row of sums: all of them, those that were delivered, or the others.
const ALL: &str = "CAST(coalesce(sum(calls), 0) AS BIGINT), CAST(coalesce(sum(timed), 0) AS BIGINT), \
    CAST(coalesce(sum(latency_ms), 0) AS BIGINT), CAST(coalesce(sum(delivered), 0) AS BIGINT), \
    CAST(coalesce(sum(free), 0) AS BIGINT), CAST(coalesce(sum(amount), 0) AS BIGINT), \
    CAST(coalesce(sum(commission), 0) AS BIGINT)";
const DELIVERED: &str = "CAST(coalesce(sum(delivered), 0) AS BIGINT), CAST(coalesce(sum(delivered), 0) AS BIGINT), \
    CAST(coalesce(sum(delivered_ms), 0) AS BIGINT), CAST(coalesce(sum(delivered), 0) AS BIGINT), \
    CAST(coalesce(sum(free), 0) AS BIGINT), CAST(coalesce(sum(amount), 0) AS BIGINT), \
    CAST(coalesce(sum(commission), 0) AS BIGINT)";
/// Nothing is charged for what was not delivered.
const FAILED: &str = "CAST(coalesce(sum(calls - delivered), 0) AS BIGINT), CAST(coalesce(sum(timed - delivered), 0) AS BIGINT), \
    CAST(coalesce(sum(latency_ms - delivered_ms), 0) AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT), \
    CAST(0 AS BIGINT)";
/// The same of the calls themselves.
const EACH: &str = concat!(
    "CAST(count(*) AS BIGINT), CAST(count(CASE WHEN ",
    is_timed!(),
    " THEN 1 END) AS BIGINT), \
    CAST(coalesce(sum(CASE WHEN ",
    is_timed!(),
    " THEN latency_ms END), 0) AS BIGINT), \
    CAST(count(CASE WHEN delivered THEN 1 END) AS BIGINT), CAST(count(CASE WHEN delivered AND is_free THEN 1 END) AS BIGINT), \
    CAST(coalesce(sum(amount), 0) AS BIGINT), CAST(coalesce(sum(commission), 0) AS BIGINT)"
);

type Sums = (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
type Row = (i64, i64, i64, i64, i64, i64, i64);

fn sum((calls, timed, latency_ms, delivered, free, amount, commission): Row) -> UsageSum {
    UsageSum { calls: CallSum { calls, timed, latency_ms }, delivered, free, amount, commission }
}

/// The rows of sums of whole days.
macro_rules! days {
    ($owner:expr, $party:expr, $period:expr, $service:expr) => {{
        let mut query = d::table.filter(d::owner_id.eq($owner)).filter(d::party.eq($party)).into_boxed();
        query = query.filter(d::day.ge($period.days.start)).filter(d::day.lt($period.days.end));
        let service: Option<ServiceId> = $service;
        if let Some(service) = service {
            query = query.filter(d::service_id.eq(service));
        }
        query
    }};
}

impl UsageSumStore for Tx {
    async fn sum_up(&mut self, ended: &[UsageId]) -> Result<(), StoreError> {
        on!(self,
            sqlite conn => {
                let hex: Vec<_> = ended.iter().map(|id| id.uuid().simple().to_string()).collect();
                AddOnSqlite { ids: serde_json::json!(hex).to_string() }.execute(conn).await
            },
            postgres conn => AddOnPostgres { ids: ended.to_vec() }.execute(conn).await)?;
        Ok(())
    }

    async fn sum_usage(&mut self, party: UsageParty, filter: &UsageFilter) -> Result<UsageSum, StoreError> {
        let period = Period::of(filter);
        let (owner, word) = match party {
            UsageParty::Buyer(owner) => (owner, "buyer"),
            UsageParty::Provider(owner) => (owner, "provider"),
        };
        let counted = match filter.delivered {
            None => ALL,
            Some(true) => DELIVERED,
            Some(false) => FAILED,
        };
        let mut all = UsageSum::default();
        if !period.days.is_empty() {
            let days: Row = on!(self, conn =>
                days!(owner, word, period, filter.service).select(sql::<Sums>(counted)).first(conn).await)?;
            all = sum(days);
        }
        for edge in &period.edges {
            let calls: Row = on!(self, conn => filtered!(party, edge).select(sql::<Sums>(EACH)).first(conn).await)?;
            all = all.plus(sum(calls));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::usage::UsageReason;

    const UNTIMED: [UsageReason; 5] = [
        UsageReason::Interrupted,
        UsageReason::CircuitOpen,
        UsageReason::Refused,
        UsageReason::Unreachable,
        UsageReason::BrokenRequest,
    ];

    #[test]
    fn the_words_are_those_of_reasons() {
        for reason in UNTIMED {
            assert!(is_timed!().contains(&format!("'{}'", reason.as_str())), "{reason:?}");
        }
    }
}
