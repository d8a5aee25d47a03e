//! Random programs against a small model: the ledger answers as the model does, whatever is asked in whatever order.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of a test fail it")]

use std::collections::HashMap;

use proptest::{prelude::*, test_runner::TestRunner};
use rialto_kernel::{AccountId, Amount, Asset, Id, Timestamp};
use rialto_ledger::{
    Code, Command, HoldId, House, LedgerError, LedgerStore, NewAccount, NewHold, NewReversal, NewTransfer, Overdraft, TransferId,
    expire_holds, group, open_account, reverse, transfer, verify::verify,
};
use rialto_store::{
    Db, Tx,
    testing::{Kind as Database, TestDb},
};

const ACCOUNTS: usize = 4;
const OPENING: i64 = 100;
/// One of the accounts may go below zero by as much.
const OVERDRAFT: i64 = 30;

/// One step. Transfers and holds are named by their place in the program, so that later steps can mean earlier ones.
#[derive(Debug, Clone)]
enum Step {
    Group(Vec<Act>),
    Reverse(usize),
    Expire,
    Wait(i64),
}

#[derive(Debug, Clone)]
enum Act {
    Transfer { name: usize, from: usize, to: usize, amount: i64 },
    Hold { name: usize, from: usize, to: usize, amount: i64, lasts: Option<i64> },
    Post { name: usize, amount: Option<i64> },
    Void { name: usize },
}

fn acts() -> impl Strategy<Value = Act> {
    let account = || 0..ACCOUNTS;
    // Few names, so that they come again; amounts that are often too much.
    prop_oneof![
        4 => (0..12_usize, account(), account(), 0..90_i64)
            .prop_map(|(name, from, to, amount)| Act::Transfer { name, from, to, amount }),
        3 => (0..6_usize, account(), account(), 0..90_i64, prop::option::of(1..20_i64))
            .prop_map(|(name, from, to, amount, lasts)| Act::Hold { name, from, to, amount, lasts }),
        3 => (0..6_usize, prop::option::of(0..60_i64)).prop_map(|(name, amount)| Act::Post { name, amount }),
        1 => (0..6_usize).prop_map(|name| Act::Void { name }),
    ]
}

fn programs() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => prop::collection::vec(acts(), 1..4).prop_map(Step::Group),
        1 => (0..12_usize).prop_map(Step::Reverse),
        1 => Just(Step::Expire),
        1 => (1..10_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..30)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Pending,
    Posted(i64),
    Voided,
    Expired,
}

/// What must happen. Money is an array of numbers here.
#[derive(Debug, Clone, Default)]
struct Model {
    now: i64,
    balance: [i64; ACCOUNTS],
    held: [i64; ACCOUNTS],
    transfers: HashMap<usize, (usize, usize, i64)>,
    reversed: HashMap<usize, ()>,
    holds: HashMap<usize, (usize, usize, i64, Option<i64>, End)>,
}

impl Model {
    fn covers(&self, account: usize, amount: i64) -> bool {
        let overdraft = if account == 0 { OVERDRAFT } else { 0 };
        self.balance[account] - self.held[account] + overdraft >= amount
    }

    fn shift(&mut self, from: usize, to: usize, amount: i64) {
        self.balance[from] -= amount;
        self.balance[to] += amount;
    }

