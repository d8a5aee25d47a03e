//! The gatherer: what strangers ask for at the same time shares a transaction, and nothing else.

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::join_all;
use rialto_kernel::{AccountId, Asset, Clock, Id};
use rialto_ledger::{
    Books, Code, Command, GroupError, Ledger, LedgerError, LedgerStore, NewAccount, Outcome, Overdraft, Transfer, TransferId,
    memory::{Memory, MemoryTx},
};
use rialto_store::{Db, StoreError, Tx, suite, testing::TestDb};

use crate::common::{account, amount, at, balance, movement, new_hold, open, read};

const TASKS: usize = 64;
const FILL: i64 = 1_000_000;

/// What came of one linked group of transfers, or of a single one.
type Came = Result<Vec<Outcome>, GroupError>;

fn ledger<B: Books>(books: &B) -> Ledger<B> {
    Ledger::new(books.clone(), Clock::fixed(at(5)))
}

async fn stored(books: &impl Books, ids: Vec<TransferId>) -> Vec<Transfer> {
    // At one moment: a group must not be caught between two statements.
    books.snapshot(async move |tx| tx.find_transfers(&ids).await).await.unwrap()
}

/// Two accounts that everybody pays, and groups of movements between them that several tasks will ask for: single ones,
/// pairs, pairs whose second member is refused, and single ones that are refused.
struct Scene {
    a: AccountId,
    b: AccountId,
    groups: Vec<Vec<Command>>,
}

impl Scene {
    async fn new(books: &impl Books, count: usize) -> Self {
        let (a, b) = (account(books, FILL).await, account(books, FILL).await);
        let pay = |from, to, minor_units| Command::Transfer(movement(Id::new(), from, to, minor_units));
        let group = |number: usize| match number % 8 {
            0 => vec![pay(a, b, 3), pay(b, a, 1)],
            1 => vec![pay(b, a, 5), pay(a, AccountId::new(), 1)],
            2 => vec![pay(a, b, 100 * FILL)],
            3 | 4 => vec![pay(b, a, 2)],
            _ => vec![pay(a, b, 1)],
        };
        Self { a, b, groups: (0..count).map(group).collect() }
    }

    fn is_refused(number: usize) -> bool {
        matches!(number % 8, 1 | 2)
    }

    fn ids(&self, number: usize) -> Vec<TransferId> {
        let id = |command: &Command| match command {
            Command::Transfer(new) => new.id,
            _ => unreachable!(),
        };
        self.groups[number].iter().map(id).collect()
    }

    /// How much `a` has gained by a group that was done.
    fn gain(&self, number: usize) -> i64 {
        match number % 8 {
            0 => -2,
            3 | 4 => 2,
            _ => -1,
        }
    }

    /// The balances are what the groups that were done come to.
    async fn check(&self, books: &impl Books, done: impl Iterator<Item = usize>) {
        let gained: i64 = done.map(|number| self.gain(number)).sum();
        assert_eq!((balance(books, self.a).await, balance(books, self.b).await), (FILL + gained, FILL - gained));
    }
}

async fn each_id_is_done_once_whoever_asks(books: &impl Books) {
    let scene = Arc::new(Scene::new(books, 240).await);
    let ledger = ledger(books);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (ledger, scene) = (ledger.clone(), Arc::clone(&scene));
            tokio::spawn(async move {
                let mut came: Vec<(usize, Came)> = Vec::new();
                // Every group is asked for by four tasks, in different orders.
                for step in 0..15 {
                    let number = (task * 15 + step * if task % 2 == 0 { 1 } else { 7 }) % 240;
                    came.push((number, ledger.group(scene.groups[number].clone()).await));
                }
                came
            })
        })
        .collect();
    let mut answers: HashMap<usize, Vec<Came>> = HashMap::new();
    for task in tasks {
        for (number, came) in task.await.unwrap() {
            answers.entry(number).or_default().push(came);
        }
    }
    for (number, answers) in &answers {
        if Scene::is_refused(*number) {
            assert!(answers.iter().all(Result::is_err), "group {number}");
            assert!(stored(books, scene.ids(*number)).await.is_empty(), "group {number}");
            continue;
        }
        let posted = |outcome: &Outcome| outcome.clone().into_posted().unwrap();
        let all: Vec<Vec<_>> = answers.iter().map(|came| came.as_ref().unwrap().iter().map(posted).collect()).collect();
        for member in 0..all[0].len() {
            assert!(all.iter().all(|posted| posted[member].transfer == all[0][member].transfer), "group {number}");
            assert_eq!(all.iter().filter(|posted| !posted[member].existed).count(), 1, "group {number}");
        }
    }
    scene.check(books, answers.keys().copied().filter(|number| !Scene::is_refused(*number))).await;
}

