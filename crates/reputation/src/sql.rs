//! The SQL of reputation.

use diesel::{
    AsChangeset, BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, QueryableByName,
    Selectable, SelectableHelper, sql_query,
    sql_types::{BigInt, Integer, Nullable, Text},
};
use rialto_kernel::{Event, Id, OwnerId, Timestamp, nouns};
use rialto_store::{
    StoreError, Tx, on, outbox,
    types::{Uid, UtcTime},
};

use self::reputation_records as r;
use crate::{Call, Counts, Period, Record, ReputationStore, Score, Subject};

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    reputation_records (subject_id, month) {
        subject_id -> Uid,
        month -> Integer,
        provider_id -> Uid,
        service_id -> Nullable<Uid>,
        calls -> BigInt,
        successes -> BigInt,
        errors -> BigInt,
        latency_ms -> BigInt,
        overall -> Integer,
        latency -> Integer,
        reliability -> Integer,
        quality -> Integer,
        updated_at -> UtcTime,
    }
}

// The registry's and identity's: whoever is told of a score is told whose it is.
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    agents (id) {
        id -> Uid,
        slug -> Text,
        owner_id -> Uid,
        state -> Text,
        created_at -> UtcTime,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    owners (id) {
        id -> Uid,
        external_id -> Nullable<Text>,
    }
}

// The conditions are those of the index, word by word. Whoever settles calls at the same moment is not waited for: the next
// round counts them.
const TAKE: &str = "UPDATE usage_records SET is_counted = TRUE WHERE id IN \
     (SELECT id FROM usage_records WHERE finished_at IS NOT NULL AND NOT is_counted ORDER BY provider_id, finished_at, id LIMIT $1";
const TAKEN: &str = ") RETURNING service_id, provider_id, buyer_id, finished_at, status_code, latency_ms, error";
const UNCOUNTED: &str = "SELECT service_id, provider_id, buyer_id, finished_at, status_code, latency_ms, error FROM usage_records \
     WHERE finished_at IS NOT NULL AND NOT is_counted AND provider_id = $1 AND finished_at >= $2 AND finished_at < $3 \
     ORDER BY finished_at, id LIMIT $4";
/// Counting is done by one at a time. Any number will do, as long as nobody else uses it.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7216052628)";

/// Ends of calls that say nothing about who was called: it was not asked, or its answer was not waited for.
const NOT_ITS_DOING: [&str; 4] = ["interrupted", "broken_request", "circuit_open", "payment_failed"];

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = Uid)]
    service_id: Id<nouns::Service>,
    #[diesel(sql_type = Uid)]
    provider_id: OwnerId,
    #[diesel(sql_type = Uid)]
    buyer_id: OwnerId,
    #[diesel(sql_type = UtcTime)]
    finished_at: Timestamp,
    #[diesel(sql_type = Nullable<Integer>)]
    status_code: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    latency_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    error: Option<String>,
}

impl From<Ended> for Call {
    fn from(row: Ended) -> Self {
        let is_its_doing = row.error.is_none_or(|error| !NOT_ITS_DOING.contains(&error.as_str()));
        // Nobody vouches for themselves.
        let is_anothers = row.buyer_id != row.provider_id;
        let counts =
            row.status_code.zip(row.latency_ms).filter(|_| is_its_doing && is_anothers).map(|(status, latency_ms)| Counts {
                calls: 1,
                successes: i64::from(status < 400),
                errors: i64::from(status >= 500),
                latency_ms: latency_ms.max(0),
            });
        Self { service: row.service_id, provider: row.provider_id, at: row.finished_at, counts }
    }
}

#[derive(Insertable, AsChangeset, Queryable, Selectable)]
#[diesel(table_name = r, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Row {
    subject_id: Id<()>,
    month: i32,
    provider_id: OwnerId,
    service_id: Option<Id<nouns::Service>>,
    calls: i64,
    successes: i64,
    errors: i64,
    latency_ms: i64,
    overall: i32,
    latency: i32,
    reliability: i32,
    quality: i32,
    updated_at: Timestamp,
}

/// What a subject is found by.
fn key(subject: Subject) -> (Id<()>, Option<Id<nouns::Service>>) {
    match subject {
        Subject::Provider(provider) => (provider.cast(), None),
        Subject::Service(service, _) => (service.cast(), Some(service)),
    }
}

