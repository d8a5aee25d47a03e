//! The books of a simulated economy: the ledger's own rules, over rows that are kept in memory and forgotten when they have ended.
//!
//! [`rialto_ledger::memory::Memory`] keeps every transfer and every hold for ever, as books should. A run makes a hold for every bid, so this
//! store keeps the accounts and the holds that are pending, and counts the rest. Decisions are made by the same
//! [`Plan`](rialto_ledger::plan::Plan) as everywhere else.

use std::{collections::HashMap, ops::RangeInclusive};

use futures_util::FutureExt;
use rialto_kernel::{AccountId, Asset, Timestamp};
use rialto_ledger::{
    Account, AccountState, Changes, Code, Entry, Hold, HoldId, HoldState, House, LedgerError, LedgerStore, NewAccount, Overdraft,
    Transfer, TransferId, open_account, open_house, plan::Plan,
};
use rialto_store::StoreError;
use uuid::Uuid;

use crate::error::SimulationError;

/// Accounts and pending holds.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<HoldId, Hold>,
    opened: i64,
    transfers: u64,
}

/// What is in a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Money {
    /// What agents can spend, together.
    pub available: i64,
    /// What is held for open bids, together.
    pub held: i64,
}

impl Money {
    /// All of it: the same at every tick.
    #[must_use]
    pub const fn total(self) -> i64 {
        self.available + self.held
    }
}

/// The account of the agent with this number.
pub fn wallet(agent: usize) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(u128::try_from(agent).unwrap_or(u128::MAX).saturating_add(1)))
}

/// A future of this store's, which never waits.
fn at_once<T>(future: impl Future<Output = Result<T, LedgerError>>) -> Result<T, SimulationError> {
    let done = future.now_or_never().ok_or_else(|| SimulationError::Broken("books in memory made somebody wait".into()))?;
    Ok(done?)
}

impl Vault {
    /// Books with the accounts of the house and a wallet for each of so many agents, in credits.
    ///
    /// # Errors
    /// [`SimulationError::Ledger`], which does not happen.
    pub fn open(agents: usize, now: Timestamp) -> Result<Self, SimulationError> {
        let mut vault = Self::default();
        at_once(open_house(&mut vault, Asset::CREDIT, now))?;
        for agent in 0..agents {
            let account = NewAccount { id: wallet(agent), ..NewAccount::new(Asset::CREDIT, Code::AGENT) };
            at_once(open_account(&mut vault, account, now))?;
        }
        Ok(vault)
    }

    /// Locks everything, for one round of decisions.
    ///
    /// # Errors
    /// [`SimulationError::Store`], which does not happen.
    pub fn plan(&mut self, now: Timestamp) -> Result<Plan, SimulationError> {
        let (accounts, holds) = (self.accounts.keys().copied().collect(), self.holds.keys().copied().collect());
        at_once(Plan::lock(self, accounts, holds, now))
    }

    /// Writes what a round has decided.
    ///
    /// # Errors
    /// [`SimulationError::Store`] when a CHECK refuses it: a defect of ours.
    pub fn commit(&mut self, plan: Plan) -> Result<(), SimulationError> {
        at_once(plan.commit(self))
    }

    /// How many transfers there have been.
    #[must_use]
    pub const fn transfers(&self) -> u64 {
        self.transfers
    }

    /// Recomputes what must always hold, from the rows: all balances sum to zero, what is held in wallets is what the pending
    /// holds say, and nobody has less than nothing to spend.
    ///
    /// # Errors
    /// [`SimulationError::Broken`].
    pub fn audit(&self) -> Result<Money, SimulationError> {
        let broken = |what: &str| Err(SimulationError::Broken(format!("the books: {what}")));
        let mut money = Money::default();
        let mut sum = 0;
        for account in self.accounts.values() {
            sum += account.balance;
            if account.overdraft == Overdraft::Unlimited {
                continue;
            }
            if account.available() < 0 {
                return broken("an agent has less than nothing");
            }
            money.available += account.available();
            money.held += account.held_out.get();
        }
        let pending: i64 = self.holds.values().map(|hold| hold.terms.amount.get()).sum();
        let escrow = self.accounts.get(&House::Escrow.account(Asset::CREDIT)).map(|account| account.held_in.get());
        match (sum, pending == money.held, escrow == Some(pending)) {
            (0, true, true) => Ok(money),
            (0, ..) => broken("what is held is not what the holds say"),
            _ => broken("the balances do not sum to zero"),
        }
    }
}

