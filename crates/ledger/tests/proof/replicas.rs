//! Two processes on one PostgreSQL database, both through handles, on the same accounts and with the same ids. One of them
//! is killed half way; the other goes on.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rialto_kernel::{AccountId, Id};
use rialto_ledger::{Command, HoldId, HoldState, Ledger, LedgerError, LedgerStore, NewHold, Outcome, TransferId, verify::verify};
use rialto_store::{
    StoreError, Tx,
    testing::{Kind as Database, TestDb},
};
use uuid::Uuid;

use crate::{
    common::{account, amount, balance, movement},
    process::{Process, told},
};

const TASKS: usize = 16;
/// How many groups there are to be asked for, by each of the two.
const GROUPS: u64 = 3_000;
const FILL: i64 = 1_000_000;

/// What both know: the accounts and where the ids begin.
#[derive(Clone, Copy)]
struct World {
    a: AccountId,
    b: AccountId,
    ids: u128,
}

impl World {
    fn text(&self) -> String {
        format!("{} {} {}", self.a, self.b, self.ids)
    }

    fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        Self { a: words[0].parse().unwrap(), b: words[1].parse().unwrap(), ids: words[2].parse().unwrap() }
    }

    fn id(&self, number: u64, member: u128) -> Uuid {
        Uuid::from_u128(self.ids + u128::from(number) * 4 + member)
    }

    /// A group: a transfer, a pair, one that is refused, a pair of which one is, or a hold that is posted in part.
    fn group(&self, number: u64) -> Vec<Command> {
        let Self { a, b, .. } = *self;
        let pay = |member, from, to, minor_units| {
            Command::Transfer(movement(TransferId::from_uuid(self.id(number, member)), from, to, minor_units))
        };
        match number % 6 {
            0 | 1 => vec![pay(0, a, b, 1)],
            2 => vec![pay(0, b, a, 3), pay(1, a, b, 2)],
            3 => vec![pay(0, a, b, 100 * FILL)],
            4 => vec![pay(0, a, b, 1), pay(1, b, a, 100 * FILL)],
            _ => {
                let hold = HoldId::from_uuid(self.id(number, 0));
                let new = NewHold::new(hold, b, a, amount(9));
                vec![Command::Hold(new), Command::Post { hold, amount: Some(amount(5)) }]
            }
        }
    }

    fn is_refused(number: u64) -> bool {
        matches!(number % 6, 3 | 4)
    }

    /// What `a` has gained when the group was done.
    fn gain(number: u64) -> i64 {
        match number % 6 {
            0 | 1 => -1,
            2 => 1,
            5 => 5,
            _ => 0,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of a process that another test kills"]
async fn replica() {
    let Some(told) = told() else { return };
    let (ledger, world, log) = (Ledger::open(&told.url).await.unwrap(), World::parse(&told.world), told.log);
    let next = Arc::new(AtomicU64::new(0));
    let tasks = (0..TASKS).map(|_| {
        let (ledger, log, next) = (ledger.clone(), log.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= GROUPS {
                    return;
                }
                match ledger.group(world.group(number)).await {
                    Ok(outcomes) => {
                        let existed = outcomes.iter().map(|outcome| match outcome {
                            Outcome::Posted(posted) => posted.existed,
                            Outcome::Held(held) => held.existed,
                        });
                        let existed: Vec<bool> = existed.collect();
                        assert!(existed.iter().all(|member| *member == existed[0]), "group {number} is half old");
                        log.write(&format!("{number} {}", if existed[0] { "existed" } else { "done" }));
                    }
                    Err(error) => {
                        assert!(matches!(error.source, LedgerError::InsufficientFunds { .. }), "group {number}: {error:?}");
                        log.write(&format!("{number} refused"));
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// What each group was said to have come to, by all who were asked.
fn answers(processes: [&Process; 2]) -> HashMap<u64, Vec<String>> {
    let mut answers: HashMap<u64, Vec<String>> = HashMap::new();
    for line in processes.iter().flat_map(|process| process.lines()) {
        let (number, word) = line.split_once(' ').unwrap();
        answers.entry(number.parse().unwrap()).or_default().push(word.to_owned());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_do_each_thing_once_though_one_is_killed() {
    let Some(test) = TestDb::open(Database::Postgres).await else { return };
    let db = &test.db;
    let (a, b) = (account(db, FILL).await, account(db, FILL).await);
    let world = World { a, b, ids: Id::<()>::new().uuid().as_u128() };
    let logs = tempfile::tempdir().unwrap();
    let url = db.url().reveal();
    let start = |name: &str| Process::start("replicas::replica", &url, &world.text(), &logs.path().join(name));
    let (mut first, mut second) = (start("first"), start("second"));
    first.has_written(usize::try_from(GROUPS / 4).unwrap()).await;
    first.kill();
    second.ends_well().await;

    let answers = answers([&first, &second]);
    let mut unclaimed = 0;
    for number in 0..GROUPS {
        let words = &answers[&number];
        let said = |wanted: &str| words.iter().filter(|word| *word == wanted).count();
        if World::is_refused(number) {
            assert_eq!(said("refused"), words.len(), "group {number}: {words:?}");
            continue;
        }
        assert_eq!(said("refused"), 0, "group {number}: {words:?}");
        assert!(said("done") <= 1, "group {number} was done twice");
        // The one that was killed had no time to say so.
        unclaimed += 1 - said("done");
    }
    assert!(unclaimed <= TASKS, "{unclaimed} were done by nobody");
    let both = answers.values().filter(|words| words.len() == 2).count();
    assert!(both > 100, "they did not meet: {both}");

    check_rows(&test, world).await;
    let gained: i64 = (0..GROUPS).map(World::gain).sum();
    assert_eq!((balance(db, a).await, balance(db, b).await), (FILL + gained, FILL - gained));
    assert_eq!(verify(db, |_| {}).await.unwrap().wrong, None);
    test.check().await;
}

/// Each group is there as a whole, or not at all if it was refused.
async fn check_rows(test: &TestDb, world: World) {
    let read = test.db.snapshot(async move |tx: &mut Tx| {
        for number in 0..GROUPS {
            let members = world.group(number).len();
            if number % 6 == 5 {
                let hold = tx.find_hold(HoldId::from_uuid(world.id(number, 0))).await?.unwrap();
                assert!(matches!(hold.state, HoldState::Posted { amount: paid, .. } if paid == amount(5)), "{hold:?}");
                continue;
            }
            let ids: Vec<TransferId> =
                (0..members).map(|member| Id::from_uuid(world.id(number, member.try_into().unwrap()))).collect();
            let found = tx.find_transfers(&ids).await?.len();
            assert_eq!(found, if World::is_refused(number) { 0 } else { members }, "group {number}");
        }
        Ok::<_, StoreError>(())
    });
    read.await.unwrap();
}