impl Row {
    fn new(record: &Record, now: Timestamp) -> Self {
        let (subject_id, service_id) = key(record.subject);
        let points = |hundredths: u32| i32::try_from(hundredths).unwrap_or(i32::MAX);
        let (counts, score) = (record.counts, record.score);
        Self {
            subject_id,
            month: record.period.number(),
            provider_id: record.subject.provider(),
            service_id,
            calls: counts.calls,
            successes: counts.successes,
            errors: counts.errors,
            latency_ms: counts.latency_ms,
            overall: points(score.overall),
            latency: points(score.latency),
            reliability: points(score.reliability),
            quality: points(score.quality),
            updated_at: now,
        }
    }

    fn record(self, subject: Subject, period: Period) -> Record {
        let points = |hundredths: i32| u32::try_from(hundredths).unwrap_or(0);
        let Self { calls, successes, errors, latency_ms, .. } = self;
        let (overall, latency) = (points(self.overall), points(self.latency));
        let (reliability, quality) = (points(self.reliability), points(self.quality));
        let score = Score { overall, latency, reliability, quality };
        Record { subject, period, counts: Counts { calls, successes, errors, latency_ms }, score }
    }
}

impl ReputationStore for Tx {
    async fn lock_counting(&mut self) -> Result<(), StoreError> {
        // SQLite has one writer, so there is nobody to lock out.
        if self.is_postgres() { self.batch(LOCK).await } else { Ok(()) }
    }

    async fn take_uncounted(&mut self, limit: u32) -> Result<Vec<Call>, StoreError> {
        let limit = i64::from(limit);
        let rows: Vec<Ended> = on!(self,
            sqlite conn => sql_query(format!("{TAKE}{TAKEN}")).bind::<BigInt, _>(limit).load(conn).await,
            postgres conn => sql_query(format!("{TAKE} FOR UPDATE SKIP LOCKED{TAKEN}")).bind::<BigInt, _>(limit).load(conn).await)?;
        Ok(rows.into_iter().map(Call::from).collect())
    }

    async fn sum_uncounted(&mut self, provider: OwnerId, period: Period, limit: u32) -> Result<Counts, StoreError> {
        let range = period.range();
        let rows: Vec<Ended> = on!(self, conn => sql_query(UNCOUNTED).bind::<Uid, _>(provider)
            .bind::<UtcTime, _>(range.start).bind::<UtcTime, _>(range.end).bind::<BigInt, _>(i64::from(limit))
            .load(conn).await)?;
        let counts = rows.into_iter().filter_map(|row| Call::from(row).counts);
        counts.into_iter().try_fold(Counts::default(), Counts::plus)
    }

    async fn find_record(&mut self, subject: Subject, period: Period) -> Result<Option<Record>, StoreError> {
        let ((subject_id, _), month) = (key(subject), period.number());
        let row: Option<Row> = on!(self, conn => r::table.find((subject_id, month))
            .select(Row::as_select()).first(conn).await.optional())?;
        Ok(row.map(|row| row.record(subject, period)))
    }

    async fn put_record(&mut self, record: &Record, now: Timestamp) -> Result<(), StoreError> {
        let row = Row::new(record, now);
        on!(self, conn => diesel::insert_into(r::table).values(&row)
            .on_conflict((r::subject_id, r::month)).do_update().set(&row).execute(conn).await)?;
        Ok(())
    }

    async fn list_overall(&mut self, providers: &[OwnerId]) -> Result<Vec<(OwnerId, u32)>, StoreError> {
        let subjects: Vec<Id<()>> = providers.iter().map(|provider| provider.cast()).collect();
        let rows: Vec<(OwnerId, i32)> = on!(self, conn => r::table
            .filter(r::subject_id.eq_any(subjects).and(r::month.eq(0)))
            .select((r::provider_id, r::overall)).load(conn).await)?;
        Ok(rows.into_iter().map(|(provider, overall)| (provider, u32::try_from(overall).unwrap_or(0))).collect())
    }

    async fn find_names(&mut self, owner: OwnerId, limit: u32) -> Result<(String, Vec<String>), StoreError> {
        let name: Option<Option<String>> = on!(self, conn => owners::table.find(owner)
            .select(owners::external_id).first(conn).await.optional())?;
        let agents: Vec<String> = on!(self, conn => agents::table.filter(agents::owner_id.eq(owner))
            .filter(agents::state.eq("active")).order((agents::created_at.asc(), agents::id.asc()))
            .limit(i64::from(limit)).select(agents::slug).load(conn).await)?;
        Ok((name.flatten().unwrap_or_else(|| owner.to_string()), agents))
    }

    async fn append_reputation_event(&mut self, event: Event) -> Result<(), StoreError> {
        outbox::append(self, event).await
    }
}
