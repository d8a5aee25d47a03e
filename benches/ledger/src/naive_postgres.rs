//! The least that a careful programmer would write: one transaction per transfer, in plain SQL over prepared statements.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::{
    Client, Statement,
    error::SqlState,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use uuid::Uuid;

use crate::{
    Result,
    engine::{Books, Engine},
    options::Options,
    place::Place,
    sessions::{Sessions, connect},
    workload::{Answer, Call, OPENING, Workload},
};

const TABLES: &str = "CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL, CHECK (balance >= 0 OR id = 0));
    CREATE TABLE transfers (id uuid PRIMARY KEY, debit_id bigint NOT NULL REFERENCES accounts,
        credit_id bigint NOT NULL REFERENCES accounts, amount bigint NOT NULL CHECK (amount > 0),
        created_at timestamptz NOT NULL DEFAULT now());
    CREATE INDEX ON transfers (debit_id);
    CREATE INDEX ON transfers (credit_id);
    CREATE VIEW entries AS SELECT debit_id AS account_id, -amount AS amount FROM transfers
        UNION ALL SELECT credit_id, amount FROM transfers;";

/// How to read the tables that both naive engines have.
pub const BOOKS: Books = Books {
    transfers: "SELECT COUNT(*) FROM transfers",
    entries: "SELECT SUM(amount) FROM entries",
    balances: "SELECT SUM(balance) FROM accounts WHERE id > 0",
    broken: "SELECT COUNT(*) FROM accounts AS a LEFT JOIN \
         (SELECT account_id, SUM(amount) AS total FROM entries GROUP BY account_id) AS e ON e.account_id = a.id \
         WHERE a.balance <> COALESCE(e.total, 0)",
};

/// The account's number in the tables; number 0 is where the opening balances come from.
pub fn number(place: usize) -> Result<i64> {
    Ok(i64::try_from(place)? + 1)
}

/// A pool of sessions.
pub struct Naive {
    sessions: Sessions<Session>,
}

struct Session {
    client: Client,
    lock: Statement,
    take: Statement,
    give: Statement,
    insert: Statement,
}

impl Engine for Naive {
    const BOOKS: Books = BOOKS;

    async fn open(place: &Place, workload: &Workload, options: &Options) -> Result<Self> {
        let url = place.url()?.reveal();
        let (accounts, total) = (workload.accounts, workload.total());
        let fill = format!(
            "INSERT INTO accounts VALUES (0, -{total});
             INSERT INTO accounts SELECT n, {OPENING} FROM generate_series(1, {accounts}) AS n;
             INSERT INTO transfers SELECT gen_random_uuid(), 0, n, {OPENING} FROM generate_series(1, {accounts}) AS n;"
        );
        connect(&url).await?.batch_execute(&format!("{TABLES} {fill}")).await?;
        let mut sessions = Vec::new();
        for _ in 0..options.connections {
            sessions.push(Session::new(&url).await?);
        }
        Ok(Self { sessions: Sessions::new(sessions) })
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        self.sessions.take().await?.session.transfer(call).await
    }
}

impl Session {
    async fn new(url: &str) -> Result<Self> {
        let client = connect(url).await?;
        Ok(Self {
            lock: client.prepare("SELECT id, balance FROM accounts WHERE id IN ($1, $2) ORDER BY id FOR UPDATE").await?,
            take: client.prepare("UPDATE accounts SET balance = balance - $2 WHERE id = $1").await?,
            give: client.prepare("UPDATE accounts SET balance = balance + $2 WHERE id = $1").await?,
            insert: client.prepare("INSERT INTO transfers (id, debit_id, credit_id, amount) VALUES ($1, $2, $3, $4)").await?,
            client,
        })
    }

    async fn transfer(&self, call: &Call) -> Result<Answer> {
        self.client.batch_execute("BEGIN").await?;
        let answer = self.body(call).await;
        let end = if matches!(answer, Ok(Answer::Posted)) { "COMMIT" } else { "ROLLBACK" };
        self.client.batch_execute(end).await?;
        answer
    }

    async fn body(&self, call: &Call) -> Result<Answer> {
        let (debit, credit) = (number(call.debit)?, number(call.credit)?);
        let mut covered = false;
        for row in self.client.query(&self.lock, &[&debit, &credit]).await? {
            let (id, balance): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            covered |= id == debit && balance >= call.amount;
        }
        if !covered {
            return Ok(Answer::Refused);
        }
        self.client.execute(&self.take, &[&debit, &call.amount]).await?;
        self.client.execute(&self.give, &[&credit, &call.amount]).await?;
        match self.client.execute(&self.insert, &[&Key(call.id), &debit, &credit, &call.amount]).await {
            Ok(_) => Ok(Answer::Posted),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Answer::Existed),
            Err(error) => Err(error.into()),
        }
    }
}

/// A UUID on the wire.
#[derive(Debug)]
struct Key(Uuid);

impl ToSql for Key {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}
