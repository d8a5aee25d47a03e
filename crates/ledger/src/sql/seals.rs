//! Rows of `ledger_seals`, and how far the journal can be sealed.
//!
//! # Why not up to the highest number
//! PostgreSQL gives a transfer its `no` when it is written, not when it is committed. While a transaction that took number 7
//! is open, number 8 may be committed and seen. A seal up to 8 would not have 7 in it, and once 7 is committed it would look
//! like a row that somebody put in.
//!
//! # What holds
//! Numbers are given in rising order, so whoever took a number below the highest one seen took it before we looked. Before
//! an `INSERT` takes a number it takes the table's `ROW EXCLUSIVE` lock, and keeps it to the end of its transaction. So
//! [`horizon`] reads the highest number *first* and asks *then* who holds that lock: whoever took a lower number is among
//! them, or had ended, and then their rows are seen. When all of them have ended, what is missing below that number is
//! missing for good (a refused transfer, a transaction undone: gaps are normal here). Rows become visible before locks are
//! released, so nobody is gone from the list and not yet seen. The two have to be two statements of a read that is not a
//! snapshot.
//!
//! The outbox is followed in the same way. Waiting until `pg_snapshot_xmin` has passed a remembered `xmax` would be right
//! as well, and would wait for every writer of the whole cluster, also of other databases.
//!
//! SQLite has one writer: the order of the numbers is the order of commit.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, QueryableByName, Selectable, SelectableHelper, sql_query,
    sql_types::{Array, Text},
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on};

use super::schema::ledger_seals as s;
use crate::{
    seal::{Digest, Horizon, Seal, SealHash, SealStore},
    store::LedgerStore,
    verify::Stored,
};

/// Who writes to the journal right now, each by the name of its transaction.
const WRITERS: &str = "SELECT DISTINCT virtualtransaction AS name FROM pg_locks WHERE locktype = 'relation' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND relation = 'ledger_transfers'::regclass AND mode = 'RowExclusiveLock' AND granted";
/// Which of these do so still.
const WRITERS_LEFT: &str = "SELECT DISTINCT virtualtransaction AS name FROM pg_locks WHERE locktype = 'relation' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND relation = 'ledger_transfers'::regclass AND mode = 'RowExclusiveLock' AND granted AND virtualtransaction = ANY($1)";

#[derive(QueryableByName)]
struct Writer {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = s)]
struct SealRow {
    no: i64,
    first_no: i64,
    last_no: i64,
    digests: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
    sealed_at: Timestamp,
}

fn model(row: &SealRow) -> Option<Seal> {
    let hash = |bytes: &[u8]| bytes.try_into().map(SealHash).ok();
    let (digests, rest) = row.digests.as_chunks();
    rest.is_empty().then_some(())?;
    Some(Seal {
        no: row.no,
        first_no: row.first_no,
        last_no: row.last_no,
        digests: digests.iter().copied().map(Digest).collect(),
        previous: hash(&row.previous)?,
        hash: hash(&row.hash)?,
        sealed_at: row.sealed_at,
    })
}

fn stored(row: &SealRow) -> Stored<Seal> {
    model(row).map_or(Stored::Unreadable(row.no), Stored::Row)
}

impl SealStore for Tx {
    async fn last_seal(&mut self) -> Result<Option<Stored<Seal>>, StoreError> {
        let row: Option<SealRow> =
            on!(self, conn => s::table.order(s::no.desc()).select(SealRow::as_select()).first(conn).await.optional())?;
        Ok(row.as_ref().map(stored))
    }

    async fn list_seals(&mut self, no: i64, last: i64, limit: u32) -> Result<Vec<Stored<Seal>>, StoreError> {
        let rows: Vec<SealRow> = on!(self, conn => s::table
            .filter(s::no.gt(no)).filter(s::no.le(last)).order(s::no).limit(limit.into())
            .select(SealRow::as_select()).load(conn).await)?;
        Ok(rows.iter().map(stored).collect())
    }

    async fn insert_seal(&mut self, seal: &Seal) -> Result<bool, StoreError> {
        let digests: Vec<u8> = seal.digests.iter().flat_map(|digest| digest.0).collect();
        let row = (
            s::no.eq(seal.no),
            s::first_no.eq(seal.first_no),
            s::last_no.eq(seal.last_no),
            s::transfers.eq(seal.transfers()),
            s::digests.eq(digests),
            s::previous.eq(&seal.previous.0[..]),
            s::hash.eq(&seal.hash.0[..]),
            s::sealed_at.eq(seal.sealed_at),
        );
        let inserted =
            on!(self, conn => diesel::insert_into(s::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
        Ok(inserted == 1)
    }

    async fn journal_horizon(&mut self) -> Result<Horizon, StoreError> {
        let last_no = self.newest_transfer_no().await?;
        let writers: Vec<Writer> = match self {
            Self::Sqlite(_) => Vec::new(),
            Self::Postgres(_) => on!(self, conn => sql_query(WRITERS).load(conn).await)?,
        };
        Ok(Horizon { last_no, writers: writers.into_iter().map(|writer| writer.name).collect() })
    }

    async fn writers_left(&mut self, writers: &[String]) -> Result<Vec<String>, StoreError> {
        let left: Vec<Writer> = on!(self,
            sqlite _conn => Ok::<_, diesel::result::Error>(Vec::new()),
            postgres conn => sql_query(WRITERS_LEFT).bind::<Array<Text>, _>(writers).load(conn).await)?;
        Ok(left.into_iter().map(|writer| writer.name).collect())
    }
}
