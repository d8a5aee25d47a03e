//! The ledger in memory: for tests, and for programs that keep their books elsewhere.
//!
//! It holds to what the tables hold to: the same unique keys, the same CHECKs as the last defence, the accounts of the
//! house from the start. What one file here knows, [`state::State`], the others read.

mod access;
mod audit;
mod history;
mod seals;
mod state;
mod store;

use std::{
    cell::Cell,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt;
use rialto_kernel::{Clock, Timestamp};
use rialto_store::StoreError;
use state::{State, Undo};

use crate::{Books, Ledger, account::House};

/// Books in memory, gone when the last clone is dropped. Clones share them.
///
/// One piece of work runs at a time, to its end, on the thread that asks for it. It must not wait for anything but the
/// store it is handed: work that does is undone with [`StoreError::Timeout`].
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    books: Mutex<MemoryTx>,
    /// The [`thread`] that has them locked; zero when none has.
    owner: AtomicUsize,
}

/// A transaction on [`Memory`].
pub struct MemoryTx {
    state: State,
    /// How to take back what this transaction has written so far.
    undo: Vec<Undo>,
    writes: bool,
}

impl Memory {
    /// Books with nothing in them but the accounts of the house in credits and in USDC.
    #[must_use]
    pub fn new() -> Self {
        let mut tx = MemoryTx { state: State::default(), undo: Vec::new(), writes: false };
        for asset in House::ASSETS {
            for account in House::ALL {
                // They have always been there: whatever the clock says that comes first, it is not earlier.
                tx.state.open(&account.opening(asset), Timestamp::default());
            }
        }
        Self(Arc::new(Shared { books: Mutex::new(tx), owner: AtomicUsize::new(0) }))
    }

    /// Runs `work` to its end. What it wrote stays only if it may write, and returns `Ok`.
    fn run<R, E, F>(&self, writes: bool, work: &F) -> Result<R, E>
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E>,
        E: From<StoreError> + Error + 'static,
    {
        // Work that asks for the books it has already would wait for itself.
        if self.0.owner.load(Ordering::Relaxed) == thread() {
            return Err(StoreError::Timeout.into());
        }
        // Nothing that panics leaves them half changed, so a lock that was held in a panic is as good as any.
        let mut tx = self.0.books.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.owner.store(thread(), Ordering::Relaxed);
        tx.writes = writes;
        let result = match catch_unwind(AssertUnwindSafe(|| work(&mut tx).now_or_never())) {
            Ok(Some(result)) => result,
            Ok(None) => Err(StoreError::Timeout.into()),
            Err(_panic) => Err(StoreError::Panicked.into()),
        };
        if result.is_err() {
            tx.undo_to(0);
        }
        tx.undo.clear();
        self.0.owner.store(0, Ordering::Relaxed);
        result
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger<Memory> {
    /// A ledger in memory, by the system's clock. Call it within a tokio runtime.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Memory::new(), Clock::system())
    }
}

impl MemoryTx {
    /// Refuses what only reads.
    fn writable(&mut self) -> Result<&mut State, StoreError> {
        if self.writes { Ok(&mut self.state) } else { Err(StoreError::Database("reads must not write".into())) }
    }

    fn undo_to(&mut self, before: usize) {
        for step in self.undo.drain(before..).rev() {
            self.state.undo(step);
        }
    }
}

impl Books for Memory {
    type Tx = MemoryTx;

    fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        let books = self.clone();
        async move { books.run(true, &work) }
    }

    fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        let books = self.clone();
        async move { books.run(false, &work) }
    }

    fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        self.read(work)
    }
}

