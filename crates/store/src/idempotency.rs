//! Idempotency keys: the claim and the answer, in the same transaction as the effect.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, sql_query,
    sql_types::{BigInt, Binary, Integer, Text},
};
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
    type Row = (Vec<u8>, Option<i32>, Option<String>);
    let found: Option<Row> = on!(tx, conn => k::table.find((key.scope_digest(), &key.key))
        .select((k::fingerprint, k::status, k::response)).first(conn).await.optional())?;
    Ok(found.map(|(fingerprint, status, response)| match (status.and_then(|s| u16::try_from(s).ok()), response) {
        _ if fingerprint != key.fingerprint => Claim::Mismatch,
        (Some(status), Some(body)) => Claim::Done(Stored { status, body }),
        _ => Claim::Running,
    }))
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
