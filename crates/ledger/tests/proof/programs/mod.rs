//! Random programs of all operations against a small model: the ledger answers as the model does, whatever is asked in
//! whatever order, by whichever way, on all stores.

mod model;
mod subject;

use model::Model;
use proptest::{prelude::*, test_runner::TestRunner};
use rialto_ledger::{AccountState, Balancing, Books, memory::Memory};
use rialto_store::testing::{Kind as Database, TestDb};
use subject::Subject;

use crate::common::check;

/// Accounts by number: one with an overdraft, two plain ones, one that may not go above zero, two in another asset.
const ACCOUNTS: usize = 6;
/// A number that no account has.
const NOBODY: usize = ACCOUNTS;
const OVERDRAFT: [Option<i64>; ACCOUNTS] = [Some(30), Some(0), Some(0), None, Some(0), Some(0)];
const CAPPED: usize = 3;
const DOLLARS: usize = 4;
const OPENING: [i64; ACCOUNTS] = [100, 100, 100, -100, 100, 100];
const TRANSFERS: usize = 12;
const HOLDS: usize = 6;

/// One step. Transfers and holds are named by numbers, so that later steps can mean earlier ones.
#[derive(Debug, Clone)]
enum Step {
    /// Groups of commands: as single calls, one linked group, or a batch; by the handle or inside a transaction.
    Run {
        groups: Vec<Vec<Act>>,
        batch: bool,
        handle: bool,
    },
    /// An earlier step once more, word for word.
    Again(usize),
    Expire {
        handle: bool,
    },
    State {
        account: usize,
        state: AccountState,
        handle: bool,
    },
    /// Opens an account that is open, as it is or with other fields.
    Open {
        account: usize,
        other: bool,
        handle: bool,
    },
    /// The clock moves, and not always forward. In tens of milliseconds.
    Wait(i64),
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Transfer { name: usize, asked: Asked },
    Reverse { name: usize, of: usize, memo: Memo },
    Hold { name: usize, asked: Asked, lasts: Option<i64> },
    Post { name: usize, amount: Option<i64> },
    Void { name: usize },
}

/// What a transfer or a hold is asked to be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Asked {
    from: usize,
    to: usize,
    amount: i64,
    by: Option<Balancing>,
    kind: i32,
    reference: bool,
    memo: Memo,
    metadata: bool,
    /// In milliseconds from the start.
    effective: Option<i64>,
    reverses: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Memo {
    None,
    Short,
    Invalid,
}

/// What an account looks like. Times are in milliseconds from the start.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    state: AccountState,
    balance: i64,
    held_out: i64,
    held_in: i64,
    entries: i64,
    updated: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Pending,
    Posted(i64),
    Voided,
    Expired,
}

/// What a command came to.
#[derive(Debug, PartialEq)]
enum Answer {
    Posted { existed: bool, amount: i64, at: i64, from: Figures, to: Figures },
    Held { existed: bool, end: End, at: Option<i64>, from: Figures, to: Figures },
}