/// A number that no other living thread has, and that is not zero: the address of a place of its own.
fn thread() -> usize {
    thread_local! { static PLACE: Cell<u8> = const { Cell::new(0) } }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

#[cfg(test)]
mod tests {
    use rialto_kernel::{AccountId, Amount, Asset, Id};

    use super::*;
    use crate::{
        Code, LedgerError, LedgerStore, NewAccount, NewHold, NewTransfer, Overdraft, hold, open_account, store::Changes, transfer,
    };

    fn account() -> NewAccount {
        NewAccount::new(Asset::CREDIT, Code::new("till"))
    }

    fn fill(to: AccountId) -> NewTransfer {
        NewTransfer::new(Id::new(), House::Issuance.account(Asset::CREDIT), to, Amount::new(5).unwrap())
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(1)
    }

    /// Opens an account, fills it, holds some of it.
    async fn much(tx: &mut MemoryTx, new: &NewAccount) -> Result<(), LedgerError> {
        open_account(tx, new.clone(), now()).await?;
        transfer(tx, NewTransfer { effective_at: Some(Timestamp::default()), reference: Some(Id::new()), ..fill(new.id) }, now())
            .await?;
        let aside = NewHold::new(Id::new(), new.id, House::Fees.account(Asset::CREDIT), Amount::new(2).unwrap());
        hold(tx, NewHold { expires_at: Some(now()), ..aside }, now()).await?;
        Ok(())
    }

    async fn is_empty(books: &Memory, new: &NewAccount) -> bool {
        let id = new.id;
        let found = books.read(async move |tx: &mut MemoryTx| tx.find_account(id).await).await.unwrap();
        let tx = books.0.books.lock().unwrap();
        let state = &tx.state;
        found.is_none()
            && state.books.len() == 2 * House::ALL.len()
            && state.books.iter().all(|book| book.lines.is_empty() && book.backdated.is_empty() && book.holds.is_empty())
            && state.books.iter().all(|book| book.account.balance == 0 && book.account.held_in.is_zero())
            && state.journal.is_empty()
            && state.transfer_nos.is_empty()
            && state.references.values().all(Vec::is_empty)
            && state.users.is_empty()
            && state.owned.values().all(Vec::is_empty)
            && state.holds.is_empty()
            && state.due.is_empty()
    }

    #[tokio::test]
    async fn what_fails_leaves_nothing_behind() {
        let books = Memory::new();
        let new = NewAccount { owner: Some(Id::new()), code: Code::USER, ..account() };
        let given = new.clone();
        let refused = books
            .write(async move |tx: &mut MemoryTx| {
                much(tx, &given).await?;
                transfer(tx, NewTransfer::new(Id::new(), given.id, given.id, Amount::MAX), now()).await
            })
            .await;
        assert!(matches!(refused, Err(LedgerError::InsufficientFunds { available: 3, .. })), "{refused:?}");
        assert!(is_empty(&books, &new).await);

        let given = new.clone();
        let panicked = books
            .write(async move |tx: &mut MemoryTx| {
                much(tx, &given).await?;
                if given.owner.is_some() {
                    panic!("on purpose");
                }
                Ok::<_, LedgerError>(())
            })
            .await;
        assert_eq!(panicked, Err(StoreError::Panicked.into()));
        assert!(is_empty(&books, &new).await);

        let given = new.clone();
        let waited = books
            .write(async move |tx: &mut MemoryTx| {
                much(tx, &given).await?;
                tokio::task::yield_now().await;
                Ok::<_, LedgerError>(())
            })
            .await;
        assert_eq!(waited, Err(StoreError::Timeout.into()));
        assert!(is_empty(&books, &new).await);

        let given = new.clone();
        books.write(async move |tx: &mut MemoryTx| much(tx, &given).await).await.unwrap();
        assert!(!is_empty(&books, &new).await);
    }

    #[tokio::test]
    async fn reads_do_not_write_and_work_does_not_wait_for_itself() {
        let books = Memory::new();
        let new = account();
        let given = new.clone();
        let refused = books.read(async move |tx: &mut MemoryTx| open_account(tx, given.clone(), now()).await).await;
        assert!(matches!(refused, Err(LedgerError::Store(StoreError::Database(_)))), "{refused:?}");
        assert!(is_empty(&books, &new).await);
        let same = books.clone();
        let stuck = books
            .write(async move |_tx: &mut MemoryTx| same.read(async |_tx: &mut MemoryTx| Ok::<_, StoreError>(())).await)
            .await;
        assert_eq!(stuck, Err(StoreError::Timeout));
        // Other books are other books.
        let other = Memory::new();
        let nested = books
            .write(async move |_tx: &mut MemoryTx| other.read(async |_tx: &mut MemoryTx| Ok::<_, StoreError>(7)).await)
            .await;
        assert_eq!(nested, Ok(7));
    }

    #[tokio::test]
    async fn the_tables_checks_are_the_last_defence() {
        let books = Memory::new();
        let new = account();
        let capped = NewAccount { credits_capped: true, overdraft: Overdraft::Unlimited, ..account() };
        let (till, loan) = (new.clone(), capped.clone());
        books
            .write(async move |tx: &mut MemoryTx| {
                open_account(tx, loan.clone(), now()).await?;
                much(tx, &till).await
            })
            .await
            .unwrap();
        let find = async |id| books.read(async move |tx: &mut MemoryTx| tx.find_account(id).await).await.unwrap().unwrap();
        let (till, loan) = (find(new.id).await, find(capped.id).await);
        let apply = async |changes: Changes| books.write(async move |tx: &mut MemoryTx| tx.apply(&changes).await).await;
        for bad in [
            crate::Account { balance: 1, ..till.clone() },
            crate::Account { balance: 1, ..loan.clone() },
            crate::Account { entry_count: -1, ..till.clone() },
        ] {
            let good = crate::Account { balance: 4, ..till.clone() };
            let refused = apply(Changes { accounts: vec![good, bad], ..Changes::default() }).await;
            assert!(matches!(refused, Err(StoreError::Check(_))), "{refused:?}");
            assert_eq!((find(till.id).await, find(loan.id).await), (till.clone(), loan.clone()));
        }
        let no = till.no;
        let entry = books.read(async move |tx: &mut MemoryTx| tx.list_entries(no, 1..=9).await).await.unwrap().remove(0);
        let id = entry.transfer;
        let stored = books.read(async move |tx: &mut MemoryTx| tx.find_transfers(&[id]).await).await.unwrap().remove(0);
        let again = apply(Changes { transfers: vec![stored.clone()], ..Changes::default() }).await;
        assert!(matches!(again, Err(StoreError::Again(_))), "{again:?}");
        let twice = crate::Transfer { id: Id::new(), ..stored.clone() };
        let taken = apply(Changes { transfers: vec![twice], ..Changes::default() }).await;
        assert!(matches!(taken, Err(StoreError::Unique(_))), "{taken:?}");
        let stray = crate::Transfer { id: Id::new(), reverses: Some(Id::new()), ..stored };
        let unknown = apply(Changes { transfers: vec![stray], ..Changes::default() }).await;
        assert!(matches!(unknown, Err(StoreError::ForeignKey(_))), "{unknown:?}");
    }
}
