//! What waits in lanes, and what became of it.

use diesel::{
    ExpressionMethods, QueryDsl,
    dsl::sql,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::Timestamp;
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Uid, UtcTime},
};

use super::{
    PENDING,
    schema::{webhook_attempts as a, webhook_deliveries as d},
};
use crate::{
    model::{DeliveryId, DeliveryStatus, WebhookId},
    store::{Attempted, Parcel, ParcelStore, Waiting},
};

// SQLite is told which indexes to take: it would take the one by status, and read what may not be sent yet as well.
const FIRST_SQLITE: &str = "SELECT seq, hex(subject_id) FROM webhook_deliveries INDEXED BY webhook_deliveries_first
    WHERE webhook_id = ?1 AND status = 'pending' AND tries = 0 AND due_at <= ?2
    AND hex(subject_id) NOT IN (SELECT value FROM json_each(?3)) ORDER BY seq LIMIT ?4";
const AGAIN_SQLITE: &str = "SELECT seq FROM webhook_deliveries INDEXED BY webhook_deliveries_again
    WHERE webhook_id = ?1 AND status = 'pending' AND tries > 0 AND due_at <= ?2 ORDER BY due_at LIMIT ?3";

// Subjects are text, which can be made of whatever stands there: a row that makes no sense is found when it is taken out.

statement! {
    /// The first attempts that may be made.
    struct ListFirstOnSqlite { webhook: WebhookId => Uid, now: Timestamp => UtcTime, busy: String => Text, limit: i64 => BigInt }
    rows: (BigInt, Text);
    sqlite: FIRST_SQLITE;
}

statement! {
    /// The same.
    struct ListFirstOnPostgres { webhook: WebhookId => Uid, now: Timestamp => UtcTime, busy: Vec<String> => Array<Text>, limit: i64 => BigInt }
    rows: (BigInt, Text);
    postgres: "SELECT seq, subject_id::text FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending' AND tries = 0
        AND due_at <= $2 AND subject_id::text <> ALL($3) ORDER BY seq LIMIT $4";
}

statement! {
    /// What may be sent again, the longest due first.
    struct ListAgain { webhook: WebhookId => Uid | Uid, now: Timestamp => UtcTime | UtcTime, limit: i64 => BigInt | BigInt }
    rows: BigInt;
    sqlite: AGAIN_SQLITE;
    postgres: "SELECT seq FROM webhook_deliveries WHERE webhook_id = $1 AND status = 'pending' AND tries > 0 AND due_at <= $2
        ORDER BY due_at LIMIT $3";
}

statement! {
    /// Counts an attempt, if it is the one that comes next and the delivery was not queued anew meanwhile: by a replay it is due at
    /// another time. What was given up while it was on its way, and taken, is delivered.
    struct SetAttempted {
        status: &'static str => Text,
        attempts: i32 => Integer,
        tries: i32 => Integer,
        due_at: Option<Timestamp> => Nullable<UtcTime>,
        ended_at: Option<Timestamp> => Nullable<UtcTime>,
        last_status: Option<i32> => Nullable<Integer>,
        last_error: Option<String> => Nullable<Text>,
        seq: i64 => BigInt,
        was_due: Timestamp => UtcTime,
    }
    rows: ();
    sqlite: "UPDATE webhook_deliveries SET status = ?1, attempts = ?2, tries = ?3, due_at = ?4, ended_at = ?5, last_status = ?6,
        last_error = ?7 WHERE seq = ?8 AND attempts = ?2 - 1 AND tries = ?3 - 1
        AND (status = 'pending' AND due_at = ?9 OR status = 'dead' AND ?1 = 'delivered')";
}

