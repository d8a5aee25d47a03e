//! A process that writes to SQLite under load is killed at random points, again and again on the same file. What it had
//! acknowledged is there afterwards, nothing is half done, and the books are right.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::join_all;
use rialto_kernel::{AccountId, Event, Id, Timestamp};
use rialto_ledger::{
    Command, Hold, HoldId, HoldState, Ledger, LedgerError, LedgerStore, NewHold, Outcome, TransferId, transfer, verify::verify,
};
use rialto_store::{
    Db, StoreError, Tx,
    idempotency::{self, Claim, Key, Stored},
    outbox,
    testing::{Kind as Database, TestDb},
};
use uuid::Uuid;

use crate::{
    common::{account, amount, balance, movement},
    process::{Log, Process, chance, told},
};

const KILLS: usize = 50;
const WRITERS: usize = 12;
const ACCOUNTS: usize = 4;
const FILL: i64 = 1_000_000_000;
const EVENT: &str = "proof.paid";

/// What a writer asks for: one of `TGDHPV` (a transfer, a linked group, a transfer beside rows of other domains, a hold,
/// its posting, its voiding), and what moves.
#[derive(Debug, Clone)]
struct Op {
    word: char,
    moves: Vec<Move>,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    id: Uuid,
    from: usize,
    to: usize,
    amount: i64,
}

impl Op {
    fn new(word: char, count: usize) -> Self {
        let place = || usize::try_from(chance(4)).unwrap();
        let step = || Move { id: Id::<()>::new().uuid(), from: place(), to: place(), amount: 2 };
        Self { word, moves: (0..count).map(|_| step()).collect() }
    }

    fn text(&self) -> String {
        let step = |Move { id, from, to, amount }: &Move| format!(" {id}:{from}:{to}:{amount}");
        format!("{}{}", self.word, self.moves.iter().map(step).collect::<String>())
    }

    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let word = words.next().and_then(|word| word.chars().next()).unwrap();
        let step = |text: &str| {
            let parts: Vec<&str> = text.split(':').collect();
            let number = |place: usize| parts[place].parse::<i64>().unwrap();
            let place = |number: i64| usize::try_from(number).unwrap();
            Move { id: parts[0].parse().unwrap(), from: place(number(1)), to: place(number(2)), amount: number(3) }
        };
        Self { word, moves: words.map(step).collect() }
    }

    fn commands(&self, accounts: &[AccountId]) -> Vec<Command> {
        let command = |step: &Move| {
            let (from, to, hold) = (accounts[step.from], accounts[step.to], HoldId::from_uuid(step.id));
            match self.word {
                'H' => Command::Hold(NewHold::new(hold, from, to, amount(step.amount))),
                'P' => Command::Post { hold, amount: Some(amount(1)) },
                'V' => Command::Void(hold),
                _ => Command::Transfer(movement(TransferId::from_uuid(step.id), from, to, step.amount)),
            }
        };
        self.moves.iter().map(command).collect()
    }

    fn key(&self) -> Key {
        Key { scope: "proof".to_owned(), key: self.moves[0].id.to_string(), fingerprint: vec![1] }
    }
}

/// Does `op`, by the gatherer or, beside other domains' rows, in a transaction of its own. Whether it had been done before.
async fn perform(ledger: &Ledger, accounts: &[AccountId], op: &Op) -> Result<bool, LedgerError> {
    let mut commands = op.commands(accounts);
    if op.word != 'D' {
        let existed = |outcome: &Outcome| match outcome {
            Outcome::Posted(posted) => posted.existed,
            Outcome::Held(held) => held.existed,
        };
        let outcomes = ledger.group(commands).await?;
        let first = existed(&outcomes[0]);
        assert!(outcomes.iter().all(|outcome| existed(outcome) == first), "a group that is half old");
        return Ok(first);
    }
    let Some(Command::Transfer(new)) = commands.pop() else { unreachable!() };
    let (now, key) = (ledger.clock().now(), op.key());
    let work = ledger.books().write(async move |tx: &mut Tx| {
        if let Claim::Done(_) = idempotency::claim(tx, &key, now).await? {
            return Ok::<_, LedgerError>(true);
        }
        let posted = transfer(tx, new.clone(), now).await?;
        outbox::append(tx, event(new.id.uuid(), now)).await?;
        idempotency::finish(tx, &key, &Stored { status: 200, body: String::new() }).await?;
        Ok(posted.existed)
    });
    work.await
}