async fn callers_that_are_gone_leave_nothing_half_done(books: &impl Books) {
    let scene = Arc::new(Scene::new(books, 640).await);
    let ledger = ledger(books);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (ledger, scene) = (ledger.clone(), Arc::clone(&scene));
            tokio::spawn(async move {
                for number in (0..640).filter(|number| number % TASKS == task) {
                    let _ = ledger.group(scene.groups[number].clone()).await;
                }
            })
        })
        .collect();
    for (number, task) in tasks.iter().enumerate() {
        tokio::task::yield_now().await;
        if number % 3 != 0 {
            task.abort();
        }
    }
    let gone = join_all(tasks).await.into_iter().filter(Result::is_err).count();
    assert!(gone > 0, "none was stopped half way");
    // What had been queued is done all the same, some of it perhaps only now.
    for number in 0..640 {
        let found = stored(books, scene.ids(number)).await.len();
        assert!(found == 0 || found == scene.ids(number).len(), "group {number} is half done");
        if !Scene::is_refused(number) {
            let outcomes = ledger.group(scene.groups[number].clone()).await.unwrap();
            let existed: Vec<bool> = outcomes.into_iter().map(|outcome| outcome.into_posted().unwrap().existed).collect();
            assert!(existed.iter().all(|member| *member == existed[0]), "group {number} was half done");
            assert!(found == 0 || existed[0], "group {number} was done, and forgotten");
        }
    }
    scene.check(books, (0..640).filter(|number| !Scene::is_refused(*number))).await;
}

/// Refusals, repeats within the batch and holds stand among 8,000 commands; each gets the answer that is its own.
async fn a_batch_of_8000_answers_each_for_itself(books: &impl Books) {
    let (a, b, poor) = (account(books, FILL).await, account(books, 0).await, account(books, 0).await);
    let mut commands: Vec<Command> = Vec::new();
    for number in 0..8_000_usize {
        commands.push(match number % 10 {
            1 => commands[number - 1].clone(),
            2 => Command::Transfer(movement(Id::new(), poor, b, 1)),
            3 => Command::Transfer(movement(Id::new(), a, b, 0)),
            4 => Command::Hold(new_hold(a, b, 2, None)),
            5 => match &commands[number - 1] {
                Command::Hold(hold) => Command::Post { hold: hold.id, amount: Some(amount(1)) },
                _ => unreachable!(),
            },
            _ => Command::Transfer(movement(Id::new(), a, b, 1)),
        });
    }
    let ledger = ledger(books);
    for again in [false, true] {
        let results = ledger.batch(commands.clone()).await.unwrap();
        assert_eq!(results.len(), 8_000);
        for (number, (command, result)) in commands.iter().zip(results).enumerate() {
            match (number % 10, command, result) {
                (2, _, Err(LedgerError::InsufficientFunds { account, .. })) => assert_eq!(account, poor),
                (3, _, Err(LedgerError::AmountZero)) => {}
                (4, Command::Hold(new), Ok(Outcome::Held(held))) => {
                    assert_eq!((held.hold.terms.id, held.existed), (new.id, again), "{number}");
                }
                (5, _, Ok(Outcome::Posted(posted))) => {
                    assert_eq!((posted.transfer.amount, posted.existed), (amount(1), again), "{number}");
                }
                (_, Command::Transfer(new), Ok(Outcome::Posted(posted))) => {
                    assert_eq!((posted.transfer.id, posted.existed), (new.id, again || number % 10 == 1), "{number}");
                }
                (_, command, result) => panic!("{number}: {command:?} came to {result:?}"),
            }
        }
        let left = read(books, a).await;
        assert_eq!((left.balance, left.held_out, balance(books, b).await), (FILL - 4_800, amount(0), 4_800));
    }
}

on_all_books! {
    each_id_is_done_once_whoever_asks,
    callers_that_are_gone_leave_nothing_half_done,
    a_batch_of_8000_answers_each_for_itself,
}

/// What only a database can do to a batch.
mod tables {
    use super::*;

    async fn change(db: &Db, sql: &'static str) {
        db.write(async move |tx: &mut Tx| tx.batch(sql).await).await.unwrap();
    }