statement! {
    /// Counts attempts, and writes them down.
    struct SetManyAttempted {
        seq: Vec<i64> => Array<BigInt>,
        status: Vec<&'static str> => Array<Text>,
        number: Vec<i32> => Array<Integer>,
        tries: Vec<i32> => Array<Integer>,
        due_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        ended_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        status_code: Vec<Option<i32>> => Array<Nullable<Integer>>,
        error: Vec<Option<String>> => Array<Nullable<Text>>,
        at: Vec<Timestamp> => Array<UtcTime>,
        duration_ms: Vec<i64> => Array<BigInt>,
        was_due: Vec<Timestamp> => Array<UtcTime>,
    }
    rows: ();
    postgres: "WITH told AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                AS t (seq, status, number, tries, due_at, ended_at, status_code, error, at, duration_ms, was_due)
        ), counted AS (
            UPDATE webhook_deliveries AS d SET status = t.status, attempts = t.number, tries = t.tries, due_at = t.due_at,
                ended_at = t.ended_at, last_status = t.status_code, last_error = t.error
            FROM told AS t
            WHERE d.seq = t.seq AND d.attempts = t.number - 1 AND d.tries = t.tries - 1
                AND (d.status = 'pending' AND d.due_at = t.was_due OR d.status = 'dead' AND t.status = 'delivered')
            RETURNING d.seq
        )
        INSERT INTO webhook_attempts (delivery_seq, number, at, duration_ms, status_code, error)
        SELECT t.seq, t.number, t.at, t.duration_ms, t.status_code, t.error FROM told AS t JOIN counted USING (seq)";
}

fn ended_at(attempted: &Attempted) -> Option<Timestamp> {
    (attempted.status != DeliveryStatus::Pending).then_some(attempted.ended)
}

async fn set_many(tx: &mut Tx, attempted: &[&Attempted]) -> Result<(), StoreError> {
    let many = SetManyAttempted {
        seq: attempted.iter().map(|one| one.seq).collect(),
        status: attempted.iter().map(|one| one.status.as_str()).collect(),
        number: attempted.iter().map(|one| one.attempt.number).collect(),
        tries: attempted.iter().map(|one| one.tries).collect(),
        due_at: attempted.iter().map(|one| one.due_at).collect(),
        ended_at: attempted.iter().map(|one| ended_at(one)).collect(),
        status_code: attempted.iter().map(|one| one.attempt.status_code).collect(),
        error: attempted.iter().map(|one| one.attempt.error.clone()).collect(),
        at: attempted.iter().map(|one| one.attempt.at).collect(),
        duration_ms: attempted.iter().map(|one| one.attempt.duration_ms).collect(),
        was_due: attempted.iter().map(|one| one.was_due).collect(),
    };
    on!(tx, sqlite _conn => Ok::<_, diesel::result::Error>(0), postgres conn => many.execute(conn).await)?;
    Ok(())
}

async fn set_one(tx: &mut Tx, attempted: &Attempted) -> Result<(), StoreError> {
    let made = &attempted.attempt;
    let set = SetAttempted {
        status: attempted.status.as_str(),
        attempts: made.number,
        tries: attempted.tries,
        due_at: attempted.due_at,
        ended_at: ended_at(attempted),
        last_status: made.status_code,
        last_error: made.error.clone(),
        seq: attempted.seq,
        was_due: attempted.was_due,
    };
    let counted: usize = on!(tx, sqlite conn => set.execute(conn).await, postgres _conn => Ok::<_, diesel::result::Error>(0))?;
    if counted == 0 {
        return Ok(());
    }
    let row = (
        a::delivery_seq.eq(attempted.seq),
        a::number.eq(made.number),
        a::at.eq(made.at),
        a::duration_ms.eq(made.duration_ms),
        a::status_code.eq(made.status_code),
        a::error.eq(made.error.as_deref()),
    );
    on!(tx, conn => diesel::insert_into(a::table).values(&row).execute(conn).await)?;
    Ok(())
}

type ParcelRow = (i64, DeliveryId, String, String, i32, i32, Option<Timestamp>);

impl ParcelStore for Tx {
    async fn list_first(
        &mut self,
        webhook: WebhookId,
        now: Timestamp,
        busy: &[String],
        limit: u32,
    ) -> Result<Vec<Waiting>, StoreError> {
        let limit = i64::from(limit);
        let rows: Vec<(i64, String)> = on!(self,
            sqlite conn => ListFirstOnSqlite { webhook, now, busy: serde_json::json!(busy).to_string(), limit }.load(conn).await,
            postgres conn => ListFirstOnPostgres { webhook, now, busy: busy.to_vec(), limit }.load(conn).await)?;
        Ok(rows.into_iter().map(|(seq, subject)| Waiting { seq, first_of: Some(subject) }).collect())
    }