    fn act(&mut self, act: &Act) -> Result<(), &'static str> {
        match *act {
            Act::Transfer { amount: 0, .. } | Act::Hold { amount: 0, .. } | Act::Post { amount: Some(0), .. } => Err("zero"),
            Act::Transfer { name, from, to, amount } => match self.transfers.get(&name) {
                Some(known) if *known == (from, to, amount) => Ok(()),
                Some(_) => Err("mismatch"),
                None if !self.covers(from, amount) => Err("funds"),
                None => {
                    self.transfers.insert(name, (from, to, amount));
                    self.shift(from, to, amount);
                    Ok(())
                }
            },
            Act::Hold { name, from, to, amount, lasts } => match self.holds.get(&name) {
                Some(known) if (known.0, known.1, known.2) == (from, to, amount) => Ok(()),
                Some(_) => Err("mismatch"),
                None if !self.covers(from, amount) => Err("funds"),
                None => {
                    self.holds.insert(name, (from, to, amount, lasts.map(|lasts| self.now + lasts), End::Pending));
                    self.held[from] += amount;
                    Ok(())
                }
            },
            Act::Post { name, amount } => {
                let (from, to, held, until, end) = *self.holds.get(&name).ok_or("unknown")?;
                let asked = amount.unwrap_or(held);
                match end {
                    End::Posted(paid) if paid == asked => return Ok(()),
                    End::Pending if until.is_some_and(|until| until <= self.now) => return Err("expired"),
                    End::Pending if asked > held => return Err("exceeded"),
                    End::Pending => {}
                    End::Expired => return Err("expired"),
                    _ => return Err("resolved"),
                }
                self.held[from] -= held;
                self.shift(from, to, asked);
                self.holds.insert(name, (from, to, held, until, End::Posted(asked)));
                Ok(())
            }
            Act::Void { name } => {
                let (from, to, held, until, end) = *self.holds.get(&name).ok_or("unknown")?;
                match end {
                    End::Voided => return Ok(()),
                    End::Pending => {}
                    End::Expired => return Err("expired"),
                    End::Posted(_) => return Err("resolved"),
                }
                self.held[from] -= held;
                self.holds.insert(name, (from, to, held, until, End::Voided));
                Ok(())
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::Group(acts) => {
                let mut after = self.clone();
                acts.iter().try_for_each(|act| after.act(act))?;
                *self = after;
            }
            Step::Reverse(name) => {
                let (from, to, amount) = *self.transfers.get(name).ok_or("unknown")?;
                if self.reversed.contains_key(name) {
                    return Err("reversed");
                }
                if !self.covers(to, amount) {
                    return Err("funds");
                }
                self.shift(to, from, amount);
                self.reversed.insert(*name, ());
            }
            Step::Expire => {
                let now = self.now;
                for (from, _, held, until, end) in self.holds.values_mut() {
                    if *end == End::Pending && until.is_some_and(|until| until <= now) {
                        *end = End::Expired;
                        self.held[*from] -= *held;
                    }
                }
            }
            Step::Wait(seconds) => self.now += seconds,
        }
        Ok(())
    }
}

/// The ledger, asked in the words of the model.
struct Subject<'a> {
    db: &'a Db,
    now: i64,
    accounts: [AccountId; ACCOUNTS],
    transfers: Vec<TransferId>,
    holds: Vec<HoldId>,
}

