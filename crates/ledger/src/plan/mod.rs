//! What movements do to locked rows: read them all, decide in memory, write everything at once.
//!
//! [`Plan::load`] locks and reads the rows that commands name; [`Plan::run`] decides, pure, command after command
//! (the rules are in `rules.rs`); [`Plan::commit`] writes. Nothing is written before that, so a refusal leaves nothing
//! behind: not in the database, and (by the undo log) not in the plan. That is what lets a gatherer decide hundreds of
//! strangers' commands in one transaction.

mod load;
mod rules;

use std::collections::HashMap;

pub(crate) use load::sorted;
use rialto_kernel::{AccountId, Amount, Timestamp};
use rialto_store::StoreError;

use crate::{
    GroupError, LedgerError,
    model::{Account, Held, Hold, HoldId, NewHold, NewReversal, NewTransfer, Posted, Transfer, TransferId},
    store::{Changes, LedgerStore},
};

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Move money.
    Transfer(NewTransfer),
    /// Take a transfer back.
    Reverse(NewReversal),
    /// Set money aside.
    Hold(NewHold),
    /// Pay what is held, in part or (`None`) whole; what is not paid goes back.
    Post {
        /// Which hold.
        hold: HoldId,
        /// How much of it.
        amount: Option<Amount>,
    },
    /// Give back what is held.
    Void(HoldId),
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Command::Transfer`], [`Command::Reverse`] and [`Command::Post`].
    Posted(Posted),
    /// Of [`Command::Hold`] and [`Command::Void`].
    Held(Held),
}

impl Outcome {
    /// The transfer that it came to.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when it is the outcome of another kind of command.
    pub fn into_posted(self) -> Result<Posted, LedgerError> {
        match self {
            Self::Posted(posted) => Ok(posted),
            Self::Held(_) => Err(StoreError::Corrupt("a hold where a transfer was asked for".into()).into()),
        }
    }

    /// The hold that it came to.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when it is the outcome of another kind of command.
    pub fn into_held(self) -> Result<Held, LedgerError> {
        match self {
            Self::Held(held) => Ok(held),
            Self::Posted(_) => Err(StoreError::Corrupt("a transfer where a hold was asked for".into()).into()),
        }
    }
}

/// A row, and whether it has changed since it was read.
#[derive(Debug, Clone)]
struct Row<T> {
    value: T,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Updated,
    Inserted,
}

/// How to take one step back.
#[derive(Debug)]
enum Undo {
    Account(Row<Account>),
    Hold(HoldId, Option<Row<Hold>>),
    Posted(TransferId),
}

/// Locked rows, and what has been decided to change in them.
#[derive(Debug)]
pub struct Plan {
    now: Timestamp,
    accounts: HashMap<AccountId, Row<Account>>,
    holds: HashMap<HoldId, Row<Hold>>,
    /// Transfers that were looked for and found, or decided.
    known: HashMap<TransferId, Transfer>,
    /// Which of the known transfers are reversed, and by which.
    reversed: HashMap<TransferId, TransferId>,
    /// Those that were decided here, in the order of their entries.
    posted: Vec<TransferId>,
    undo: Vec<Undo>,
}

impl Plan {
    /// An account, as the commands so far leave it.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(|row| &row.value)
    }

    /// Decides one command. A refusal changes nothing.
    ///
    /// # Errors
    /// Any [`LedgerError`], the first that applies in the order of its variants.
    pub fn run(&mut self, command: &Command) -> Result<Outcome, LedgerError> {
        let before = self.undo.len();
        let result = match command {
            Command::Transfer(new) => self.transfer(new).map(Outcome::Posted),
            Command::Reverse(new) => self.reverse(new).map(Outcome::Posted),
            Command::Hold(new) => self.hold(new).map(Outcome::Held),
            Command::Post { hold, amount } => self.post(*hold, *amount).map(Outcome::Posted),
            Command::Void(hold) => self.void(*hold).map(Outcome::Held),
        };
        if result.is_err() {
            self.undo_to(before);
        }
        result
    }

    /// Decides all of `commands`, in their order, or none of them.
    ///
    /// # Errors
    /// [`GroupError`]: the first command that was refused, and why.
    pub fn run_linked(&mut self, commands: &[Command]) -> Result<Vec<Outcome>, GroupError> {
        let before = self.undo.len();
        let mut outcomes = Vec::with_capacity(commands.len());
        for (index, command) in commands.iter().enumerate() {
            match self.run(command) {
                Ok(outcome) => outcomes.push(outcome),
                Err(source) => {
                    self.undo_to(before);
                    return Err(GroupError { index, source });
                }
            }
        }
        Ok(outcomes)
    }

    fn undo_to(&mut self, before: usize) {
        while self.undo.len() > before {
            match self.undo.pop() {
                Some(Undo::Account(row)) => drop(self.accounts.insert(row.value.id, row)),
                Some(Undo::Hold(id, Some(row))) => drop(self.holds.insert(id, row)),
                Some(Undo::Hold(id, None)) => drop(self.holds.remove(&id)),
                Some(Undo::Posted(id)) => {
                    self.posted.pop();
                    if let Some(of) = self.known.remove(&id).and_then(|transfer| transfer.reverses) {
                        self.reversed.remove(&of);
                    }
                }
                None => return,
            }
        }
    }

    /// What has been decided.
    #[must_use]
    pub fn into_changes(mut self) -> Changes {
        let mut changes =
            Changes { transfers: self.posted.iter().filter_map(|id| self.known.remove(id)).collect(), ..Changes::default() };
        changes.accounts.extend(self.accounts.into_values().filter(|row| row.change != Change::None).map(|row| row.value));
        changes.accounts.sort_unstable_by_key(|account| account.no);
        for row in self.holds.into_values() {
            match row.change {
                Change::None => {}
                Change::Updated => changes.resolved.push(row.value),
                Change::Inserted => changes.opened.push(row.value),
            }
        }
        changes.opened.sort_unstable_by_key(|hold| hold.terms.id);
        changes.resolved.sort_unstable_by_key(|hold| hold.terms.id);
        changes
    }

    /// Writes what has been decided.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn commit(self, tx: &mut impl LedgerStore) -> Result<(), LedgerError> {
        let changes = self.into_changes();
        if changes != Changes::default() {
            tx.apply(&changes).await?;
        }
        Ok(())
    }
}
