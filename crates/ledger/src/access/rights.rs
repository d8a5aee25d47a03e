//! The rules: what each caller may have done.

use std::collections::HashMap;

use rialto_kernel::{AccountId, Asset, Caller, OwnerId};
use rialto_store::StoreError;

use super::{AccessError, AccessStore, GroupRefused, may_choose};
use crate::{
    Command, LedgerError, balance,
    model::{Account, Balancing, Code, HoldId, Kind, NewHold, NewTransfer, Overdraft, Side},
};

/// What never changes about an account, as far as callers are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose it is; nobody's when it belongs to the house.
    pub owner: Option<OwnerId>,
    /// Whether it is a wallet, see [`crate::wallet`].
    pub is_wallet: bool,
    /// Whether Rialto alone moves its money, see [`crate::balance`].
    pub is_managed: bool,
}

impl Standing {
    /// Of this account.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let code = account.code == Code::USER || account.code == Code::AGENT;
        let is_wallet = code && account.owner.is_some() && account.asset == Asset::CREDIT && account.overdraft == Overdraft::NONE;
        Self { owner: account.owner, is_wallet, is_managed: balance::is_managed(account) }
    }
}

/// All that has to be known of what commands name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    pub(super) accounts: HashMap<AccountId, Standing>,
    pub(super) holds: HashMap<HoldId, NewHold>,
}

/// The accounts, and the holds, that commands name. Sorted, without repetition.
pub(super) fn named<'c>(commands: impl IntoIterator<Item = &'c Command>) -> (Vec<AccountId>, Vec<HoldId>) {
    let (mut accounts, mut holds) = (Vec::new(), Vec::new());
    for command in commands {
        match command {
            Command::Transfer(NewTransfer { debit, credit, .. }) | Command::Hold(NewHold { debit, credit, .. }) => {
                accounts.extend([*debit, *credit]);
            }
            Command::Post { hold, .. } | Command::Void(hold) => holds.push(*hold),
            Command::Reverse(_) => {}
        }
    }
    (sorted(accounts), sorted(holds))
}

pub(super) fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Rights {
    /// Reads what `commands` name.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn load<'c>(
        tx: &mut impl AccessStore,
        commands: impl IntoIterator<Item = &'c Command>,
    ) -> Result<Self, StoreError> {
        let (accounts, holds) = named(commands);
        let mut rights = Self::default();
        rights.read(tx, accounts, &holds).await?;
        Ok(rights)
    }

    /// Reads these accounts and holds, and the accounts of the holds.
    pub(super) async fn read(
        &mut self,
        tx: &mut impl AccessStore,
        mut accounts: Vec<AccountId>,
        holds: &[HoldId],
    ) -> Result<(), StoreError> {
        if !holds.is_empty() {
            for hold in tx.find_holds(holds).await? {
                accounts.extend([hold.terms.debit, hold.terms.credit]);
                self.holds.insert(hold.terms.id, hold.terms);
            }
            accounts = sorted(accounts);
        }
        accounts.retain(|id| !self.accounts.contains_key(id));
        if !accounts.is_empty() {
            let found = tx.find_accounts(&accounts).await?;
            self.accounts.extend(found.iter().map(|account| (account.id, Standing::of(account))));
        }
        Ok(())
    }

    /// What is known of an account; `None` if there is none, or it was not read.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<Standing> {
        self.accounts.get(&id).copied()
    }

    /// Whether `caller` may read what is in an account.
    #[must_use]
    pub fn may_read(&self, caller: &Caller, id: AccountId) -> bool {
        super::may_read(caller, self.account(id).and_then(|standing| standing.owner))
    }

    /// Whether `caller` may have `command` done. What it names must have been read.
    ///
    /// # Errors
    /// Any [`AccessError`]. What does not exist comes first, and is told as the ledger tells it.
    pub fn check(&self, caller: &Caller, command: &Command) -> Result<(), AccessError> {
        match command {
            Command::Transfer(new) => {
                self.check_movement(caller, new.kind, new.debit, new.credit)?;
                if new.effective_at.is_some() && !caller.is_admin() {
                    return Err(AccessError::Backdated);
                }
                if new.balancing == Some(Balancing::Credit) && !self.may_read(caller, new.credit) {
                    return Err(AccessError::Balancing(new.credit));
                }
                Ok(())
            }
            Command::Hold(new) => self.check_movement(caller, new.kind, new.debit, new.credit),
            Command::Reverse(_) if caller.is_admin() => Ok(()),
            Command::Reverse(_) => Err(AccessError::Reversal),
            Command::Post { hold, .. } => self.check_end(caller, *hold, |terms| vec![terms.debit]),
            Command::Void(hold) => self.check_end(caller, *hold, |terms| vec![terms.debit, terms.credit]),
        }
    }

    fn standing(&self, account: AccountId, side: Side) -> Result<Standing, LedgerError> {
        self.account(account).ok_or(LedgerError::AccountUnknown { account, side })
    }

    fn check_movement(&self, caller: &Caller, kind: Kind, debit: AccountId, credit: AccountId) -> Result<(), AccessError> {
        if !may_choose(kind) {
            return Err(AccessError::KindReserved(kind));
        }
        let payer = self.standing(debit, Side::Debit)?;
        let payee = self.standing(credit, Side::Credit)?;
        match payer.owner {
            _ if caller.is_admin() => Ok(()),
            None => Err(AccessError::House(debit)),
            Some(owner) if !caller.may_write(owner) => Err(AccessError::NotYours(debit)),
            Some(_) if payer.is_managed => Err(AccessError::ManagedAccount(debit)),
            Some(_) if payee.is_managed => Err(AccessError::ManagedAccount(credit)),
            Some(_) if payee.owner.is_none() => Err(AccessError::House(credit)),
            Some(_) => Ok(()),
        }
    }

    /// Whether `caller` may end a hold: when it may write one of the accounts that `whose` picks.
    fn check_end(&self, caller: &Caller, id: HoldId, whose: fn(&NewHold) -> Vec<AccountId>) -> Result<(), AccessError> {
        let terms = self.holds.get(&id).ok_or(LedgerError::HoldUnknown(id))?;
        let writes = |account| self.account(account).and_then(|standing| standing.owner).is_some_and(|o| caller.may_write(o));
        if !caller.is_admin() && !whose(terms).into_iter().any(writes) {
            return Err(AccessError::NotYourHold(id));
        }
        if !may_choose(terms.kind) {
            return Err(AccessError::Managed(id));
        }
        Ok(())
    }

    /// Those of `groups` that `caller` may have done, and for each group why not, if it may not.
    pub(super) fn sort_out(&self, caller: &Caller, groups: Vec<Vec<Command>>) -> (Vec<Vec<Command>>, Vec<Option<GroupRefused>>) {
        let mut allowed = Vec::with_capacity(groups.len());
        let mut refused = Vec::with_capacity(groups.len());
        for group in groups {
            let first = group.iter().enumerate().find_map(|(index, command)| {
                let source = self.check(caller, command).err()?;
                Some(GroupRefused { index, source })
            });
            if first.is_none() {
                allowed.push(group);
            }
            refused.push(first);
        }
        (allowed, refused)
    }
}
