//! The ledger as a handle: what a program that embeds it holds.

mod gather;
mod history;

use gather::{BATCH_MAX, Gatherer};
use rialto_kernel::{AccountId, Amount, Asset, Clock};
use rialto_store::{DatabaseUrl, Db, DbOptions, StoreError};

use crate::{
    Command, GroupError, LedgerError, Outcome, account,
    books::Books,
    model::{Account, AccountState, Held, Hold, HoldId, NewAccount, NewHold, NewReversal, NewTransfer, Posted, Side},
    store::LedgerStore,
};

/// A ledger: cheap to clone, shared by everything in the process.
///
/// Its methods are safe to call from as many tasks as there are, and safe to repeat: a transfer, a reversal and a hold
/// carry an id of the caller's, and the same id never moves money twice. What is asked for at the same time is gathered
/// into one transaction.
///
/// Where money has to move in one transaction with rows of the caller's own, use the free functions of this crate inside
/// [`Db::write`] instead; both can be used side by side, also by several processes.
#[derive(Clone)]
pub struct Ledger<B: Books = Db> {
    books: B,
    clock: Clock,
    gatherer: Gatherer,
}

impl Ledger<Db> {
    /// Opens the ledger in the database that `url` names (`sqlite:./books.db`, `postgres://user@host/name`), and brings
    /// the ledger's tables up to date. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer, [`StoreError::Schema`] when the URL is not one, or
    /// when a newer version has been there.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let url: DatabaseUrl = url.parse().map_err(|error| StoreError::Schema(format!("{error}")))?;
        let db = Db::open(&url, &DbOptions::default()).await?;
        db.migrate_parts(&["foundation", "ledger"]).await?;
        Ok(Self::new(db, Clock::system()))
    }
}

impl<B: Books> Ledger<B> {
    /// A ledger over books that are ready for use. Call it within a tokio runtime.
    #[must_use]
    pub fn new(books: B, clock: Clock) -> Self {
        let gatherer = Gatherer::start(&books, &clock);
        Self { books, clock, gatherer }
    }

    /// Where it is kept.
    #[must_use]
    pub const fn books(&self) -> &B {
        &self.books
    }

    /// Where it takes the time from.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Opens an account. Asking again with the same id gives the account as it is.
    ///
    /// # Errors
    /// As [`crate::open_account`].
    pub async fn open_account(&self, new: NewAccount) -> Result<Account, LedgerError> {
        let now = self.clock.now();
        self.books.write(async move |tx: &mut B::Tx| account::open_account(tx, new.clone(), now).await).await
    }

    /// Opens the accounts of the house in an asset.
    ///
    /// # Errors
    /// As [`crate::open_house`].
    pub async fn open_house(&self, asset: Asset) -> Result<(), LedgerError> {
        let now = self.clock.now();
        self.books.write(async move |tx: &mut B::Tx| account::open_house(tx, asset, now).await).await
    }

    /// Freezes or closes an account, or opens it again.
    ///
    /// # Errors
    /// As [`crate::set_account_state`].
    pub async fn set_account_state(&self, id: AccountId, state: AccountState) -> Result<Account, LedgerError> {
        let now = self.clock.now();
        self.books.write(async move |tx: &mut B::Tx| account::set_account_state(tx, id, state, now).await).await
    }

    /// An account, with its balance now.
    ///
    /// # Errors
    /// [`LedgerError::AccountUnknown`].
    pub async fn account(&self, id: AccountId) -> Result<Account, LedgerError> {
        let found = self.books.read(async move |tx: &mut B::Tx| tx.find_account(id).await).await?;
        found.ok_or(LedgerError::AccountUnknown { account: id, side: Side::Debit })
    }

    /// A hold.
    ///
    /// # Errors
    /// [`LedgerError::HoldUnknown`].
    pub async fn find_hold(&self, id: HoldId) -> Result<Hold, LedgerError> {
        let found = self.books.read(async move |tx: &mut B::Tx| tx.find_hold(id).await).await?;
        found.ok_or(LedgerError::HoldUnknown(id))
    }