/// What a step came to; a refusal is a word, with the place of the command in its group.
#[derive(Debug, PartialEq)]
enum Came {
    Ran(Vec<Result<Vec<Answer>, (usize, &'static str)>>),
    /// These holds, in the order in which their time was over.
    Expired(Vec<usize>),
    Account(Result<Figures, &'static str>),
    Nothing,
}

fn memos() -> impl Strategy<Value = Memo> {
    prop_oneof![12 => Just(Memo::None), 4 => Just(Memo::Short), 1 => Just(Memo::Invalid)]
}

fn states() -> impl Strategy<Value = AccountState> {
    prop_oneof![4 => Just(AccountState::Open), 2 => Just(AccountState::Frozen), 1 => Just(AccountState::Closed)]
}

fn asked() -> impl Strategy<Value = Asked> {
    // Mostly credits, seldom nobody; amounts that are often too much.
    let account = || prop_oneof![12 => 0..DOLLARS, 3 => DOLLARS..ACCOUNTS, 1 => Just(NOBODY)];
    let by = prop_oneof![6 => Just(None), 1 => Just(Some(Balancing::Debit)), 1 => Just(Some(Balancing::Credit))];
    let effective = prop_oneof![6 => Just(None), 1 => (-100..200_i64).prop_map(Some)];
    (account(), account(), 0..90_i64, by, 0..2, any::<bool>(), memos(), any::<bool>(), effective).prop_map(
        |(from, to, amount, by, kind, reference, memo, metadata, effective)| Asked {
            from,
            to,
            amount,
            by,
            kind,
            reference,
            memo,
            metadata,
            effective,
            reverses: None,
        },
    )
}

fn acts() -> impl Strategy<Value = Act> {
    let (transfer, hold) = (|| 0..TRANSFERS, || 0..HOLDS);
    prop_oneof![
        6 => (transfer(), asked()).prop_map(|(name, asked)| Act::Transfer { name, asked }),
        2 => (transfer(), transfer(), memos()).prop_map(|(name, of, memo)| Act::Reverse { name, of, memo }),
        3 => (hold(), asked(), prop::option::of(1..20_i64)).prop_map(|(name, asked, lasts)| {
            let asked = Asked { by: None, effective: None, ..asked };
            Act::Hold { name, asked, lasts }
        }),
        3 => (hold(), prop::option::of(0..60_i64)).prop_map(|(name, amount)| Act::Post { name, amount }),
        1 => hold().prop_map(|name| Act::Void { name }),
    ]
}

fn programs() -> impl Strategy<Value = Vec<Step>> {
    let group = |acts_max| prop::collection::vec(acts(), 1..=acts_max);
    let run = |groups, batch, handle| Step::Run { groups, batch, handle };
    let step = prop_oneof![
        8 => (acts(), any::<bool>()).prop_map(move |(act, handle)| run(vec![vec![act]], false, handle)),
        4 => (group(4), any::<bool>()).prop_map(move |(acts, handle)| run(vec![acts], false, handle)),
        3 => (prop::collection::vec(group(3), 0..5), any::<bool>()).prop_map(move |(groups, handle)| run(groups, true, handle)),
        3 => any::<usize>().prop_map(Step::Again),
        1 => any::<bool>().prop_map(|handle| Step::Expire { handle }),
        1 => (0..=NOBODY, states(), any::<bool>())
            .prop_map(|(account, state, handle)| Step::State { account, state, handle }),
        1 => (0..ACCOUNTS, any::<bool>(), any::<bool>())
            .prop_map(|(account, other, handle)| Step::Open { account, other, handle }),
        2 => (-4..12_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..32)
}

/// The step that is meant: an earlier one, if this says so.
fn resolve(program: &[Step], place: usize) -> &Step {
    match &program[place] {
        Step::Again(earlier) if place > 0 => resolve(program, earlier % place),
        step => step,
    }
}

async fn play(books: &impl Books, program: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::new();
    let mut subject = Subject::open(books).await;
    for place in 0..program.len() {
        let step = resolve(program, place);
        let (expected, found) = (model.step(step), subject.step(step).await);
        prop_assert_eq!(expected, found, "step {}: {:?}", place, step);
        let (accounts, holds) = subject.read().await;
        prop_assert_eq!(model.accounts, accounts, "accounts after step {}: {:?}", place, step);
        let ends: Vec<_> = (0..HOLDS).map(|name| model.holds.get(&name).map(|hold| (hold.end, hold.resolved))).collect();
        prop_assert_eq!(ends, holds, "holds after step {}: {:?}", place, step);
    }
    subject.compare_history(&model).await
}

fn run(books: &impl Books, runtime: &tokio::runtime::Runtime, cases: u32) {
    let config = ProptestConfig { cases, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&programs(), |program| runtime.block_on(play(books, &program)));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn run_on(database: Database, cases: u32) {
    let runtime = runtime();
    let Some(test) = runtime.block_on(TestDb::open(database)) else { return };
    run(&test.db, &runtime, cases);
    runtime.block_on(test.check());
    runtime.block_on(check(&test.db));
}

#[test]
fn random_programs_do_what_the_model_does_in_memory() {
    let (runtime, books) = (runtime(), Memory::new());
    run(&books, &runtime, 1_000);
    runtime.block_on(check(&books));
}

#[test]
fn random_programs_do_what_the_model_does_on_sqlite() {
    run_on(Database::Sqlite, 96);
}

#[test]
fn random_programs_do_what_the_model_does_on_postgres() {
    run_on(Database::Postgres, 32);
}
