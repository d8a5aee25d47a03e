//! Idempotency keys: the claim and the answer, in the same transaction as the effect.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, sql_query,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
use rialto_kernel::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{StoreError, Tx, on, schema::idempotency_keys as k, statement, types::UtcTime};

/// A key as a client sent it, with all that has to agree when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose key, and for which operation: `owner/METHOD /path`. The table holds a digest of it: a path may be longer than
    /// an index can hold.
    pub scope: String,
    /// What the client sent.
    pub key: String,
    /// A digest of the request. Another request under the same key is an error.
    pub fingerprint: Vec<u8>,
}

impl Key {
    fn scope_digest(&self) -> Vec<u8> {
        Sha256::digest(&self.scope).to_vec()
    }
}

/// An answer that was given before and is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The HTTP status.
    pub status: u16,
    /// The body, as it was.
    pub body: String,
}

/// What a claim finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody had it: do the work, then [`finish`] in the same transaction.
    Fresh,
    /// The work was done; this is its answer.
    Done(Stored),
    /// Somebody is at it right now.
    Running,
    /// The key was used for another request.
    Mismatch,
}

statement! {
    /// Claims a key that nobody has.
    struct ClaimFree {
        scope_digest: Vec<u8> => Binary | Binary,
        key: String => Text | Text,
        fingerprint: Vec<u8> => Binary | Binary,
        created_at: Timestamp => UtcTime | UtcTime,
    }
    rows: ();
    sqlite: "INSERT INTO idempotency_keys (scope_digest, key, fingerprint, created_at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO NOTHING";
    postgres: "INSERT INTO idempotency_keys (scope_digest, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";
}

statement! {
    /// Keeps the answer under a key.
    struct KeepAnswer {
        scope_digest: Vec<u8> => Binary | Binary,
        key: String => Text | Text,
        status: i32 => Integer | Integer,
        response: String => Text | Text,
    }
    rows: ();
    sqlite: "UPDATE idempotency_keys SET status = ?3, response = ?4 WHERE scope_digest = ?1 AND key = ?2";
    postgres: "UPDATE idempotency_keys SET status = $3, response = $4 WHERE scope_digest = $1 AND key = $2";
}

statement! {
    /// Reads what became of many keys. Each row is looked up by its key, however large the table was when the plan was made.
    struct FindMany { scope_digest: Vec<Vec<u8>> => Array<Binary>, key: Vec<String> => Array<Text> }
    rows: (BigInt, Binary, Nullable<Integer>, Nullable<Text>);
    postgres: "SELECT n.at, k.fingerprint, k.status, k.response
        FROM unnest($1, $2) WITH ORDINALITY AS n (scope_digest, key, at), LATERAL (
            SELECT fingerprint, status, response FROM idempotency_keys AS k
            WHERE k.scope_digest = n.scope_digest AND k.key = n.key OFFSET 0
        ) AS k";
}

statement! {
    /// Keeps an answer under a key that nobody has.
    struct KeepOne {
        scope_digest: Vec<u8> => Binary,
        key: String => Text,
        fingerprint: Vec<u8> => Binary,
        status: i32 => Integer,
        response: String => Text,
        created_at: Timestamp => UtcTime,
    }
    rows: ();
    sqlite: "INSERT INTO idempotency_keys (scope_digest, key, fingerprint, status, response, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
}

statement! {
    /// Keeps answers under keys, those that nobody has.
    struct KeepMany {
        scope_digest: Vec<Vec<u8>> => Array<Binary>,
        key: Vec<String> => Array<Text>,
        fingerprint: Vec<Vec<u8>> => Array<Binary>,
        status: Vec<i32> => Array<Integer>,
        response: Vec<String> => Array<Text>,
        created_at: Timestamp => UtcTime,
    }
    rows: ();
    postgres: "INSERT INTO idempotency_keys (scope_digest, key, fingerprint, status, response, created_at)
        SELECT n.*, $6 FROM unnest($1, $2, $3, $4, $5) AS n ON CONFLICT DO NOTHING";
}