    async fn list_again(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let list = || ListAgain { webhook, now, limit: limit.into() };
        let seqs: Vec<i64> = on!(self, conn => list().load(conn).await)?;
        Ok(seqs.into_iter().map(|seq| Waiting { seq, first_of: None }).collect())
    }

    async fn list_parcels(&mut self, seqs: &[i64]) -> Result<Vec<Parcel>, StoreError> {
        let rows: Vec<ParcelRow> = on!(self, conn => d::table.filter(d::seq.eq_any(seqs)).filter(sql::<Bool>(PENDING))
            .order(d::seq).select((d::seq, d::id, d::event, d::body, d::attempts, d::tries, d::due_at)).load(conn).await)?;
        let parcel = |(seq, id, event, body, attempts, tries, due_at): ParcelRow| {
            // What is pending is due at some time.
            Some(Parcel { seq, id, event, body, attempts, tries, due_at: due_at? })
        };
        Ok(rows.into_iter().filter_map(parcel).collect())
    }

    async fn set_attempted(&mut self, attempted: &[&Attempted]) -> Result<(), StoreError> {
        if attempted.is_empty() {
            return Ok(());
        }
        if self.is_postgres() {
            return set_many(self, attempted).await;
        }
        for one in attempted {
            set_one(self, one).await?;
        }
        Ok(())
    }

    async fn give_up(&mut self, seqs: &[i64], why: &str, now: Timestamp) -> Result<(), StoreError> {
        let dead = (
            d::status.eq(DeliveryStatus::Dead.as_str()),
            d::due_at.eq(None::<Timestamp>),
            d::ended_at.eq(now),
            d::last_error.eq(why),
        );
        on!(self, conn => diesel::update(d::table.filter(d::seq.eq_any(seqs)).filter(sql::<Bool>(PENDING))).set(dead)
            .execute(conn).await)?;
        Ok(())
    }

    async fn list_pending(&mut self, webhook: WebhookId, except: &[i64], limit: u32) -> Result<Vec<i64>, StoreError> {
        on!(self, conn => d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING)).filter(d::seq.ne_all(except))
            .select(d::seq).order(d::seq).limit(limit.into()).load(conn).await)
    }

    async fn cancel_all(&mut self, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING)))
            .set(cancelled).execute(conn).await)?;
        Ok(())
    }

    async fn cancel_pending(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let seqs = self.list_pending(webhook, &[], limit).await?;
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::seq.eq_any(&seqs))).set(cancelled).execute(conn).await)
    }
}

#[cfg(test)]
mod tests {
    use rialto_store::testing::{Kind, TestDb};

    use super::{super::lane::NEXT_DUE_SQLITE, *};

    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    /// PostgreSQL goes by what it knows of the rows, and the tables of a test are empty.
    #[tokio::test]
    async fn what_may_be_sent_is_found_in_its_own_indexes_on_sqlite() {
        let test = TestDb::open(Kind::Sqlite).await.unwrap();
        let (first, again) = ("webhook_deliveries_first", "webhook_deliveries_again");
        for (query, indexes) in [(FIRST_SQLITE, vec![first]), (AGAIN_SQLITE, vec![again]), (NEXT_DUE_SQLITE, vec![first, again])]
        {
            let explain = format!("EXPLAIN QUERY PLAN {query}");
            let explain = async move |tx: &mut Tx| {
                on!(tx,
                    sqlite conn => diesel::sql_query(&explain).load(conn).await,
                    postgres _conn => Ok::<_, diesel::result::Error>(Vec::new()))
            };
            let plan: Vec<Step> = test.db.read::<_, StoreError, _>(explain).await.unwrap();
            let steps: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
            let looks: Vec<&String> = steps.iter().filter(|step| step.contains("webhook_deliveries")).collect();
            assert_eq!(looks.len(), indexes.len(), "{steps:#?}");
            for (look, index) in looks.iter().zip(indexes) {
                assert!(look.starts_with("SEARCH") && look.contains(&format!("{index} (webhook_id=?")), "{steps:#?}");
            }
            assert!(steps.iter().all(|step| !step.contains("ORDER BY")), "they are in order: {steps:#?}");
        }
    }
}
