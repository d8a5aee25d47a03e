//! The ledger, asked in the words of the model.

use proptest::{prelude::*, test_runner::TestCaseError};
use rialto_kernel::{AccountId, Asset, Clock, Id, Timestamp};
use rialto_ledger::{
    Account, Books, Code, Command, GroupError, Hold, HoldId, HoldState, House, Kind, Ledger, LedgerError, LedgerStore, Metadata,
    NewAccount, NewHold, NewReversal, NewTransfer, Outcome, Overdraft, ReferenceId, TransferId, batch, expire_holds, group, hold,
    open_account, post, reverse, set_account_state, transfer, void,
};
use rialto_store::StoreError;

use super::{
    ACCOUNTS, Act, Answer, Asked, CAPPED, Came, DOLLARS, End, Figures, HOLDS, Memo, OPENING, OVERDRAFT, Step, TRANSFERS,
    model::{Model, until},
};
use crate::{
    cast::word,
    common::{amount, at, movement},
};

type Groups = Vec<Result<Vec<Outcome>, GroupError>>;

pub struct Subject<'b, B> {
    books: &'b B,
    now: i64,
    /// The last of them is nobody's.
    accounts: [AccountId; ACCOUNTS + 1],
    transfers: Vec<TransferId>,
    holds: Vec<HoldId>,
    reference: ReferenceId,
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(at(0).micros() + milliseconds * 1_000)
}

fn milliseconds(moment: Timestamp) -> i64 {
    (moment.micros() - at(0).micros()) / 1_000
}

fn figures(account: &Account) -> Figures {
    Figures {
        state: account.state,
        balance: account.balance,
        held_out: account.held_out.get(),
        held_in: account.held_in.get(),
        entries: account.entry_count,
        updated: milliseconds(account.updated_at),
    }
}

fn end(hold: &Hold) -> End {
    match hold.state {
        HoldState::Pending => End::Pending,
        HoldState::Posted { amount, .. } => End::Posted(amount.get()),
        HoldState::Voided => End::Voided,
        HoldState::Expired => End::Expired,
    }
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Posted(posted) => Answer::Posted {
            existed: posted.existed,
            amount: posted.transfer.amount.get(),
            at: milliseconds(posted.transfer.created_at),
            from: figures(&posted.debit),
            to: figures(&posted.credit),
        },
        Outcome::Held(held) => Answer::Held {
            existed: held.existed,
            end: end(&held.hold),
            at: held.hold.resolved_at.map(milliseconds),
            from: figures(&held.debit),
            to: figures(&held.credit),
        },
    }
}

fn ran(groups: Groups) -> Came {
    let answers = |outcomes: Vec<Outcome>| outcomes.into_iter().map(answer).collect();
    let refused = |error: GroupError| (error.index, word::<()>(Err(error.source)));
    Came::Ran(groups.into_iter().map(|group| group.map(answers).map_err(refused)).collect())
}

fn memo(memo: Memo) -> Option<String> {
    match memo {
        Memo::None => None,
        Memo::Short => Some("für Übung".to_owned()),
        Memo::Invalid => Some("\0".to_owned()),
    }
}

fn metadata(some: bool) -> Metadata {
    if some { Metadata::new([("key".to_owned(), "\"value\"".to_owned())].into()).unwrap() } else { Metadata::NONE }
}

impl<'b, B: Books> Subject<'b, B> {
    pub async fn open(books: &'b B) -> Self {
        let subject = Self {
            books,
            now: 0,
            accounts: std::array::from_fn(|_| AccountId::new()),
            transfers: (0..TRANSFERS).map(|_| Id::new()).collect(),
            holds: (0..HOLDS).map(|_| Id::new()).collect(),
            reference: Id::new(),
        };
        let new: Vec<NewAccount> = (0..ACCOUNTS).map(|place| subject.new_account(place)).collect();
        let opened = books.write(async move |tx| {
            for (new, opening) in new.iter().zip(OPENING) {
                open_account(tx, new.clone(), at(0)).await?;
                let house = House::Issuance.account(new.asset);
                let (from, to) = if opening > 0 { (house, new.id) } else { (new.id, house) };
                transfer(tx, movement(Id::new(), from, to, opening.abs()), at(0)).await?;
            }
            Ok::<_, LedgerError>(())
        });
        opened.await.unwrap();
        subject
    }

