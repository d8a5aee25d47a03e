//! The teller: takes commands from callers, and hands the ledger what they may have done.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rialto_kernel::{AccountId, Amount, Caller};
use rialto_store::{Db, StoreError};

use super::{
    AccessError, AccessStore, GroupResults, Rights, Standing, fill_in,
    rights::{named, sorted},
};
use crate::{
    Books, Command, Ledger, LedgerError, Outcome,
    model::{Held, HoldId, NewHold, NewReversal, NewTransfer, Posted},
};

/// How many accounts are remembered. An account takes about fifty bytes.
const REMEMBERED_MAX: usize = 65_536;

/// A [`Ledger`] for callers: cheap to clone.
///
/// Its methods are those of the ledger, each with who asks. Whose an account is never changes, so it is read once and
/// remembered, and a caller who is known costs the ledger nothing.
#[derive(Clone)]
pub struct Teller<B: Books = Db> {
    ledger: Ledger<B>,
    known: Arc<Mutex<HashMap<AccountId, Standing>>>,
}

impl<B: Books<Tx: AccessStore>> Teller<B> {
    /// Stands before `ledger`.
    #[must_use]
    pub fn new(ledger: Ledger<B>) -> Self {
        Self { ledger, known: Arc::default() }
    }

    /// The ledger behind it, which asks nobody.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger<B> {
        &self.ledger
    }

    /// Moves money out of an account of the caller's.
    ///
    /// # Errors
    /// [`AccessError`]; the rights are looked at first, then the rules in the order of [`crate::transfer`].
    pub async fn transfer(&self, caller: &Caller, new: NewTransfer) -> Result<Posted, AccessError> {
        Ok(self.run(caller, Command::Transfer(new)).await?.into_posted()?)
    }

    /// Takes a transfer back, for admins.
    ///
    /// # Errors
    /// [`AccessError`], as in [`Teller::transfer`].
    pub async fn reverse(&self, caller: &Caller, new: NewReversal) -> Result<Posted, AccessError> {
        Ok(self.run(caller, Command::Reverse(new)).await?.into_posted()?)
    }

    /// Sets money of the caller's aside.
    ///
    /// # Errors
    /// [`AccessError`], as in [`Teller::transfer`].
    pub async fn hold(&self, caller: &Caller, new: NewHold) -> Result<Held, AccessError> {
        Ok(self.run(caller, Command::Hold(new)).await?.into_held()?)
    }

    /// Pays what the caller has set aside.
    ///
    /// # Errors
    /// [`AccessError`], as in [`Teller::transfer`].
    pub async fn post(&self, caller: &Caller, hold: HoldId, amount: Option<Amount>) -> Result<Posted, AccessError> {
        Ok(self.run(caller, Command::Post { hold, amount }).await?.into_posted()?)
    }

    /// Gives back what is set aside, by or for the caller.
    ///
    /// # Errors
    /// [`AccessError`], as in [`Teller::transfer`].
    pub async fn void(&self, caller: &Caller, hold: HoldId) -> Result<Held, AccessError> {
        Ok(self.run(caller, Command::Void(hold)).await?.into_held()?)
    }

    /// Does each of `groups` as a whole or not at all, each on its own: those that the caller may have done. A group may not
    /// end a hold that it makes itself, because whose that is cannot be read before.
    ///
    /// # Errors
    /// [`LedgerError::Store`], and then some may have been done, as in [`Ledger::batch_linked`].
    pub async fn batch_linked(&self, caller: &Caller, groups: Vec<Vec<Command>>) -> Result<GroupResults, LedgerError> {
        let rights = self.rights(groups.iter().flatten()).await?;
        let (allowed, pending) = rights.sort_out(caller, groups);
        let results = if allowed.is_empty() { Vec::new() } else { self.ledger.batch_linked(allowed).await? };
        Ok(fill_in(pending, results))
    }

    /// Does one command, whichever.
    ///
    /// # Errors
    /// [`AccessError`], as in [`Teller::transfer`].
    pub async fn run(&self, caller: &Caller, command: Command) -> Result<Outcome, AccessError> {
        self.rights([&command]).await?.check(caller, &command)?;
        let mut outcomes = self.ledger.group(vec![command]).await.map_err(LedgerError::from)?;
        outcomes.pop().ok_or_else(|| StoreError::Corrupt("a command without an outcome".into()).into())
    }

    /// What never changes about these accounts; those that do not exist are left out.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn standings(&self, accounts: &[AccountId]) -> Result<Rights, StoreError> {
        self.look_up(sorted(accounts.to_vec()), Vec::new()).await
    }

    /// What has to be known of what commands name: remembered, or else read.
    async fn rights<'c>(&self, commands: impl IntoIterator<Item = &'c Command>) -> Result<Rights, StoreError> {
        let (accounts, holds) = named(commands);
        self.look_up(accounts, holds).await
    }

    async fn look_up(&self, accounts: Vec<AccountId>, holds: Vec<HoldId>) -> Result<Rights, StoreError> {
        let remembered = self.recall(&accounts);
        let missing: Vec<AccountId> = accounts.into_iter().filter(|id| !remembered.accounts.contains_key(id)).collect();
        if missing.is_empty() && holds.is_empty() {
            return Ok(remembered);
        }
        let read = async move |tx: &mut B::Tx| {
            let mut rights = remembered.clone();
            rights.read(tx, missing.clone(), &holds).await?;
            Ok::<_, StoreError>(rights)
        };
        let rights = self.ledger.books().read(read).await?;
        self.remember(&rights);
        Ok(rights)
    }

    fn recall(&self, accounts: &[AccountId]) -> Rights {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = accounts.iter().filter_map(|id| known.get(id).map(|standing| (*id, *standing)));
        Rights { accounts: found.collect(), ..Rights::default() }
    }

    /// Only what was found: an account that is missing may be opened any moment.
    fn remember(&self, rights: &Rights) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + rights.accounts.len() > REMEMBERED_MAX {
            known.clear();
        }
        known.extend(rights.accounts.iter().take(REMEMBERED_MAX).map(|(id, standing)| (*id, *standing)));
    }
}
