//! What must happen. Money is numbers in an array here, and nothing is stored, locked or written twice.

use std::collections::HashMap;

use rialto_ledger::{AccountState, Balancing};

use super::{ACCOUNTS, Act, Answer, Asked, CAPPED, Came, DOLLARS, End, Figures, Memo, NOBODY, OPENING, OVERDRAFT, Step};

type Word = &'static str;

#[derive(Debug, Clone, Copy)]
pub struct Done {
    pub asked: Asked,
    pub amount: i64,
    pub at: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub asked: Asked,
    pub until: Option<i64>,
    pub end: End,
    pub resolved: Option<i64>,
    /// When it was posted, if it was.
    paid_at: i64,
}

#[derive(Debug, Clone)]
pub struct Model {
    pub now: i64,
    pub accounts: [Figures; ACCOUNTS],
    pub transfers: HashMap<usize, Done>,
    pub holds: HashMap<usize, Held>,
}

impl Model {
    pub fn new() -> Self {
        let open = |balance| Figures { state: AccountState::Open, balance, held_out: 0, held_in: 0, entries: 1, updated: 0 };
        Self { now: 0, accounts: OPENING.map(open), transfers: HashMap::new(), holds: HashMap::new() }
    }

    /// How much may move, or why nothing may.
    fn check(&self, asked: &Asked) -> Result<i64, Word> {
        if asked.from == NOBODY {
            return Err("payer_unknown");
        }
        if asked.to == NOBODY {
            return Err("payee_unknown");
        }
        if (asked.from < DOLLARS) != (asked.to < DOLLARS) {
            return Err("asset_mismatch");
        }
        let (payer, payee) = (&self.accounts[asked.from], &self.accounts[asked.to]);
        if payer.state != AccountState::Open {
            return Err("payer_not_open");
        }
        if payee.state == AccountState::Closed {
            return Err("payee_not_open");
        }
        let available = payer.balance - payer.held_out;
        let room = -(payee.balance + payee.held_in);
        let amount = match asked.by {
            None => asked.amount,
            Some(Balancing::Debit) if available <= 0 => return Err("insufficient_funds"),
            Some(Balancing::Debit) => asked.amount.min(available),
            Some(Balancing::Credit) if room <= 0 => return Err("credits_exceed_debits"),
            Some(Balancing::Credit) => asked.amount.min(room),
        };
        if OVERDRAFT[asked.from].is_some_and(|overdraft| available + overdraft < amount) {
            return Err("insufficient_funds");
        }
        if asked.to == CAPPED && room < amount {
            return Err("credits_exceed_debits");
        }
        Ok(amount)
    }

    /// Both accounts change now, or when either last did if the clock was ahead then.
    fn touch(&mut self, asked: &Asked) -> i64 {
        let at = self.now.max(self.accounts[asked.from].updated).max(self.accounts[asked.to].updated);
        self.accounts[asked.from].updated = at;
        self.accounts[asked.to].updated = at;
        at
    }

    fn enter(&mut self, asked: &Asked, amount: i64) -> i64 {
        self.accounts[asked.from].balance -= amount;
        self.accounts[asked.from].entries += 1;
        self.accounts[asked.to].balance += amount;
        self.accounts[asked.to].entries += 1;
        self.touch(asked)
    }

    fn posted(&self, asked: &Asked, amount: i64, at: i64, existed: bool) -> Answer {
        Answer::Posted { existed, amount, at, from: self.accounts[asked.from], to: self.accounts[asked.to] }
    }

    fn held(&self, name: usize, existed: bool) -> Answer {
        let Held { asked, end, resolved, .. } = self.holds[&name];
        Answer::Held { existed, end, at: resolved, from: self.accounts[asked.from], to: self.accounts[asked.to] }
    }

    fn transfer(&mut self, name: usize, asked: Asked) -> Result<Answer, Word> {
        if asked.amount == 0 {
            return Err("amount_zero");
        }
        if asked.memo == Memo::Invalid {
            return Err("text_invalid");
        }
        let known = self.transfers.get(&name);
        if let Some(done) = known.filter(|done| done.asked == asked) {
            return Ok(self.posted(&asked, done.amount, done.at, true));
        }
        if asked.effective.is_some_and(|effective| effective > self.now) {
            return Err("effective_in_future");
        }
        if known.is_some() {
            return Err("id_mismatch");
        }
        let amount = self.check(&asked)?;
        let at = self.enter(&asked, amount);
        self.transfers.insert(name, Done { asked, amount, at });
        Ok(self.posted(&asked, amount, at, false))
    }

    fn reverse(&mut self, name: usize, of: usize, memo: Memo) -> Result<Answer, Word> {
        if memo == Memo::Invalid {
            return Err("text_invalid");
        }
        match self.transfers.get(&name) {
            Some(Done { asked, amount, at }) if asked.reverses == Some(of) && asked.memo == memo => {
                return Ok(self.posted(asked, *amount, *at, true));
            }
            Some(_) => return Err("id_mismatch"),
            None => {}
        }
        let Done { asked, amount, .. } = *self.transfers.get(&of).ok_or("transfer_unknown")?;
        if asked.reverses.is_some() {
            return Err("is_reversal");
        }
        if self.transfers.values().any(|done| done.asked.reverses == Some(of)) {
            return Err("already_reversed");
        }
        let back = Asked { from: asked.to, to: asked.from, amount, by: None, memo, reverses: Some(of), ..asked };
        self.transfer(name, Asked { metadata: false, effective: None, ..back })
    }