    fn new_account(&self, place: usize) -> NewAccount {
        let asset = if place < DOLLARS { Asset::CREDIT } else { Asset::USDC };
        let overdraft = OVERDRAFT[place].map_or(Overdraft::Unlimited, |limit| Overdraft::Limit(amount(limit)));
        let new = NewAccount::new(asset, Code::new("till"));
        NewAccount { id: self.accounts[place], overdraft, credits_capped: place == CAPPED, ..new }
    }

    fn new_transfer(&self, name: usize, asked: &Asked) -> NewTransfer {
        NewTransfer {
            balancing: asked.by,
            kind: Kind(asked.kind),
            reference: asked.reference.then_some(self.reference),
            memo: memo(asked.memo),
            effective_at: asked.effective.map(moment),
            metadata: metadata(asked.metadata),
            ..movement(self.transfers[name], self.accounts[asked.from], self.accounts[asked.to], asked.amount)
        }
    }

    fn command(&self, act: &Act) -> Command {
        match *act {
            Act::Transfer { name, asked } => Command::Transfer(self.new_transfer(name, &asked)),
            Act::Reverse { name, of, memo: text } => {
                Command::Reverse(NewReversal { id: self.transfers[name], transfer: self.transfers[of], memo: memo(text) })
            }
            Act::Hold { name, asked, lasts } => Command::Hold(NewHold {
                kind: Kind(asked.kind),
                reference: asked.reference.then_some(self.reference),
                memo: memo(asked.memo),
                metadata: metadata(asked.metadata),
                expires_at: until(self.now, name, lasts).map(moment),
                ..NewHold::new(self.holds[name], self.accounts[asked.from], self.accounts[asked.to], amount(asked.amount))
            }),
            Act::Post { name, amount: part } => Command::Post { hold: self.holds[name], amount: part.map(amount) },
            Act::Void { name } => Command::Void(self.holds[name]),
        }
    }

    fn handle(&self) -> Ledger<B> {
        Ledger::new(self.books.clone(), Clock::fixed(moment(self.now)))
    }

    /// One command, by the call that is named after it.
    async fn run_one(&self, command: Command, by_handle: bool) -> Result<Outcome, LedgerError> {
        let (ledger, books, now) = (self.handle(), self.books, moment(self.now));
        match (command, by_handle) {
            (Command::Transfer(new), true) => ledger.transfer(new).await.map(Outcome::Posted),
            (Command::Reverse(new), true) => ledger.reverse(new).await.map(Outcome::Posted),
            (Command::Hold(new), true) => ledger.hold(new).await.map(Outcome::Held),
            (Command::Post { hold, amount }, true) => ledger.post(hold, amount).await.map(Outcome::Posted),
            (Command::Void(id), true) => ledger.void(id).await.map(Outcome::Held),
            (Command::Transfer(new), false) => {
                books.write(async move |tx| transfer(tx, new.clone(), now).await).await.map(Outcome::Posted)
            }
            (Command::Reverse(new), false) => {
                books.write(async move |tx| reverse(tx, new.clone(), now).await).await.map(Outcome::Posted)
            }
            (Command::Hold(new), false) => books.write(async move |tx| hold(tx, new.clone(), now).await).await.map(Outcome::Held),
            (Command::Post { hold, amount }, false) => {
                books.write(async move |tx| post(tx, hold, amount, now).await).await.map(Outcome::Posted)
            }
            (Command::Void(id), false) => books.write(async move |tx| void(tx, id, now).await).await.map(Outcome::Held),
        }
    }

    async fn run(&self, groups: &[Vec<Act>], is_batch: bool, by_handle: bool) -> Groups {
        let commands = |acts: &Vec<Act>| acts.iter().map(|act| self.command(act)).collect::<Vec<_>>();
        let mut groups: Vec<Vec<Command>> = groups.iter().map(commands).collect();
        let (books, now) = (self.books, moment(self.now));
        match (is_batch, by_handle) {
            (true, true) => self.handle().batch_linked(groups).await.unwrap(),
            (true, false) => books.write(async move |tx| batch(tx, &groups, now).await).await.unwrap(),
            (false, _) if groups[0].len() == 1 => {
                let done = self.run_one(groups[0].remove(0), by_handle).await;
                vec![done.map(|outcome| vec![outcome]).map_err(|source| GroupError { index: 0, source })]
            }
            (false, true) => vec![self.handle().group(groups.remove(0)).await],
            (false, false) => vec![books.write(async move |tx| group(tx, &groups[0], now).await).await],
        }
    }

