//! Following the outbox: every event once, in the order of `seq`, however late its transaction commits.
//!
//! # Why `seq > last` is not enough
//! PostgreSQL gives an event its `seq` when it is written, not when it is committed. While a transaction with number 7 is
//! open, number 8 may be committed and seen; whoever goes on behind 8 never sees 7.
//!
//! # What holds
//! A follower never passes a number that a transaction may still fill. Numbers are given in rising order, so a number that
//! is missing below one that is seen was given before, and either its transaction was undone, or it is still open. An open
//! one shows: before an `INSERT` takes a number, it takes the table's `ROW EXCLUSIVE` lock, and keeps it to the end of its
//! transaction. So at a gap the follower writes down who holds that lock *after* it saw the gap. When all of those have
//! ended, and only then, a fresh look decides: what is missing now is missing for good. (Visibility comes before the
//! release of locks, so nobody is gone from the list and not yet seen.) `CREATE INDEX CONCURRENTLY` waits in the same way.
//!
//! Comparing transaction ids with `pg_snapshot_xmin` instead would wait for every writer of the whole cluster, also of
//! other databases, and is only right for readers that go by transaction id, which is not the order of events of one
//! subject: a transaction that was first to begin may be last to get the subject's lock.
//!
//! The price: an open transaction that has appended holds up followers until it ends, which the store bounds.
//!
//! SQLite has one writer: `seq` is the order of commit, and a gap is nobody's.

use diesel::{ExpressionMethods, QueryDsl, QueryableByName, sql_query, sql_types::Array, sql_types::Text};

use super::read::{Recorded, between, reach};
use crate::{Db, StoreError, Tx, on, schema::outbox};

/// How many numbers one look takes at most.
const PAGE_MAX: usize = 500;

/// Who writes to the outbox right now, each by the name of its transaction.
const WRITERS: &str = "SELECT DISTINCT virtualtransaction AS name FROM pg_locks WHERE locktype = 'relation' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND granted";
/// Which of these do so still.
const WRITERS_LEFT: &str = "SELECT DISTINCT virtualtransaction AS name FROM pg_locks WHERE locktype = 'relation' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND granted AND virtualtransaction = ANY($1)";

#[derive(QueryableByName)]
struct Writer {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Numbers that may still be filled.
#[derive(Debug, Clone)]
struct Doubt {
    /// None above this is meant.
    upto: i64,
    /// The transactions that may fill them.
    writers: Vec<String>,
}

/// What a look brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The new events of the kinds asked for, in order.
    pub events: Vec<Recorded>,
    /// How far this goes: every event up to here, of whatever kind, was given or is in `events`.
    pub upto: i64,
    /// There is more to be had at once.
    pub more: bool,
    /// There is more, but an open transaction stands before it: look again soon.
    pub held_up: bool,
}

/// Reads every new event once. It keeps its place in memory; whoever has to go on after a restart keeps [`Page::upto`].
pub struct Follower {
    db: Db,
    kinds: Vec<String>,
    at: i64,
    /// Transactions that were open when it began. Until they have ended, events up to its start may still come.
    open_at_start: Vec<String>,
    doubt: Option<Doubt>,
}

impl Follower {
    /// A follower of events of these kinds that begins behind the newest.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn at_end(db: &Db, kinds: Vec<String>) -> Result<Self, StoreError> {
        let begin = async |tx: &mut Tx| {
            let at = reach(tx).await?.newest;
            Ok::<_, StoreError>((at, writers(tx).await?))
        };
        let (at, open_at_start) = db.read(begin).await?;
        Ok(Self { db: db.clone(), kinds, at, open_at_start, doubt: None })
    }

    /// A follower of events of these kinds that goes on where another one came to, whose [`Page::upto`] this is.
    #[must_use]
    pub fn after(db: &Db, kinds: Vec<String>, upto: i64) -> Self {
        Self { db: db.clone(), kinds, at: upto, open_at_start: Vec::new(), doubt: None }
    }

    /// How far it has come.
    #[must_use]
    pub const fn at(&self) -> i64 {
        self.at
    }

    /// Whether no event up to [`Follower::at`] can be committed any more, so that [`between`] finds all of them. False
    /// only at the beginning, while transactions are open that had begun before.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.open_at_start.is_empty()
    }

    /// Looks once. An error leaves it where it was.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn look(&mut self) -> Result<Page, StoreError> {
        let (kinds, at) = (self.kinds.clone(), self.at);
        let (doubt, open_at_start) = (self.doubt.clone(), self.open_at_start.clone());
        let look = async move |tx: &mut Tx| {
            let open_at_start = left(tx, &open_at_start).await?;
            let found = look(tx, at, doubt.clone()).await?;
            let is_new = found.upto > at;
            let events = if is_new { between(tx, &kinds, at, found.upto).await? } else { Vec::new() };
            Ok::<_, StoreError>((found, events, open_at_start))
        };
        let (found, events, open_at_start) = self.db.read(look).await?;
        self.at = found.upto;
        self.open_at_start = open_at_start;
        let held_up = found.doubt.is_some();
        self.doubt = found.doubt;
        Ok(Page { events, upto: found.upto, more: found.more, held_up })
    }
}