    /// Moves money.
    ///
    /// # Errors
    /// As [`crate::transfer`].
    pub async fn transfer(&self, new: NewTransfer) -> Result<Posted, LedgerError> {
        self.one(Command::Transfer(new)).await?.into_posted()
    }

    /// Takes a transfer back, once.
    ///
    /// # Errors
    /// As [`crate::reverse`].
    pub async fn reverse(&self, new: NewReversal) -> Result<Posted, LedgerError> {
        self.one(Command::Reverse(new)).await?.into_posted()
    }

    /// Sets money aside.
    ///
    /// # Errors
    /// As [`crate::hold`].
    pub async fn hold(&self, new: NewHold) -> Result<Held, LedgerError> {
        self.one(Command::Hold(new)).await?.into_held()
    }

    /// Pays what is held, whole (`None`) or in part; the rest goes back.
    ///
    /// # Errors
    /// As [`crate::post`].
    pub async fn post(&self, hold: HoldId, amount: Option<Amount>) -> Result<Posted, LedgerError> {
        self.one(Command::Post { hold, amount }).await?.into_posted()
    }

    /// Gives back what is held.
    ///
    /// # Errors
    /// As [`crate::void`].
    pub async fn void(&self, hold: HoldId) -> Result<Held, LedgerError> {
        self.one(Command::Void(hold)).await?.into_held()
    }

    /// Does all of `commands`, in their order, or none of them.
    ///
    /// # Errors
    /// [`GroupError`]: the first command that was refused, and why.
    pub async fn group(&self, commands: Vec<Command>) -> Result<Vec<Outcome>, GroupError> {
        let whole = |source| GroupError { index: 0, source };
        let result = self.gatherer.submit(vec![commands]).await.map_err(whole)?.pop();
        result.unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Does each of `commands` on its own, in their order. What comes back stands in the same order. It may take several
    /// transactions: after an error some may have been done. Ask again with the same ids to know, and to have the rest done.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn batch(&self, commands: Vec<Command>) -> Result<Vec<Result<Outcome, LedgerError>>, LedgerError> {
        let groups = self.batch_linked(commands.into_iter().map(|command| vec![command]).collect()).await?;
        let alone = |group: Result<Vec<Outcome>, GroupError>| match group {
            Ok(mut outcomes) => outcomes.pop().ok_or_else(missing),
            Err(error) => Err(error.source),
        };
        Ok(groups.into_iter().map(alone).collect())
    }

    /// Does each of `groups` as a whole or not at all, each on its own, as [`Ledger::batch`] does single commands.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn batch_linked(&self, groups: Vec<Vec<Command>>) -> Result<Vec<Result<Vec<Outcome>, GroupError>>, LedgerError> {
        let mut results = Vec::with_capacity(groups.len());
        let mut groups = groups.into_iter().peekable();
        while groups.peek().is_some() {
            let mut commands = 0;
            let mut chunk = Vec::new();
            while commands < CHUNK_MAX
                && let Some(group) = groups.next()
            {
                commands += group.len();
                chunk.push(group);
            }
            results.extend(self.gatherer.submit(chunk).await?);
        }
        Ok(results)
    }

    /// Gives back what is held by pending holds whose time is over, at most `limit` of them. Call it from time to time, and
    /// again at once while it returns any.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn expire_holds(&self, limit: u32) -> Result<Vec<Hold>, LedgerError> {
        let now = self.clock.now();
        self.books.write(async move |tx: &mut B::Tx| crate::expire_holds(tx, now, limit).await).await
    }

    async fn one(&self, command: Command) -> Result<Outcome, LedgerError> {
        let mut outcomes = self.group(vec![command]).await?;
        outcomes.pop().ok_or_else(missing)
    }
}

/// How many commands of one caller share a transaction: more would make the others wait, and save little.
const CHUNK_MAX: usize = 16 * BATCH_MAX;

fn missing() -> LedgerError {
    StoreError::Corrupt("a command without an outcome".into()).into()
}