/// Claims `key` for this transaction. A rival that claimed it first and has not committed yet is waited for.
///
/// # Errors
/// Whatever the database says.
pub async fn claim(tx: &mut Tx, key: &Key, now: Timestamp) -> Result<Claim, StoreError> {
    let claim = ClaimFree {
        scope_digest: key.scope_digest(),
        key: key.key.clone(),
        fingerprint: key.fingerprint.clone(),
        created_at: now,
    };
    let claimed = on!(tx, conn => claim.execute(conn).await)?;
    if claimed == 1 {
        return Ok(Claim::Fresh);
    }
    Ok(find(tx, key).await?.unwrap_or(Claim::Running))
}

/// What became of `key`, without claiming it.
///
/// # Errors
/// Whatever the database says.
pub async fn find(tx: &mut Tx, key: &Key) -> Result<Option<Claim>, StoreError> {
    Ok(record(tx, key).await?.map(|record| record.claim(key)))
}

/// What is kept under a key, whoever asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// A digest of the request that it was used for.
    pub fingerprint: Vec<u8>,
    /// The answer, once there is one.
    pub answer: Option<Stored>,
}

type Row = (Vec<u8>, Option<i32>, Option<String>);

impl Record {
    fn of((fingerprint, status, response): Row) -> Self {
        let status = status.and_then(|status| u16::try_from(status).ok());
        Self { fingerprint, answer: status.zip(response).map(|(status, body)| Stored { status, body }) }
    }

    /// What it is to a request under this key.
    #[must_use]
    pub fn claim(&self, key: &Key) -> Claim {
        match &self.answer {
            _ if self.fingerprint != key.fingerprint => Claim::Mismatch,
            Some(answer) => Claim::Done(answer.clone()),
            None => Claim::Running,
        }
    }
}

async fn record(tx: &mut Tx, key: &Key) -> Result<Option<Record>, StoreError> {
    let found: Option<Row> = on!(tx, conn => k::table.find((key.scope_digest(), &key.key))
        .select((k::fingerprint, k::status, k::response)).first(conn).await.optional())?;
    Ok(found.map(Record::of))
}

/// What is kept under each of `keys`, in their order.
///
/// # Errors
/// Whatever the database says.
pub async fn find_all(tx: &mut Tx, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
    if let Tx::Postgres(conn) = tx {
        return find_many(conn, keys).await;
    }
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        found.push(record(tx, key).await?);
    }
    Ok(found)
}

/// [`find_all`] on PostgreSQL, for who sends several statements before the first is answered.
///
/// # Errors
/// Whatever the database says.
pub async fn find_many(mut conn: &AsyncPgConnection, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
    type Row = (i64, Vec<u8>, Option<i32>, Option<String>);
    let mut found = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(found);
    }
    let query = FindMany {
        scope_digest: keys.iter().map(Key::scope_digest).collect(),
        key: keys.iter().map(|key| key.key.clone()).collect(),
    };
    let rows: Vec<Row> = crate::private::RunQueryDsl::load(query, &mut conn).await?;
    for (at, fingerprint, status, response) in rows {
        let place = usize::try_from(at - 1).ok().and_then(|at| found.get_mut(at));
        *place.ok_or_else(|| StoreError::Corrupt("a key that was not asked for".into()))? =
            Some(Record::of((fingerprint, status, response)));
    }
    Ok(found)
}

/// Keeps answers under keys that nobody has, each with what it is the answer to.
///
/// # Errors
/// [`StoreError::Again`] when another transaction took one of the keys in the meantime: run again, this one will find it.
pub async fn keep_all(tx: &mut Tx, answers: Vec<(Key, Stored)>, now: Timestamp) -> Result<(), StoreError> {
    if let Tx::Postgres(conn) = tx {
        return keep_many(conn, answers, now).await;
    }
    let (count, mut kept) = (answers.len(), 0);
    for (key, answer) in answers {
        let row = KeepOne {
            scope_digest: key.scope_digest(),
            key: key.key,
            fingerprint: key.fingerprint,
            status: i32::from(answer.status),
            response: answer.body,
            created_at: now,
        };
        kept += on!(tx, sqlite conn => row.execute(conn).await, postgres _conn => Ok(0))?;
    }
    if kept == count { Ok(()) } else { Err(taken()) }
}