fn event(subject: Uuid, at: Timestamp) -> Event {
    Event { kind: EVENT, subject, owner: None, data: serde_json::json!(subject), at }
}

/// One of the writers: what it asks for, it writes down before (`?`) and after (`!`).
async fn write_on(ledger: Ledger, accounts: Arc<[AccountId]>, log: Log, writer: usize) {
    let mut held: Vec<Op> = Vec::new();
    for turn in writer.. {
        let op = match turn % 6 {
            0 => Op::new('G', 3),
            1 | 2 => Op::new('D', 1),
            3 => Op::new('H', 1),
            4 => match held.pop() {
                Some(hold) => Op { word: if turn % 4 == 0 { 'P' } else { 'V' }, ..hold },
                None => continue,
            },
            _ => Op::new('T', 1),
        };
        log.write(&format!("?{}", op.text()));
        let existed = perform(&ledger, &accounts, &op).await.unwrap();
        assert!(!existed, "{op:?} was there already");
        log.write(&format!("!{}", op.text()));
        if op.word == 'H' {
            held.push(op);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of a process that another test kills"]
async fn writers() {
    let Some(told) = told() else { return };
    let accounts: Arc<[AccountId]> = told.world.split(' ').map(|id| id.parse().unwrap()).collect();
    let ledger = Ledger::open(&told.url).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (ledger, accounts, log) = (ledger.clone(), Arc::clone(&accounts), told.log.clone());
        tokio::spawn(write_on(ledger, accounts, log, writer))
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// What is found of the operations of one process.
struct Found {
    transfers: HashSet<Uuid>,
    holds: Vec<Option<Hold>>,
    keys: HashSet<Uuid>,
    events: Vec<Uuid>,
}

async fn look(db: &Db, ops: &[Op], after: i64) -> (Found, i64) {
    let moves = |wanted: &'static str| {
        ops.iter().filter(move |op| wanted.contains(op.word)).flat_map(|op| &op.moves).map(|step| step.id).collect::<Vec<_>>()
    };
    let transfers: Vec<TransferId> = moves("TGD").into_iter().map(Id::from_uuid).collect();
    let holds: Vec<HoldId> = ops.iter().map(|op| Id::from_uuid(op.moves[0].id)).collect();
    let beside: Vec<Key> = ops.iter().filter(|op| op.word == 'D').map(Op::key).collect();
    let read = db.read(async move |tx: &mut Tx| {
        let mut found = Found { transfers: HashSet::new(), holds: Vec::new(), keys: HashSet::new(), events: Vec::new() };
        found.transfers.extend(tx.find_transfers(&transfers).await?.into_iter().map(|transfer| transfer.id.uuid()));
        for hold in &holds {
            found.holds.push(tx.find_hold(*hold).await?);
        }
        for key in &beside {
            if let Some(claim) = idempotency::find(tx, key).await? {
                assert!(matches!(claim, Claim::Done(_)), "a claim without an answer: {claim:?}");
                found.keys.insert(key.key.parse().unwrap());
            }
        }
        let recorded = outbox::between(tx, &[EVENT.to_owned()], after, i64::MAX).await?;
        let last = recorded.last().map_or(after, |event| event.seq);
        found.events.extend(recorded.into_iter().map(|event| serde_json::from_value::<Uuid>(event.data).unwrap()));
        Ok::<_, StoreError>((found, last))
    });
    read.await.unwrap()
}

/// Each operation is there as a whole or not at all, and there if it was acknowledged.
fn check(ops: &[Op], acknowledged: &HashSet<String>, found: &Found) {
    let ended: HashSet<Uuid> = ops.iter().filter(|op| "PV".contains(op.word)).map(|op| op.moves[0].id).collect();
    for (op, hold) in ops.iter().zip(&found.holds) {
        let (first, known) = (op.moves[0].id, acknowledged.contains(&op.text()));
        let state = hold.as_ref().map(|hold| hold.state);
        match op.word {
            'H' => assert!(state.is_some() || !known, "{op:?} is lost"),
            'P' | 'V' => {
                let done = match state {
                    Some(HoldState::Posted { amount: paid, .. }) if op.word == 'P' => paid == amount(1),
                    Some(HoldState::Voided) => op.word == 'V',
                    state => {
                        assert_eq!(state, Some(HoldState::Pending), "{op:?}");
                        false
                    }
                };
                assert!(done || !known, "{op:?} is lost");
            }
            _ => {
                let there = op.moves.iter().filter(|step| found.transfers.contains(&step.id)).count();
                assert!(there == 0 || there == op.moves.len(), "{op:?} is half done");
                assert!(there > 0 || !known, "{op:?} is lost");
                if op.word == 'D' {
                    assert_eq!(found.keys.contains(&first), there == 1, "{op:?} and its key");
                    assert_eq!(found.events.iter().filter(|id| **id == first).count(), there, "{op:?} and its event");
                }
            }
        }
        if op.word == 'H' && !ended.contains(&first) {
            assert!(matches!(state, None | Some(HoldState::Pending)), "{op:?} is {state:?}");
        }
    }
}

/// The same ids asked for once more: what was acknowledged existed, the rest exists afterwards.
async fn ask_again(ledger: &Ledger, accounts: &[AccountId], ops: &[Op], acknowledged: &HashSet<String>) {
    // Holds before what ends them.
    for are_ends in [false, true] {
        let ops = ops.iter().filter(|op| "PV".contains(op.word) == are_ends);
        let asked = ops.map(async |op| {
            let existed = perform(ledger, accounts, op).await.unwrap();
            assert!(existed || !acknowledged.contains(&op.text()), "{op:?} was done again");
        });
        join_all(asked).await;
    }
}

/// One life of the process: started, killed, and what it left behind looked at.
async fn live_and_die(url: &str, accounts: &[AccountId], log: PathBuf, life: usize, after: i64) -> (usize, i64) {
    let world = accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let mut process = Process::start("crash::writers", url, &world, &log);
    // Mostly under load, sometimes while it is still opening its database.
    if life % 8 == 7 {
        tokio::time::sleep(Duration::from_millis(chance(60))).await;
    } else {
        process.has_written(2 * WRITERS).await;
        tokio::time::sleep(Duration::from_micros(chance(120_000))).await;
    }
    process.kill();
    let (mut ops, mut acknowledged) = (Vec::new(), HashSet::new());
    for line in process.lines() {
        match line.split_at(1) {
            ("?", op) => ops.push(Op::parse(op)),
            (_, op) => assert!(acknowledged.insert(op.to_owned())),
        }
    }
    let ledger = Ledger::open(url).await.unwrap();
    let (found, _) = look(ledger.books(), &ops, after).await;
    check(&ops, &acknowledged, &found);
    assert_eq!(verify(ledger.books(), |_| {}).await.unwrap().wrong, None);
    ask_again(&ledger, accounts, &ops, &acknowledged).await;
    let (found, last) = look(ledger.books(), &ops, after).await;
    check(&ops, &ops.iter().map(Op::text).collect(), &found);
    (acknowledged.len(), last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_under_load_loses_and_halves_nothing() {
    let test = TestDb::open(Database::Sqlite).await.unwrap();
    let url = test.db.url().reveal();
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(account(&test.db, FILL).await);
    }
    let logs = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut after) = (0, 0);
    for life in 0..KILLS {
        let log = logs.path().join(life.to_string());
        let (more, last) = live_and_die(&url, &accounts, log, life, after).await;
        (acknowledged, after) = (acknowledged + more, last);
    }
    assert!(acknowledged > KILLS * WRITERS, "there was no load: {acknowledged}");
    let mut sum = 0;
    for id in accounts {
        sum += balance(&test.db, id).await;
    }
    assert_eq!(sum, 4 * FILL);
    test.check().await;
}
