//! Reading what is in the outbox.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, QueryableByName, sql_query, sql_types::BigInt};
use rialto_kernel::{Id, OwnerId, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::{StoreError, Tx, on, schema::outbox, types::Json};

/// An event as it stands in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place among all events. Sequence numbers rise; some are never used.
    pub seq: i64,
    /// What happened, as `noun.verb`.
    pub kind: String,
    /// The thing it happened to.
    pub subject: Uuid,
    /// Whose event it is.
    pub owner: Option<OwnerId>,
    /// What is worth knowing about it.
    pub data: Value,
    /// When it happened.
    pub at: Timestamp,
}

/// How far the outbox reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The oldest event that is still kept, if there is any.
    pub oldest: Option<i64>,
    /// The highest sequence number that was ever given, perhaps to an event that is not committed yet; 0 before the first.
    pub newest: i64,
}

#[derive(QueryableByName)]
struct Newest {
    #[diesel(sql_type = BigInt)]
    newest: i64,
}

/// How far the outbox reaches now.
///
/// # Errors
/// Whatever the database says.
pub async fn reach(tx: &mut Tx) -> Result<Reach, StoreError> {
    // The counters remember numbers whose rows are gone.
    const NEWEST_SQLITE: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) AS newest";
    const NEWEST_POSTGRES: &str =
        "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('outbox', 'seq')::regclass), 0) AS newest";
    let oldest = on!(tx, conn => outbox::table.select(diesel::dsl::min(outbox::seq)).get_result::<Option<i64>>(conn).await)?;
    let newest: Newest = on!(tx,
        sqlite conn => sql_query(NEWEST_SQLITE).get_result(conn).await,
        postgres conn => sql_query(NEWEST_POSTGRES).get_result(conn).await)?;
    Ok(Reach { oldest, newest: newest.newest })
}

/// The events of these kinds with `after < seq <= upto`, in order. What bounds it is how far the two numbers are apart.
///
/// A row that makes no sense is left out, and the log says so: nobody could ever read on from before it.
///
/// # Errors
/// Whatever the database says.
pub async fn between(tx: &mut Tx, kinds: &[String], after: i64, upto: i64) -> Result<Vec<Recorded>, StoreError> {
    let found = load(tx, kinds, after, upto).await;
    let Err(StoreError::Corrupt(_)) = found else { return found };
    let seqs: Vec<i64> = on!(tx, conn => outbox::table.filter(outbox::seq.gt(after).and(outbox::seq.le(upto)))
        .filter(outbox::kind.eq_any(kinds)).order(outbox::seq).select(outbox::seq).load(conn).await)?;
    let mut found = Vec::with_capacity(seqs.len());
    for seq in seqs {
        match load(tx, kinds, seq.saturating_sub(1), seq).await {
            Err(StoreError::Corrupt(why)) => tracing::error!(seq, why, "an event cannot be read; nobody is told of it"),
            one => found.extend(one?),
        }
    }
    Ok(found)
}

async fn load(tx: &mut Tx, kinds: &[String], after: i64, upto: i64) -> Result<Vec<Recorded>, StoreError> {
    type Row = (i64, String, Id<()>, Option<OwnerId>, Json, Timestamp);
    let rows: Vec<Row> = on!(tx, conn => outbox::table
        .filter(outbox::seq.gt(after).and(outbox::seq.le(upto)))
        .filter(outbox::kind.eq_any(kinds))
        .order(outbox::seq)
        .select((outbox::seq, outbox::kind, outbox::subject_id, outbox::owner_id, outbox::data, outbox::occurred_at))
        .load(conn).await)?;
    let recorded = |(seq, kind, subject, owner, data, at): Row| {
        let (subject, data) = (subject.uuid(), data.0);
        Recorded { seq, kind, subject, owner, data, at }
    };
    Ok(rows.into_iter().map(recorded).collect())
}
