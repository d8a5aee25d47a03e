//! The least that a careful programmer would write: one connection behind a lock, one durable transaction per transfer.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::{
    Connection, ExpressionMethods, QueryDsl, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error},
};
use rialto_store::DatabaseUrl;

use crate::{
    Result,
    engine::{Books, Engine},
    naive_postgres::{BOOKS, number},
    options::Options,
    place::Place,
    workload::{Answer, Call, OPENING, Workload},
};

/// As the store has it.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864;";

const TABLES: &str = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL,
        CHECK (balance >= 0 OR id = 0)) STRICT;
    CREATE TABLE transfers (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
        debit_id INTEGER NOT NULL REFERENCES accounts, credit_id INTEGER NOT NULL REFERENCES accounts,
        amount INTEGER NOT NULL CHECK (amount > 0),
        created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))) STRICT;
    CREATE INDEX transfers_debit ON transfers (debit_id);
    CREATE INDEX transfers_credit ON transfers (credit_id);
    CREATE VIEW entries AS SELECT debit_id AS account_id, -amount AS amount FROM transfers
        UNION ALL SELECT credit_id, amount FROM transfers;";

diesel::table! {
    accounts (id) {
        id -> BigInt,
        balance -> BigInt,
    }
}

diesel::table! {
    transfers (no) {
        no -> BigInt,
        id -> Binary,
        debit_id -> BigInt,
        credit_id -> BigInt,
        amount -> BigInt,
    }
}

/// The connection.
pub struct Naive(Arc<Mutex<SqliteConnection>>);

/// Why nothing was moved.
enum Undone {
    Refused,
    Failed(Error),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Engine for Naive {
    const BOOKS: Books = BOOKS;

    async fn open(place: &Place, workload: &Workload, _: &Options) -> Result<Self> {
        let DatabaseUrl::Sqlite(file) = place.url()? else { return Err("not a file".into()) };
        let (accounts, total) = (workload.accounts, workload.total());
        let numbers = format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {accounts})");
        let fill = format!(
            "BEGIN; INSERT INTO accounts VALUES (0, -{total});
             INSERT INTO accounts {numbers} SELECT n, {OPENING} FROM n;
             INSERT INTO transfers (id, debit_id, credit_id, amount) {numbers} SELECT randomblob(16), 0, n, {OPENING} FROM n;
             COMMIT;"
        );
        let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
        conn.batch_execute(&format!("{PRAGMAS} {TABLES} {fill}"))?;
        Ok(Self(Arc::new(Mutex::new(conn))))
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        let (conn, call) = (self.0.clone(), *call);
        tokio::task::spawn_blocking(move || {
            let mut conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
            transfer(&mut conn, &call)
        })
        .await?
    }
}

fn transfer(conn: &mut SqliteConnection, call: &Call) -> Result<Answer> {
    let (debit, credit) = (number(call.debit)?, number(call.credit)?);
    let done = conn.immediate_transaction(|conn| {
        let balance: i64 = accounts::table.find(debit).select(accounts::balance).first(conn)?;
        if balance < call.amount {
            return Err(Undone::Refused);
        }
        let taken = accounts::balance.eq(accounts::balance - call.amount);
        diesel::update(accounts::table.find(debit)).set(taken).execute(conn)?;
        let given = accounts::balance.eq(accounts::balance + call.amount);
        diesel::update(accounts::table.find(credit)).set(given).execute(conn)?;
        let row = (
            transfers::id.eq(call.id.as_bytes().as_slice()),
            transfers::debit_id.eq(debit),
            transfers::credit_id.eq(credit),
            transfers::amount.eq(call.amount),
        );
        diesel::insert_into(transfers::table).values(row).execute(conn)?;
        Ok(())
    });
    match done {
        Ok(()) => Ok(Answer::Posted),
        Err(Undone::Refused) => Ok(Answer::Refused),
        Err(Undone::Failed(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => Ok(Answer::Existed),
        Err(Undone::Failed(error)) => Err(error.into()),
    }
}
