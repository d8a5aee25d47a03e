//! What waits in lanes, and what became of it.

use diesel::{
    ExpressionMethods, QueryDsl,
    dsl::sql,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on, statement, types::UtcTime};

use super::{
    PENDING,
    schema::{webhook_attempts as a, webhook_deliveries as d},
};
use crate::{
    model::{DeliveryId, DeliveryStatus, WebhookId},
    store::{Attempted, Parcel, ParcelStore, Waiting},
};

/// As in the partial indexes.
const FIRST: &str = "webhook_deliveries.status = 'pending' AND webhook_deliveries.tries = 0";
const AGAIN: &str = "webhook_deliveries.status = 'pending' AND webhook_deliveries.tries > 0";

statement! {
    /// Counts an attempt, if it is the one that comes next. Whoever has replayed the delivery meanwhile has begun anew.
    struct SetAttempted {
        status: &'static str => Text,
        attempts: i32 => Integer,
        tries: i32 => Integer,
        due_at: Option<Timestamp> => Nullable<UtcTime>,
        ended_at: Option<Timestamp> => Nullable<UtcTime>,
        last_status: Option<i32> => Nullable<Integer>,
        last_error: Option<String> => Nullable<Text>,
        seq: i64 => BigInt,
    }
    rows: ();
    sqlite: "UPDATE webhook_deliveries SET status = ?1, attempts = ?2, tries = ?3, due_at = ?4, ended_at = ?5, last_status = ?6,
        last_error = ?7 WHERE seq = ?8 AND status = 'pending' AND attempts = ?2 - 1 AND tries = ?3 - 1";
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
    }
    rows: ();
    postgres: "WITH told AS (
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                AS t (seq, status, number, tries, due_at, ended_at, status_code, error, at, duration_ms)
        ), counted AS (
            UPDATE webhook_deliveries AS d SET status = t.status, attempts = t.number, tries = t.tries, due_at = t.due_at,
                ended_at = t.ended_at, last_status = t.status_code, last_error = t.error
            FROM told AS t
            WHERE d.seq = t.seq AND d.status = 'pending' AND d.attempts = t.number - 1 AND d.tries = t.tries - 1
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

type ParcelRow = (i64, DeliveryId, String, String, i32, i32);

impl ParcelStore for Tx {
    async fn list_first(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        macro_rules! first {
            ($subject:literal) => {
                d::table
                    .filter(d::webhook_id.eq(webhook))
                    .filter(sql::<Bool>(FIRST))
                    .filter(d::due_at.le(now))
                    .order(d::seq)
                    .limit(limit.into())
                    .select((d::seq, sql::<Text>($subject)))
            };
        }
        // As text, which can be made of whatever stands there: a row that makes no sense is found when it is taken out.
        let rows: Vec<(i64, String)> = on!(self,
            sqlite conn => first!("hex(subject_id)").load(conn).await,
            postgres conn => first!("subject_id::text").load(conn).await)?;
        Ok(rows.into_iter().map(|(seq, subject)| Waiting { seq, first_of: Some(subject) }).collect())
    }

    async fn list_again(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let seqs: Vec<i64> = on!(self, conn => d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(AGAIN))
            .filter(d::due_at.le(now)).order(d::due_at).limit(limit.into()).select(d::seq).load(conn).await)?;
        Ok(seqs.into_iter().map(|seq| Waiting { seq, first_of: None }).collect())
    }

    async fn list_parcels(&mut self, seqs: &[i64]) -> Result<Vec<Parcel>, StoreError> {
        let rows: Vec<ParcelRow> = on!(self, conn => d::table.filter(d::seq.eq_any(seqs)).filter(sql::<Bool>(PENDING))
            .order(d::seq).select((d::seq, d::id, d::event, d::body, d::attempts, d::tries)).load(conn).await)?;
        let parcel = |(seq, id, event, body, attempts, tries): ParcelRow| Parcel { seq, id, event, body, attempts, tries };
        Ok(rows.into_iter().map(parcel).collect())
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

    async fn give_up(&mut self, seq: i64, why: &str, now: Timestamp) -> Result<(), StoreError> {
        let dead = (
            d::status.eq(DeliveryStatus::Dead.as_str()),
            d::due_at.eq(None::<Timestamp>),
            d::ended_at.eq(now),
            d::last_error.eq(why),
        );
        on!(self, conn => diesel::update(d::table.filter(d::seq.eq(seq)).filter(sql::<Bool>(PENDING))).set(dead)
            .execute(conn).await)?;
        Ok(())
    }

    async fn cancel_all(&mut self, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING)))
            .set(cancelled).execute(conn).await)?;
        Ok(())
    }

    async fn cancel_pending(&mut self, webhook: WebhookId, now: Timestamp, limit: u32) -> Result<usize, StoreError> {
        let seqs: Vec<i64> = on!(self, conn => d::table.filter(d::webhook_id.eq(webhook)).filter(sql::<Bool>(PENDING))
            .select(d::seq).order(d::seq).limit(limit.into()).load(conn).await)?;
        let cancelled = (d::status.eq(DeliveryStatus::Cancelled.as_str()), d::due_at.eq(None::<Timestamp>), d::ended_at.eq(now));
        on!(self, conn => diesel::update(d::table.filter(d::seq.eq_any(&seqs))).set(cancelled).execute(conn).await)
    }
}