    fn hold(&mut self, name: usize, asked: Asked, until: Option<i64>) -> Result<Answer, Word> {
        if asked.amount == 0 {
            return Err("amount_zero");
        }
        if asked.memo == Memo::Invalid {
            return Err("text_invalid");
        }
        match self.holds.get(&name) {
            Some(held) if held.asked == asked => return Ok(self.held(name, true)),
            Some(_) => return Err("id_mismatch"),
            None => {}
        }
        self.check(&asked)?;
        self.accounts[asked.from].held_out += asked.amount;
        self.accounts[asked.to].held_in += asked.amount;
        self.touch(&asked);
        self.holds.insert(name, Held { asked, until, end: End::Pending, resolved: None, paid_at: 0 });
        Ok(self.held(name, false))
    }

    fn release(&mut self, name: usize, end: End) {
        let asked = self.holds[&name].asked;
        self.accounts[asked.from].held_out -= asked.amount;
        self.accounts[asked.to].held_in -= asked.amount;
        let at = self.touch(&asked);
        self.holds.entry(name).and_modify(|held| (held.end, held.resolved, held.paid_at) = (end, Some(at), at));
    }

    fn is_due(&self, held: &Held) -> bool {
        held.until.is_some_and(|until| until <= self.now)
    }

    fn post(&mut self, name: usize, amount: Option<i64>) -> Result<Answer, Word> {
        if amount == Some(0) {
            return Err("amount_zero");
        }
        let held = *self.holds.get(&name).ok_or("hold_unknown")?;
        let asked = amount.unwrap_or(held.asked.amount);
        match held.end {
            End::Posted(paid) if paid == asked => return Ok(self.posted(&held.asked, paid, held.paid_at, true)),
            End::Posted(_) | End::Voided => return Err("hold_resolved"),
            End::Expired => return Err("hold_expired"),
            End::Pending if self.is_due(&held) => return Err("hold_expired"),
            End::Pending if asked > held.asked.amount => return Err("hold_exceeded"),
            End::Pending => {}
        }
        self.release(name, End::Posted(asked));
        let at = self.enter(&held.asked, asked);
        Ok(self.posted(&held.asked, asked, at, false))
    }

    fn void(&mut self, name: usize) -> Result<Answer, Word> {
        match self.holds.get(&name).ok_or("hold_unknown")?.end {
            End::Voided => return Ok(self.held(name, true)),
            End::Posted(_) => return Err("hold_resolved"),
            End::Expired => return Err("hold_expired"),
            End::Pending => {}
        }
        self.release(name, End::Voided);
        Ok(self.held(name, false))
    }

    fn act(&mut self, act: &Act) -> Result<Answer, Word> {
        match *act {
            Act::Transfer { name, asked } => self.transfer(name, asked),
            Act::Reverse { name, of, memo } => self.reverse(name, of, memo),
            Act::Hold { name, asked, lasts } => self.hold(name, asked, until(self.now, name, lasts)),
            Act::Post { name, amount } => self.post(name, amount),
            Act::Void { name } => self.void(name),
        }
    }

    /// All or nothing.
    fn group(&mut self, acts: &[Act]) -> Result<Vec<Answer>, (usize, Word)> {
        let mut after = self.clone();
        let answers = acts.iter().enumerate().map(|(place, act)| after.act(act).map_err(|word| (place, word)));
        let done: Result<_, _> = answers.collect();
        if done.is_ok() {
            *self = after;
        }
        done
    }

    fn set_state(&mut self, account: usize, state: AccountState) -> Result<Figures, Word> {
        let now = self.now;
        let figures = self.accounts.get_mut(account).ok_or("payer_unknown")?;
        if state == AccountState::Closed && (figures.balance, figures.held_out, figures.held_in) != (0, 0, 0) {
            return Err("not_empty");
        }
        (figures.state, figures.updated) = (state, now.max(figures.updated));
        Ok(*figures)
    }

    pub fn step(&mut self, step: &Step) -> Came {
        match step {
            Step::Run { groups, .. } => Came::Ran(groups.iter().map(|acts| self.group(acts)).collect()),
            Step::Expire { .. } => {
                let due = self.holds.iter().filter(|(_, held)| held.end == End::Pending && self.is_due(held));
                let mut due: Vec<_> = due.map(|(name, held)| (held.until, *name)).collect();
                due.sort_unstable();
                due.iter().for_each(|(_, name)| self.release(*name, End::Expired));
                Came::Expired(due.into_iter().map(|(_, name)| name).collect())
            }
            Step::State { account, state, .. } => Came::Account(self.set_state(*account, *state)),
            Step::Open { other: true, .. } => Came::Account(Err("id_mismatch")),
            Step::Open { account, .. } => Came::Account(Ok(self.accounts[*account])),
            Step::Wait(tens) => {
                self.now += tens * 10;
                Came::Nothing
            }
            Step::Again(_) => Came::Nothing,
        }
    }
}

/// When a hold ends, in milliseconds: no two at the same time, so that they end in one order everywhere.
pub fn until(now: i64, name: usize, lasts: Option<i64>) -> Option<i64> {
    lasts.map(|lasts| now + lasts * 10 + i64::try_from(name).unwrap())
}
