//! Random histories, and all there is to know about them.

use proptest::{prelude::*, test_runner::TestRunner};
use rialto_kernel::{AccountId, Asset, OwnerId, Timestamp};
use rialto_ledger::{
    Account, Books, Code, Command, Entry, Hold, HoldId, House, Kind, LedgerStore, NewAccount, NewHold, NewTransfer, Overdraft,
    ReferenceId, expire_holds, group, history::HistoryStore, open_account,
};

use crate::common::{amount, at};

/// The accounts of a history: two of one owner, one of another.
pub const ACCOUNTS: usize = 3;

/// One step. Seconds are what the clock moves; it may go back, as that of another server would.
#[derive(Debug, Clone)]
pub enum Step {
    Transfers(Vec<Movement>),
    Hold {
        from: usize,
        to: usize,
        amount: i64,
        lasts: Option<i64>,
    },
    /// Ends an earlier hold: pays so much of it, or gives it back.
    End {
        hold: usize,
        paid: Option<i64>,
    },
    Expire,
    Wait(i64),
}

#[derive(Debug, Clone)]
pub struct Movement {
    from: usize,
    to: usize,
    amount: i64,
    kind: i32,
    reference: usize,
    /// How many seconds ago it counts from.
    ago: Option<i64>,
}

fn movements() -> impl Strategy<Value = Movement> {
    // The last account is the house.
    let account = || 0..=ACCOUNTS;
    (account(), account(), 1..50_i64, 0..3_i32, 0..4_usize, prop::option::weighted(0.3, 0..30_i64))
        .prop_map(|(from, to, amount, kind, reference, ago)| Movement { from, to, amount, kind: 1_000 + kind, reference, ago })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(movements(), 1..6).prop_map(Step::Transfers),
        2 => (0..ACCOUNTS, 0..ACCOUNTS, 1..20_i64, prop::option::of(1..10_i64))
            .prop_map(|(from, to, amount, lasts)| Step::Hold { from, to, amount, lasts }),
        2 => (0..6_usize, prop::option::of(1..20_i64)).prop_map(|(hold, paid)| Step::End { hold, paid }),
        1 => Just(Step::Expire),
        4 => (-3..8_i64).prop_map(Step::Wait),
    ]
}

pub fn histories() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(steps(), 1..40)
}

/// Accounts with a history.
pub struct History {
    pub owner: OwnerId,
    pub accounts: [AccountId; ACCOUNTS],
    pub references: [ReferenceId; 4],
    pub holds: Vec<HoldId>,
}

/// Everything that is known of one account.
pub struct Known {
    pub account: Account,
    /// The oldest first.
    pub entries: Vec<Entry>,
    /// The newest first.
    pub holds: Vec<Hold>,
}

impl History {
    /// Opens accounts that may overdraw without limit, and lets the history happen.
    pub async fn happen<B: Books>(books: &B, steps: &[Step]) -> Self {
        let (owner, other) = (OwnerId::new(), OwnerId::new());
        let new =
            |owner, code| NewAccount { overdraft: Overdraft::Unlimited, ..NewAccount::owned_by(owner, Asset::CREDIT, code) };
        let new = [new(owner, Code::new("till")), new(owner, Code::new("safe")), new(other, Code::new("till"))];
        let accounts = std::array::from_fn(|place| new[place].id);
        let open = async move |tx: &mut B::Tx| {
            for new in &new {
                open_account(tx, new.clone(), at(0)).await?;
            }
            Ok::<_, rialto_ledger::LedgerError>(())
        };
        books.write(open).await.unwrap();
        let mut history = Self { owner, accounts, references: std::array::from_fn(|_| ReferenceId::new()), holds: Vec::new() };
        let mut now = 100;
        for step in steps {
            history.step(books, step, &mut now).await;
        }
        history
    }

    fn account(&self, place: usize) -> AccountId {
        self.accounts.get(place).copied().unwrap_or(House::Issuance.account(Asset::CREDIT))
    }