impl LedgerStore for Vault {
    async fn insert_account(&mut self, new: &NewAccount, now: Timestamp) -> Result<bool, StoreError> {
        if self.accounts.contains_key(&new.id) {
            return Ok(false);
        }
        self.opened += 1;
        let account = Account {
            id: new.id,
            no: self.opened,
            owner: new.owner,
            agent: new.agent,
            asset: new.asset,
            code: new.code.clone(),
            state: AccountState::Open,
            overdraft: new.overdraft,
            credits_capped: new.credits_capped,
            balance: 0,
            held_out: rialto_kernel::Amount::ZERO,
            held_in: rialto_kernel::Amount::ZERO,
            entry_count: 0,
            created_at: now,
            updated_at: now,
        };
        self.accounts.insert(new.id, account);
        Ok(true)
    }

    async fn find_account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts.get(&id).cloned())
    }

    async fn set_account_state(&mut self, id: AccountId, state: AccountState, now: Timestamp) -> Result<(), StoreError> {
        if let Some(account) = self.accounts.get_mut(&id) {
            (account.state, account.updated_at) = (state, now);
        }
        Ok(())
    }

    async fn lock_accounts(&mut self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.accounts.get(id)).cloned().collect())
    }

    async fn lock_holds(&mut self, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
        Ok(ids.iter().filter_map(|id| self.holds.get(id)).cloned().collect())
    }

    /// Nothing here ends by itself: bids expire in the book, and their holds are voided then.
    async fn lock_due_holds(&mut self, _now: Timestamp, _limit: u32) -> Result<Vec<Hold>, StoreError> {
        Ok(Vec::new())
    }

    async fn find_hold(&mut self, id: HoldId) -> Result<Option<Hold>, StoreError> {
        Ok(self.holds.get(&id).cloned())
    }

    /// Every id is new: nothing is ever asked for twice here.
    async fn find_transfers(&mut self, _ids: &[TransferId]) -> Result<Vec<Transfer>, StoreError> {
        Ok(Vec::new())
    }

    async fn find_reversals(&mut self, _of: &[TransferId]) -> Result<Vec<(TransferId, TransferId)>, StoreError> {
        Ok(Vec::new())
    }

    async fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for account in &changes.accounts {
            if account.available() < 0 && account.overdraft != Overdraft::Unlimited {
                return Err(StoreError::Check("an account would have less than nothing".into()));
            }
            self.accounts.insert(account.id, account.clone());
        }
        let pending = |hold: &&Hold| hold.state == HoldState::Pending;
        self.holds.extend(changes.opened.iter().filter(pending).map(|hold| (hold.terms.id, hold.clone())));
        for hold in &changes.resolved {
            self.holds.remove(&hold.terms.id);
        }
        let transfers = u64::try_from(changes.transfers.len()).unwrap_or(u64::MAX);
        self.transfers = self.transfers.saturating_add(transfers);
        Ok(())
    }

    /// Transfers are counted, not kept.
    async fn newest_transfer_no(&mut self) -> Result<i64, StoreError> {
        Ok(i64::try_from(self.transfers).unwrap_or(i64::MAX))
    }

    async fn list_entries(&mut self, _account_no: i64, _seqs: RangeInclusive<i64>) -> Result<Vec<Entry>, StoreError> {
        Ok(Vec::new())
    }
}