/// [`keep_all`] on PostgreSQL, for who sends several statements before the first is answered.
///
/// # Errors
/// As [`keep_all`].
pub async fn keep_many(mut conn: &AsyncPgConnection, answers: Vec<(Key, Stored)>, now: Timestamp) -> Result<(), StoreError> {
    if answers.is_empty() {
        return Ok(());
    }
    // In one order everywhere, so that no two transactions wait for each other's keys.
    let mut answers: Vec<_> = answers.into_iter().map(|(key, answer)| (key.scope_digest(), key, answer)).collect();
    answers.sort_unstable_by(|(scope, key, _), (other, name, _)| (scope, &key.key).cmp(&(other, &name.key)));
    let count = answers.len();
    let mut rows = KeepMany {
        scope_digest: Vec::with_capacity(count),
        key: Vec::with_capacity(count),
        fingerprint: Vec::with_capacity(count),
        status: Vec::with_capacity(count),
        response: Vec::with_capacity(count),
        created_at: now,
    };
    for (scope_digest, key, answer) in answers {
        rows.scope_digest.push(scope_digest);
        rows.key.push(key.key);
        rows.fingerprint.push(key.fingerprint);
        rows.status.push(i32::from(answer.status));
        rows.response.push(answer.body);
    }
    let kept = crate::private::RunQueryDsl::execute(rows, &mut conn).await?;
    if kept == count { Ok(()) } else { Err(taken()) }
}

fn taken() -> StoreError {
    StoreError::Again("an idempotency key was taken in the meantime".into())
}

/// Keeps the answer under the key that this transaction, or an earlier one of the same work, has claimed.
///
/// # Errors
/// Whatever the database says.
pub async fn finish(tx: &mut Tx, key: &Key, answer: &Stored) -> Result<(), StoreError> {
    let keep = KeepAnswer {
        scope_digest: key.scope_digest(),
        key: key.key.clone(),
        status: i32::from(answer.status),
        response: answer.body.clone(),
    };
    on!(tx, conn => keep.execute(conn).await)?;
    Ok(())
}

/// When a key was claimed, or last answered anew, and its answer, if it has one; `None` when nobody has it.
///
/// # Errors
/// Whatever the database says.
pub async fn find_since(tx: &mut Tx, key: &Key) -> Result<Option<(Timestamp, Option<Stored>)>, StoreError> {
    type Found = (Timestamp, Option<i32>, Option<String>);
    let found: Option<Found> = on!(tx, conn => k::table.find((key.scope_digest(), &key.key))
        .select((k::created_at, k::status, k::response)).first(conn).await.optional())?;
    Ok(found.map(|(since, status, response)| (since, Record::of((Vec::new(), status, response)).answer)))
}

/// Keeps an answer under the key that was seen by [`find_since`] to be there `since` then, and keeps it from `now` on as long as one
/// that is new. Whether it was still there.
///
/// # Errors
/// Whatever the database says.
pub async fn answer_anew(tx: &mut Tx, key: &Key, since: Timestamp, answer: &Stored, now: Timestamp) -> Result<bool, StoreError> {
    let changes =
        (k::status.eq(Some(i32::from(answer.status))), k::response.eq(Some(answer.body.as_str())), k::created_at.eq(now));
    let there = k::table.find((key.scope_digest(), &key.key)).filter(k::created_at.eq(since));
    let changed: usize = on!(tx, conn => diesel::update(there).set(changes).execute(conn).await)?;
    Ok(changed == 1)
}

/// Gives up the claim of work that was not done, so that the key is free again.
///
/// # Errors
/// Whatever the database says.
pub async fn release(tx: &mut Tx, key: &Key) -> Result<(), StoreError> {
    on!(tx, conn => diesel::delete(k::table.find((key.scope_digest(), &key.key)).filter(k::status.is_null()))
        .execute(conn).await)?;
    Ok(())
}

/// Forgets keys made before `horizon`, at most `limit` of them, the oldest first; returns how many.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_before(tx: &mut Tx, horizon: Timestamp, limit: i64) -> Result<usize, StoreError> {
    // SQLite takes `$1` for the name of its first parameter.
    const FORGET: &str = "DELETE FROM idempotency_keys WHERE (scope_digest, key) IN \
         (SELECT scope_digest, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    on!(tx, conn => sql_query(FORGET).bind::<UtcTime, _>(horizon).bind::<BigInt, _>(limit).execute(conn).await)
}
