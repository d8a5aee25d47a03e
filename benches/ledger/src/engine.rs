//! What is measured: the contenders, and what the driver asks of each.

use crate::{
    Result,
    options::Options,
    place::Place,
    workload::{Answer, Call, Mix, Workload},
};

/// Where a contender keeps its books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file in a fresh folder.
    Sqlite,
    /// A fresh schema.
    Postgres,
}

/// Which engine a contender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This repository's, through its handle.
    Ours,
    /// This repository's, inside transactions of the caller's own.
    OursInTransactions,
    /// Plain SQL, one transaction per transfer.
    NaiveSqlite,
    /// Plain SQL, one transaction per transfer.
    NaivePostgres,
    /// pgledger's own SQL.
    PgLedger,
}

/// One line of the table per load.
pub struct Contender {
    /// As in the table, and for `--only`.
    pub name: &'static str,
    /// Which engine.
    pub kind: Kind,
    /// Where.
    pub database: Database,
    /// Transfers per request.
    pub batch: usize,
    /// What it can be asked for.
    pub mix: Mix,
}

/// pgledger has no ids of the caller's choice: asking again moves money again.
const NO_IDS: Mix = Mix { replays: false, refusals: true };
/// What a batch holds.
const BATCH: usize = 8_000;

impl Contender {
    /// All of them, those first that the others are compared with.
    pub const ALL: [Self; 9] = [
        Self { name: "pgledger", kind: Kind::PgLedger, database: Database::Postgres, batch: 1, mix: NO_IDS },
        Self { name: "naive-postgres", kind: Kind::NaivePostgres, database: Database::Postgres, batch: 1, mix: Mix::ALL },
        Self { name: "naive-sqlite", kind: Kind::NaiveSqlite, database: Database::Sqlite, batch: 1, mix: Mix::ALL },
        Self { name: "rialto-postgres", kind: Kind::Ours, database: Database::Postgres, batch: 1, mix: Mix::ALL },
        Self { name: "rialto-sqlite", kind: Kind::Ours, database: Database::Sqlite, batch: 1, mix: Mix::ALL },
        Self {
            name: "rialto-postgres-tx",
            kind: Kind::OursInTransactions,
            database: Database::Postgres,
            batch: 1,
            mix: Mix::ALL,
        },
        Self { name: "rialto-sqlite-tx", kind: Kind::OursInTransactions, database: Database::Sqlite, batch: 1, mix: Mix::ALL },
        Self { name: "rialto-postgres-batch", kind: Kind::Ours, database: Database::Postgres, batch: BATCH, mix: Mix::ALL },
        Self { name: "rialto-sqlite-batch", kind: Kind::Ours, database: Database::Sqlite, batch: BATCH, mix: Mix::ALL },
    ];
}

/// How to read an engine's books from outside: each a query for one number, in both databases' SQL.
pub struct Books {
    /// Transfers, those that funded the accounts included.
    pub transfers: &'static str,
    /// The sum of all entries.
    pub entries: &'static str,
    /// The sum of the balances of the accounts that pay each other.
    pub balances: &'static str,
    /// Accounts whose balance is not the sum of their entries.
    pub broken: &'static str,
}

/// A ledger under test.
pub trait Engine: Send + Sync + Sized + 'static {
    /// How to read its books.
    const BOOKS: Books;

    /// Makes the tables and the accounts, and funds each account by one transfer. Not timed.
    fn open(place: &Place, workload: &Workload, options: &Options) -> impl Future<Output = Result<Self>> + Send;

    /// Moves money, durably.
    fn transfer(&self, call: &Call) -> impl Future<Output = Result<Answer>> + Send;

    /// Moves money several times with one request.
    fn batch(&self, calls: &[Call]) -> impl Future<Output = Result<Vec<Answer>>> + Send {
        async move {
            let mut answers = Vec::with_capacity(calls.len());
            for call in calls {
                answers.push(self.transfer(call).await?);
            }
            Ok(answers)
        }
    }
}