/// How far one may go.
struct Found {
    upto: i64,
    more: bool,
    doubt: Option<Doubt>,
}

async fn look(tx: &mut Tx, at: i64, mut doubt: Option<Doubt>) -> Result<Found, StoreError> {
    // Below this a gap is nobody's.
    let mut decided = if tx.is_postgres() { at } else { i64::MAX };
    if let Some(known) = &mut doubt {
        // Before the look at the rows, so that what these have committed is seen.
        known.writers = left(tx, &known.writers).await?;
        if known.writers.is_empty() {
            decided = known.upto;
            doubt = None;
        }
    }
    let mut seen = numbers(tx, at).await?;
    let mut upto = unbroken(at, &seen, decided);
    let last = seen.last().copied().unwrap_or(at);
    // What was doubted has come: the next gap is another one.
    doubt = doubt.filter(|known| known.upto > upto);
    if upto < last && doubt.is_none() {
        let writers = writers(tx).await?;
        if writers.is_empty() {
            // They ended between the two statements, or long ago: the next look decides, and this is it.
            seen = numbers(tx, at).await?;
            upto = unbroken(at, &seen, last);
        } else {
            doubt = Some(Doubt { upto: last, writers });
        }
    }
    let last = seen.last().copied().unwrap_or(at);
    if upto == last {
        return Ok(Found { upto, more: seen.len() >= PAGE_MAX, doubt: None });
    }
    Ok(Found { upto, more: doubt.is_none(), doubt })
}

/// The numbers behind `at` that are seen, in order.
async fn numbers(tx: &mut Tx, at: i64) -> Result<Vec<i64>, StoreError> {
    let limit = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
    on!(tx, conn => outbox::table.filter(outbox::seq.gt(at)).order(outbox::seq).limit(limit).select(outbox::seq).load(conn).await)
}

/// The last of `seen` that can be reached from `at` without passing a number above `decided` that is missing.
fn unbroken(at: i64, seen: &[i64], decided: i64) -> i64 {
    seen.iter()
        .copied()
        .fold((at, true), |(upto, whole), seq| {
            let whole = whole && (seq == upto.saturating_add(1) || seq.saturating_sub(1) <= decided);
            (if whole { seq } else { upto }, whole)
        })
        .0
}

async fn writers(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let found: Vec<Writer> = match tx {
        Tx::Sqlite(_) => Vec::new(),
        Tx::Postgres(_) => on!(tx, conn => sql_query(WRITERS).load(conn).await)?,
    };
    Ok(found.into_iter().map(|writer| writer.name).collect())
}

/// Which of these transactions are still open. A name is never used twice.
async fn left(tx: &mut Tx, names: &[String]) -> Result<Vec<String>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Writer> = on!(tx,
        sqlite _conn => Ok::<_, diesel::result::Error>(Vec::new()),
        postgres conn => sql_query(WRITERS_LEFT).bind::<Array<Text>, _>(names).load(conn).await)?;
    Ok(found.into_iter().map(|writer| writer.name).collect())
}

#[cfg(test)]
mod tests {
    use super::unbroken;

    #[test]
    fn a_gap_is_passed_only_where_it_is_decided() {
        assert_eq!(unbroken(4, &[], 4), 4);
        assert_eq!(unbroken(4, &[5, 6, 7], 4), 7);
        assert_eq!(unbroken(4, &[6, 7], 4), 4);
        assert_eq!(unbroken(4, &[5, 7, 8], 4), 5);
        assert_eq!(unbroken(4, &[5, 7, 8, 10], 8), 8);
        // The missing 9 is above what is decided, even if 8 is not.
        assert_eq!(unbroken(4, &[7, 8, 10], 8), 8);
        assert_eq!(unbroken(4, &[9, 20], i64::MAX), 20);
    }
}