impl Subject<'_> {
    fn command(&self, act: &Act) -> Command {
        let amount = |minor_units| Amount::new(minor_units).unwrap();
        match *act {
            Act::Transfer { name, from, to, amount: sum } => {
                Command::Transfer(NewTransfer::new(self.transfers[name], self.accounts[from], self.accounts[to], amount(sum)))
            }
            Act::Hold { name, from, to, amount: sum, lasts } => Command::Hold(NewHold {
                expires_at: lasts.map(|lasts| moment(self.now + lasts)),
                ..NewHold::new(self.holds[name], self.accounts[from], self.accounts[to], amount(sum))
            }),
            Act::Post { name, amount: sum } => Command::Post { hold: self.holds[name], amount: sum.map(amount) },
            Act::Void { name } => Command::Void(self.holds[name]),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), &'static str> {
        let now = moment(self.now);
        let done = match step {
            Step::Group(acts) => {
                let commands: Vec<Command> = acts.iter().map(|act| self.command(act)).collect();
                let group = self.db.write(async move |tx: &mut Tx| group(tx, &commands, now).await).await;
                group.map(|_| ()).map_err(LedgerError::from)
            }
            Step::Reverse(name) => {
                let transfer = self.transfers[*name];
                let new = NewReversal { id: Id::new(), transfer, memo: None };
                self.db.write(async move |tx: &mut Tx| reverse(tx, new.clone(), now).await).await.map(|_| ())
            }
            Step::Expire => self.db.write(async move |tx: &mut Tx| expire_holds(tx, now, 1_000).await).await.map(|_| ()),
            Step::Wait(seconds) => {
                self.now += seconds;
                Ok(())
            }
        };
        done.map_err(|error| match error {
            LedgerError::AmountZero => "zero",
            LedgerError::IdMismatch(_) => "mismatch",
            LedgerError::HoldUnknown(_) | LedgerError::TransferUnknown(_) => "unknown",
            LedgerError::HoldResolved { .. } => "resolved",
            LedgerError::HoldExpired(_) => "expired",
            LedgerError::HoldExceeded { .. } => "exceeded",
            LedgerError::AlreadyReversed { .. } => "reversed",
            LedgerError::InsufficientFunds { .. } => "funds",
            _ => "something else",
        })
    }

    async fn figures(&self) -> ([i64; ACCOUNTS], [i64; ACCOUNTS]) {
        let ids = self.accounts;
        self.db
            .read(async move |tx: &mut Tx| {
                let (mut balance, mut held) = ([0; ACCOUNTS], [0; ACCOUNTS]);
                for (place, id) in ids.into_iter().enumerate() {
                    let account = tx.find_account(id).await?.unwrap();
                    (balance[place], held[place]) = (account.balance, account.held_out.get());
                }
                Ok::<_, rialto_store::StoreError>((balance, held))
            })
            .await
            .unwrap()
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_000_000 + seconds * 1_000_000)
}

async fn open_accounts(db: &Db) -> [AccountId; ACCOUNTS] {
    let ids: [AccountId; ACCOUNTS] = std::array::from_fn(|_| AccountId::new());
    db.write(async move |tx: &mut Tx| {
        for (place, id) in ids.into_iter().enumerate() {
            let overdraft = Overdraft::Limit(Amount::new(if place == 0 { OVERDRAFT } else { 0 }).unwrap());
            let (asset, code) = (Asset::CREDIT, Code::new("till"));
            open_account(tx, NewAccount { id, overdraft, ..NewAccount::new(asset, code) }, moment(0)).await?;
            let opening = Amount::new(OPENING).unwrap();
            let fill = NewTransfer::new(Id::new(), House::Issuance.account(asset), id, opening);
            transfer(tx, fill, moment(0)).await?;
        }
        Ok::<_, LedgerError>(())
    })
    .await
    .unwrap();
    ids
}

async fn play(db: &Db, program: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model { balance: [OPENING; ACCOUNTS], ..Model::default() };
    let mut subject = Subject {
        db,
        now: 0,
        accounts: open_accounts(db).await,
        transfers: (0..12).map(|_| Id::new()).collect(),
        holds: (0..6).map(|_| Id::new()).collect(),
    };
    for (place, step) in program.iter().enumerate() {
        let (expected, found) = (model.step(step), subject.step(step).await);
        prop_assert_eq!(expected, found, "step {}: {:?}", place, step);
        prop_assert_eq!((model.balance, model.held), subject.figures().await, "after step {}: {:?}", place, step);
    }
    Ok(())
}

fn run(database: Database, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let Some(test) = runtime.block_on(TestDb::open(database)) else { return };
    let config = ProptestConfig { cases, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&programs(), |program| runtime.block_on(play(&test.db, &program)));
    if let Err(failure) = result {
        panic!("{failure}");
    }
    runtime.block_on(test.check());
    assert_eq!(runtime.block_on(verify(&test.db, |_| {})).unwrap().wrong, None);
}

#[test]
fn random_programs_do_what_the_model_does_on_sqlite() {
    run(Database::Sqlite, 96);
}

#[test]
fn random_programs_do_what_the_model_does_on_postgres() {
    run(Database::Postgres, 24);
}