    async fn step<B: Books>(&mut self, books: &B, step: &Step, now: &mut i64) {
        let time = at(*now);
        let commands = match step {
            Step::Wait(seconds) => return *now += seconds,
            Step::Expire => {
                let expire = async move |tx: &mut B::Tx| expire_holds(tx, time, 100).await;
                return drop(books.write(expire).await.unwrap());
            }
            Step::Transfers(movements) => movements.iter().map(|movement| self.transfer(movement, *now)).collect(),
            Step::Hold { from, to, amount: held, lasts } => {
                let new = NewHold::new(HoldId::new(), self.accounts[*from], self.accounts[*to], amount(*held));
                self.holds.push(new.id);
                vec![Command::Hold(NewHold { expires_at: lasts.map(|lasts| at(*now + lasts)), ..new })]
            }
            Step::End { hold, paid } => match (self.holds.get(*hold), paid) {
                (None, _) => return,
                (Some(hold), Some(paid)) => vec![Command::Post { hold: *hold, amount: Some(amount(*paid)) }],
                (Some(hold), None) => vec![Command::Void(*hold)],
            },
        };
        // A hold may have ended already, or hold less: then nothing happens.
        let _ = books.write(async move |tx: &mut B::Tx| group(tx, &commands, time).await).await;
    }

    fn transfer(&self, movement: &Movement, now: i64) -> Command {
        let (from, to) = (self.account(movement.from), self.account(movement.to));
        let new = NewTransfer::new(rialto_ledger::TransferId::new(), from, to, amount(movement.amount));
        Command::Transfer(NewTransfer {
            kind: Kind(movement.kind),
            reference: self.references.get(movement.reference).copied(),
            effective_at: movement.ago.map(|ago| at(now - ago)),
            ..new
        })
    }

    /// Reads all of one account in the plainest way there is.
    pub async fn known<B: Books>(&self, books: &B, place: usize) -> Known {
        let (id, holds) = (self.accounts[place], self.holds.clone());
        let read = async move |tx: &mut B::Tx| {
            let account = tx.find_account(id).await?.unwrap();
            let mut entries = tx.list_entries(account.no, 1..=account.entry_count).await?;
            entries.reverse();
            let mut found = Vec::new();
            for hold in &holds {
                found.extend(tx.find_hold(*hold).await?.filter(|hold| hold.terms.debit == id || hold.terms.credit == id));
            }
            found.sort_unstable_by_key(|hold| std::cmp::Reverse((hold.created_at, hold.terms.id)));
            Ok::<_, rialto_ledger::LedgerError>(Known { account, entries, holds: found })
        };
        books.read(read).await.unwrap()
    }
}

pub fn effective(entry: &Entry) -> Timestamp {
    entry.effective_at.unwrap_or(entry.created_at)
}

impl Known {
    /// Every moment at which something changes, and those right before and behind it.
    pub fn boundaries(&self) -> Vec<Timestamp> {
        let entries = self.entries.iter().flat_map(|entry| [entry.created_at, effective(entry)]);
        let holds = self.holds.iter().flat_map(|hold| [Some(hold.created_at), hold.resolved_at]).flatten();
        let around = |at: Timestamp| [-1, 0, 1].map(|micros| Timestamp::from_micros(at.micros() + micros));
        let mut all: Vec<Timestamp> = entries.chain(holds).flat_map(around).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub fn posted_at(&self, at: Timestamp) -> i64 {
        self.entries.iter().filter(|entry| effective(entry) <= at).map(Entry::signed_amount).sum()
    }

    pub fn held_at(&self, at: Timestamp) -> (i64, i64) {
        let pending = self.holds.iter().filter(|hold| hold.created_at <= at && hold.resolved_at.is_none_or(|end| end > at));
        let id = self.account.id;
        let of = |mine: bool, amount: i64| if mine { amount } else { 0 };
        pending.fold((0, 0), |(out, into), hold| {
            let amount = hold.terms.amount.get();
            (out + of(hold.terms.debit == id, amount), into + of(hold.terms.credit == id, amount))
        })
    }
}

/// Runs a check on random histories.
pub async fn on_histories<B: Books, S: Strategy>(
    books: &B,
    cases: u32,
    choices: S,
    check: impl AsyncFn(&B, &History, S::Value) -> Result<(), TestCaseError>,
) where
    B::Tx: HistoryStore,
    S::Value: Clone,
{
    let config = ProptestConfig { cases, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&(histories(), choices), |(steps, choice)| {
        let case = async {
            let history = History::happen(books, &steps).await;
            check(books, &history, choice).await
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(case))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
