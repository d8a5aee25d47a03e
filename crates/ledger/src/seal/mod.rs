//! Seals: a chain of hashes over the journal, written behind it.
//!
//! A seal covers a range of the journal. Its hash is the hash of every column of every transfer in it *and* of the seal
//! before ([`Seal`]), so nothing that is sealed can be changed, taken out or put in without all later seals becoming wrong;
//! [`crate::verify`] recomputes them and names what was touched.
//!
//! A chain that is kept beside the journal proves nothing against somebody who can write both: who rewrites every seal from
//! the forged row on has a chain that is right again. It takes **one hash that is kept elsewhere** (a mail, a log server, a
//! print) to catch that: an [`Anchor`].
//!
//! Sealing is a job of its own, never a part of a transfer, and any number of processes may do it: two that make the same
//! seal meet at its primary key, and the second one's is dropped.

mod canonical;
mod chain;
mod hash;
mod store;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

pub(crate) use canonical::bytes;
pub use chain::Seal;
pub(crate) use chain::{Found, Header, RangeHash, compare};
pub use hash::{Digest, NoHash, SealHash};
use rialto_kernel::{AccountId, Clock, Timestamp};
use rialto_store::StoreError;
pub use store::{Horizon, SealStore};

use crate::{
    books::Books,
    verify::{AuditStore, JournalRow, Stored},
};

/// How many transfers a seal covers at most.
pub const SEAL_MAX: u32 = 4_096;
/// How many seals one run makes at most, so that it ends within a second or two.
const RUN_MAX: u32 = 64;
/// How long a run waits for transactions that are open. After that it goes on in the next run.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// After how many transfers the hashing lets others run.
const BREATH: usize = 256;

/// A seal's hash that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Which seal.
    pub no: i64,
    /// The hash that it had.
    pub hash: SealHash,
}

impl std::str::FromStr for Anchor {
    type Err = String;

    /// Reads `17:9f86…`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (no, hash) = text.split_once(':').ok_or("an anchor is the seal's number, a colon and its hash")?;
        let no = no.parse().ok().filter(|no| *no > 0).ok_or("a seal has a number above zero")?;
        Ok(Self { no, hash: hash.parse().map_err(|error: NoHash| error.to_string())? })
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// How many seals it made.
    pub seals: u32,
    /// How many transfers they cover.
    pub transfers: i64,
    /// The end of the chain now. `None`: there was never anything to seal.
    pub head: Option<Anchor>,
    /// There is more to do at once.
    pub more: bool,
    /// An open transaction stands before the rest. The next run goes on where this one waited.
    pub held_up: bool,
}

/// Seals what can be sealed. Make one, and run it from time to time.
#[derive(Debug)]
pub struct Sealer {
    /// How far the next seals may go once these transactions have ended.
    horizon: Option<Horizon>,
    seal_max: u32,
    run_max: u32,
}

impl Default for Sealer {
    fn default() -> Self {
        Self { horizon: None, seal_max: SEAL_MAX, run_max: RUN_MAX }
    }
}

impl Sealer {
    /// Seals what was committed before the run, at most 64 seals.
    ///
    /// # Errors
    /// [`StoreError`]. What was sealed before it stays.
    pub async fn run<B>(&mut self, books: &B, clock: &Clock) -> Result<Sealed, StoreError>
    where
        B: Books,
        B::Tx: AuditStore + SealStore,
    {
        let mut head = head_of(books).await?;
        let mut done = Sealed { head: head.as_ref().map(anchor), ..Sealed::default() };
        let Some(horizon) = self.wait(books).await? else {
            return Ok(Sealed { held_up: true, ..done });
        };
        while done.seals < self.run_max {
            let after = head.as_ref().map_or(i64::MIN, |seal| seal.last_no);
            let Some(next) = next_seal(books, head.as_ref(), horizon, self.seal_max, clock.now()).await? else { break };
            let own = next.clone();
            if books.write(async move |tx: &mut B::Tx| tx.insert_seal(&own).await).await? {
                done.seals += 1;
                done.transfers += next.transfers();
                head = Some(next);
            } else {
                // Somebody else made this seal, perhaps with other bounds. Theirs counts.
                head = head_of(books).await?;
                if head.as_ref().is_none_or(|seal| seal.last_no <= after) {
                    let behind = format!("a seal is there already, but none reaches behind {after}");
                    return Err(StoreError::Corrupt(behind));
                }
            }
            done.head = head.as_ref().map(anchor);
        }
        done.more = done.seals >= self.run_max;
        if !done.more {
            self.horizon = None;
        }
        Ok(done)
    }

    /// Runs again and again while there is more to do at once, but begins no run after `time`. A chain that has fallen behind
    /// catches up as fast as it can.
    ///
    /// # Errors
    /// [`StoreError`]. What was sealed before it stays.
    pub async fn catch_up<B>(&mut self, books: &B, clock: &Clock, time: Duration) -> Result<Sealed, StoreError>
    where
        B: Books,
        B::Tx: AuditStore + SealStore,
    {
        let begun = Instant::now();
        let mut all = Sealed::default();
        loop {
            let run = self.run(books, clock).await?;
            all = Sealed { seals: all.seals + run.seals, transfers: all.transfers + run.transfers, ..run };
            if !all.more || begun.elapsed() >= time {
                return Ok(all);
            }
        }
    }

