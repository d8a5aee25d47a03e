//! What is asked of every engine: the same transfers in the same proportions, some of them again, some of them too large.

use fastrand::Rng;
use uuid::Uuid;

/// What every account has at first.
pub const OPENING: i64 = 1_000_000;
/// The most that an ordinary transfer moves: so little that no account runs dry.
const AMOUNT_MAX: i64 = 100;
/// How many of its transfers a caller remembers, to ask for one of them again.
const REMEMBERED: usize = 64;

/// Who pays whom.
#[derive(Clone, Copy)]
pub struct Workload {
    /// As in the table.
    pub name: &'static str,
    /// How many accounts there are; two of them are drawn for each transfer.
    pub accounts: u32,
}

/// All of them.
pub const WORKLOADS: [Workload; 2] = [Workload { name: "random", accounts: 10_000 }, Workload { name: "hot", accounts: 2 }];

impl Workload {
    /// What all accounts have together, always.
    pub fn total(&self) -> i64 {
        i64::from(self.accounts).saturating_mul(OPENING)
    }

    /// The number of accounts, as a length.
    pub fn len(&self) -> usize {
        usize::try_from(self.accounts).unwrap_or(usize::MAX)
    }
}

/// What an engine can be asked for besides transfers that are new and covered.
#[derive(Clone, Copy)]
pub struct Mix {
    /// 1 % are asked for a second time.
    pub replays: bool,
    /// 2 % are larger than all the money there is.
    pub refusals: bool,
}

impl Mix {
    /// All of it.
    pub const ALL: Self = Self { replays: true, refusals: true };
}

/// How a call must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The money was moved.
    Posted,
    /// It had been moved before; nothing was done now.
    Existed,
    /// There is not enough.
    Refused,
}

/// One transfer that is asked for. Accounts are named by their place in the engine's list.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The same for the same transfer.
    pub id: Uuid,
    /// Who pays.
    pub debit: usize,
    /// Who is paid.
    pub credit: usize,
    /// How much.
    pub amount: i64,
    /// The only right answer.
    pub expected: Answer,
}

/// Draws the calls of one caller.
pub struct Caller {
    rng: Rng,
    workload: Workload,
    mix: Mix,
    done: Vec<Call>,
}

impl Caller {
    /// The caller with this number draws the same accounts and amounts, whatever the engine.
    pub fn new(number: u64, workload: Workload, mix: Mix) -> Self {
        Self { rng: Rng::with_seed(number), workload, mix, done: Vec::new() }
    }

    /// The next call.
    pub fn next(&mut self) -> Call {
        match self.rng.u32(0..100) {
            0 if self.mix.replays => self.again(),
            1..=2 if self.mix.refusals => Call { amount: self.workload.total() + 1, expected: Answer::Refused, ..self.fresh() },
            _ => self.fresh(),
        }
    }

    fn fresh(&mut self) -> Call {
        let accounts = self.workload.len();
        let debit = self.rng.usize(0..accounts);
        let credit = (debit + self.rng.usize(1..accounts)) % accounts;
        let amount = self.rng.i64(1..=AMOUNT_MAX);
        Call { id: Uuid::now_v7(), debit, credit, amount, expected: Answer::Posted }
    }

    fn again(&mut self) -> Call {
        match self.rng.choice(&self.done) {
            Some(call) => Call { expected: Answer::Existed, ..*call },
            None => self.fresh(),
        }
    }

    /// Takes note of a transfer that was acknowledged.
    pub fn remember(&mut self, call: &Call) {
        if self.done.len() < REMEMBERED {
            self.done.push(*call);
            return;
        }
        let place = self.rng.usize(0..REMEMBERED);
        if let Some(slot) = self.done.get_mut(place) {
            *slot = *call;
        }
    }
}