    async fn a_row_that_cannot_be_read_fails_only_who_asks_for_it(test: &TestDb) {
        let db = &test.db;
        let (a, b) = (account(db, FILL).await, account(db, 0).await);
        let new = NewAccount { overdraft: Overdraft::Unlimited, ..NewAccount::new(Asset::CREDIT, Code::new("spoilt")) };
        let spoilt = open(db, new, 100).await;
        // More than an amount can be: the row cannot be read.
        change(db, "UPDATE ledger_accounts SET held_out = 9007199254740992 WHERE code = 'spoilt'").await;
        let ledger = ledger(db);
        // All of them are queued before the first is taken from the queue, so they share batches.
        let asked = (0..200).map(|number| {
            let payee = if number % 20 == 7 { spoilt } else { b };
            let members = if number % 2 == 0 { vec![(a, b, 1), (b, payee, 1)] } else { vec![(a, payee, 1)] };
            let pay = |(from, to, minor_units)| Command::Transfer(movement(Id::new(), from, to, minor_units));
            ledger.group(members.into_iter().map(pay).collect())
        });
        for (number, came) in join_all(asked).await.into_iter().enumerate() {
            let failed = matches!(came, Err(GroupError { source: LedgerError::Store(StoreError::Corrupt(_)), .. }));
            assert_eq!((came.is_err(), failed), (number % 20 == 7, number % 20 == 7), "{number}: {came:?}");
        }
        assert_eq!((balance(db, a).await, balance(db, b).await), (FILL - 190, 190));
        change(db, "UPDATE ledger_accounts SET held_out = 0 WHERE code = 'spoilt'").await;
        assert_eq!(balance(db, spoilt).await, 100);
    }

    suite! { a_row_that_cannot_be_read_fails_only_who_asks_for_it }
}

/// Books that panic once, where no store could: outside of the work that it is handed.
#[derive(Clone)]
struct Panicking {
    books: Memory,
    panics: Arc<AtomicBool>,
}

impl Books for Panicking {
    type Tx = MemoryTx;

    fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "on purpose");
        self.books.write(work)
    }

    fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        self.books.read(work)
    }

    fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        self.books.snapshot(work)
    }
}

#[tokio::test]
async fn a_batch_that_panics_fails_its_members_and_the_next_is_served() {
    let books = Panicking { books: Memory::new(), panics: Arc::default() };
    let (a, b) = (account(&books, 10).await, account(&books, 0).await);
    let ledger = ledger(&books);
    books.panics.store(true, Ordering::Relaxed);
    let new = movement(Id::new(), a, b, 3);
    let lost = ledger.transfer(new.clone()).await;
    assert!(matches!(lost, Err(LedgerError::Store(StoreError::Unknown(_)))), "{lost:?}");
    assert!(!ledger.transfer(new).await.unwrap().existed);
    assert_eq!(balance(&books, b).await, 3);
}

/// Books that write down how many commands each transaction enters.
#[derive(Clone)]
struct Counted {
    books: Memory,
    newest: Arc<Mutex<Vec<i64>>>,
}

impl Books for Counted {
    type Tx = MemoryTx;

    fn write<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        let (books, newest) = (self.books.clone(), Arc::clone(&self.newest));
        async move {
            let result = books.write(work).await;
            let place = books.read(async |tx: &mut MemoryTx| tx.newest_transfer_no().await).await?;
            newest.lock().unwrap().push(place);
            result
        }
    }

    fn read<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        self.books.read(work)
    }

    fn snapshot<R, E, F>(&self, work: F) -> impl Future<Output = Result<R, E>> + Send + 'static
    where
        F: AsyncFn(&mut MemoryTx) -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
    {
        self.books.snapshot(work)
    }
}

/// All is queued before anything is done: one thread, and it has not been given up yet.
#[tokio::test(flavor = "current_thread")]
async fn large_requests_and_single_ones_take_turns() {
    let books = Counted { books: Memory::new(), newest: Arc::default() };
    let (a, b) = (account(&books, FILL).await, account(&books, 0).await);
    let ledger = ledger(&books);
    let pay = |count: usize| (0..count).map(|_| Command::Transfer(movement(Id::new(), a, b, 1))).collect::<Vec<_>>();
    books.newest.lock().unwrap().clear();
    let bulk = async { join_all((0..3).map(|_| ledger.batch(pay(1_000)))).await };
    let singles = async { join_all((0..5).map(|_| ledger.batch(pay(1)))).await };
    let (bulk, singles) = tokio::join!(bulk, singles);
    assert!(bulk.iter().chain(&singles).all(|results| results.as_ref().unwrap().iter().all(Result::is_ok)));
    let newest = books.newest.lock().unwrap().clone();
    let sizes: Vec<i64> = newest.iter().scan(1, |before, place| Some(place - std::mem::replace(before, *place))).collect();
    assert_eq!(sizes, [5, 1_000, 1_000, 1_000], "no single one waits behind a large one that came first, nor shares its fate");
}