    pub async fn step(&mut self, step: &Step) -> Came {
        let (books, now) = (self.books, moment(self.now));
        let account = |result: Result<Account, LedgerError>| match result {
            Ok(account) => Came::Account(Ok(figures(&account))),
            Err(error) => Came::Account(Err(word::<()>(Err(error)))),
        };
        match *step {
            Step::Run { ref groups, batch, handle } => ran(self.run(groups, batch, handle).await),
            Step::Expire { handle } => {
                let expired = match handle {
                    true => self.handle().expire_holds(100_000).await,
                    false => books.write(async move |tx| expire_holds(tx, now, 100_000).await).await,
                };
                // What earlier programs have left behind expires too.
                let name = |hold: Hold| self.holds.iter().position(|id| *id == hold.terms.id);
                Came::Expired(expired.unwrap().into_iter().filter_map(name).collect())
            }
            Step::State { account: place, state, handle } => {
                let id = self.accounts[place];
                account(match handle {
                    true => self.handle().set_account_state(id, state).await,
                    false => books.write(async move |tx| set_account_state(tx, id, state, now).await).await,
                })
            }
            Step::Open { account: place, other, handle } => {
                let mut new = self.new_account(place);
                new.credits_capped ^= other;
                account(match handle {
                    true => self.handle().open_account(new).await,
                    false => books.write(async move |tx| open_account(tx, new.clone(), now).await).await,
                })
            }
            Step::Wait(tens) => {
                self.now += tens * 10;
                Came::Nothing
            }
            Step::Again(_) => Came::Nothing,
        }
    }

    /// All accounts, and how each hold ended.
    pub async fn read(&self) -> ([Figures; ACCOUNTS], Vec<Option<(End, Option<i64>)>>) {
        let (accounts, holds) = (self.accounts, self.holds.clone());
        let read = self.books.read(async move |tx| {
            let (mut found, mut ends) = (Vec::new(), Vec::new());
            for id in &accounts[..ACCOUNTS] {
                found.push(figures(&tx.find_account(*id).await?.unwrap()));
            }
            for id in &holds {
                let hold = tx.find_hold(*id).await?;
                ends.push(hold.map(|hold| (end(&hold), hold.resolved_at.map(milliseconds))));
            }
            Ok::<_, StoreError>((found, ends))
        });
        let (found, ends) = read.await.unwrap();
        (found.try_into().unwrap(), ends)
    }

    /// Each transfer is there as it was answered, none is there that was refused, and the entries come to the balances.
    pub async fn compare_history(&self, model: &Model) -> Result<(), TestCaseError> {
        for (name, id) in self.transfers.iter().copied().enumerate() {
            let found = self.books.read(async move |tx| tx.find_transfers(&[id]).await).await.unwrap().pop();
            let Some(done) = model.transfers.get(&name) else {
                prop_assert_eq!(found, None, "transfer {} was refused", name);
                continue;
            };
            let found = found.unwrap();
            let reverses = done.asked.reverses.map(|of| self.transfers[of]);
            prop_assert!(found.answers(&self.new_transfer(name, &done.asked), reverses), "transfer {}: {:?}", name, found);
            prop_assert_eq!((found.amount.get(), milliseconds(found.created_at)), (done.amount, done.at), "transfer {}", name);
        }
        for (id, figures) in self.accounts.iter().copied().zip(model.accounts) {
            let read = self.books.read(async move |tx| {
                let account = tx.find_account(id).await?.unwrap();
                tx.list_entries(account.no, 1..=i64::MAX).await
            });
            let mut entries = read.await.unwrap();
            entries.reverse();
            let (mut seq, mut balance, mut at) = (0, 0, i64::MIN);
            for entry in entries {
                (seq, balance) = (seq + 1, balance + entry.signed_amount());
                prop_assert_eq!((entry.seq, entry.balance), (seq, balance));
                prop_assert!(at <= milliseconds(entry.created_at));
                at = milliseconds(entry.created_at);
            }
            prop_assert_eq!((seq, balance), (figures.entries, figures.balance));
        }
        Ok(())
    }
}