    /// How far seals may go. `None` while a transaction is open that may write below.
    async fn wait<B>(&mut self, books: &B) -> Result<Option<i64>, StoreError>
    where
        B: Books,
        B::Tx: SealStore,
    {
        let mut horizon = match self.horizon.take() {
            Some(waited_for) => waited_for,
            None => books.read(async |tx: &mut B::Tx| tx.journal_horizon().await).await?,
        };
        let mut waited = Duration::ZERO;
        loop {
            if !horizon.writers.is_empty() {
                let writers = horizon.writers;
                horizon.writers = books.read(async move |tx: &mut B::Tx| tx.writers_left(&writers).await).await?;
            }
            let free = horizon.writers.is_empty();
            let last_no = horizon.last_no;
            if free || waited >= PATIENCE {
                self.horizon = Some(horizon);
                return Ok(free.then_some(last_no));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        }
    }
}

/// Seals all that is there now. It waits for transactions that are open, but not for ever.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Timeout`] when a transaction stayed open for half a minute.
pub async fn seal_all<B>(books: &B, clock: &Clock) -> Result<Sealed, StoreError>
where
    B: Books,
    B::Tx: AuditStore + SealStore,
{
    const WAITS_MAX: u32 = 15;
    let mut sealer = Sealer::default();
    let mut all = Sealed::default();
    let mut waits = 0;
    loop {
        let run = sealer.run(books, clock).await?;
        all = Sealed { seals: all.seals + run.seals, transfers: all.transfers + run.transfers, ..run };
        if !all.more && !all.held_up {
            return Ok(all);
        }
        if all.held_up {
            waits += 1;
            if waits >= WAITS_MAX {
                return Err(StoreError::Timeout);
            }
        }
    }
}

async fn head_of<B>(books: &B) -> Result<Option<Seal>, StoreError>
where
    B: Books,
    B::Tx: SealStore,
{
    match books.read(async |tx: &mut B::Tx| tx.last_seal().await).await? {
        None => Ok(None),
        Some(Stored::Row(seal)) => Ok(Some(seal)),
        Some(Stored::Unreadable(no)) => Err(StoreError::Corrupt(format!("seal {no} cannot be read: no seal can follow it"))),
    }
}

/// The rows up to the first one that cannot be read. What nobody can read nobody can seal, and nothing behind it.
fn readable(stored: Vec<Stored<JournalRow>>) -> Result<Vec<JournalRow>, StoreError> {
    let mut rows = Vec::with_capacity(stored.len());
    for row in stored {
        match row {
            Stored::Row(row) => rows.push(row),
            Stored::Unreadable(no) if rows.is_empty() => {
                return Err(StoreError::Corrupt(format!("transfer number {no} cannot be read: it cannot be sealed")));
            }
            Stored::Unreadable(_) => break,
        }
    }
    Ok(rows)
}

const fn anchor(seal: &Seal) -> Anchor {
    Anchor { no: seal.no, hash: seal.hash }
}

/// The seal that follows `head`, over what there is up to `horizon`.
async fn next_seal<B>(
    books: &B,
    head: Option<&Seal>,
    horizon: i64,
    limit: u32,
    now: Timestamp,
) -> Result<Option<Seal>, StoreError>
where
    B: Books,
    B::Tx: AuditStore,
{
    let (no, after, previous) = head.map_or((1, i64::MIN, SealHash::ZERO), |seal| (seal.no + 1, seal.last_no, seal.hash));
    let load = async move |tx: &mut B::Tx| {
        let rows = readable(tx.list_journal(after, horizon, limit, false).await?)?;
        let mut nos: Vec<i64> = rows.iter().flat_map(|row| [row.debit.account_no, row.credit.account_no]).collect();
        nos.sort_unstable();
        nos.dedup();
        let names = tx.list_names(&nos).await?;
        Ok::<_, StoreError>((rows, names))
    };
    let (rows, names) = books.read(load).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let ids: HashMap<i64, AccountId> = names.into_iter().map(|name| (name.no, name.id)).collect();
    let (first_no, last_no) = (first.no, last.no);
    let transfers = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let header = Header { previous, no, first_no, last_no, transfers, sealed_at: now };
    let mut range = RangeHash::new(header);
    let mut digests = Vec::with_capacity(rows.len());
    let account = |no| ids.get(&no).copied();
    for chunk in rows.chunks(BREATH) {
        let digest = |row: &JournalRow| range.add(&bytes(row, account(row.debit.account_no), account(row.credit.account_no)));
        digests.extend(chunk.iter().map(digest));
        tokio::task::yield_now().await;
    }
    Ok(Some(Seal { no, first_no, last_no, digests, previous, hash: range.finish(), sealed_at: now }))
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{Amount, Asset, Id};

    use super::*;
    use crate::{Code, House, Ledger, NewAccount, NewTransfer};

    #[tokio::test]
    async fn a_chain_that_has_fallen_behind_catches_up() {
        let ledger = Ledger::in_memory();
        let till = ledger.open_account(NewAccount::new(Asset::CREDIT, Code::new("till"))).await.unwrap().id;
        for _ in 0..20 {
            let new = NewTransfer::new(Id::new(), House::Issuance.account(Asset::CREDIT), till, Amount::new(1).unwrap());
            ledger.transfer(new).await.unwrap();
        }
        let mut sealer = Sealer { seal_max: 3, run_max: 2, ..Sealer::default() };
        let one = sealer.catch_up(ledger.books(), ledger.clock(), Duration::ZERO).await.unwrap();
        assert_eq!((one.seals, one.transfers, one.more), (2, 6, true), "no run is begun when the time is over");
        let rest = sealer.catch_up(ledger.books(), ledger.clock(), Duration::from_secs(3_600)).await.unwrap();
        assert_eq!((rest.seals, rest.transfers, rest.more, rest.head.unwrap().no), (5, 14, false, 7));
    }
}
