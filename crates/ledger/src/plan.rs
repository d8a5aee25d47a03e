//! The rules: what a movement does to locked accounts. Pure; it is handed rows and it hands back rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rialto_kernel::{AccountId, Amount, Id, Timestamp};

use crate::{
    LedgerError,
    model::{
        Account, AccountState, Held, Hold, HoldId, HoldState, NewHold, NewTransfer, Overdraft, Posted, Posting, Side, Transfer,
        TransferId,
    },
    store::{Changes, LedgerStore},
};

/// The farthest below zero that even an unlimited account goes.
const BALANCE_MIN: i64 = i64::MIN / 2;

/// One member of a linked group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Move money.
    Transfer(NewTransfer),
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

/// What a member of a group came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Command::Transfer`] and [`Command::Post`].
    Posted(Posted),
    /// Of [`Command::Hold`] and [`Command::Void`].
    Held(Held),
}

/// Locked rows, and what has been decided to change in them. Nothing is written before [`Plan::commit`], so a refusal
/// leaves nothing behind.
#[derive(Debug)]
pub struct Plan {
    now: Timestamp,
    accounts: BTreeMap<AccountId, Account>,
    holds: BTreeMap<HoldId, Hold>,
    known: HashMap<TransferId, Transfer>,
    touched: BTreeSet<AccountId>,
    opened: BTreeSet<HoldId>,
    resolved: BTreeSet<HoldId>,
    posted: Vec<Transfer>,
}

impl Plan {
    /// Locks and reads all that `commands` name.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn load(tx: &mut impl LedgerStore, commands: &[Command], now: Timestamp) -> Result<Self, LedgerError> {
        let mut wanted = Wanted::default();
        commands.iter().for_each(|command| wanted.add(command));
        let holds = if wanted.holds.is_empty() { Vec::new() } else { tx.lock_holds(&sorted(wanted.holds)).await? };
        Self::with_holds(tx, holds, wanted.accounts, wanted.transfers, now).await
    }

    /// Locks and reads what one transfer needs.
    pub(crate) async fn for_transfer(tx: &mut impl LedgerStore, new: &NewTransfer, now: Timestamp) -> Result<Self, LedgerError> {
        Self::with_holds(tx, Vec::new(), vec![new.debit, new.credit], vec![new.id], now).await
    }

    /// Locks accounts.
    pub(crate) async fn for_accounts(
        tx: &mut impl LedgerStore,
        ids: Vec<AccountId>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        Self::with_holds(tx, Vec::new(), ids, Vec::new(), now).await
    }

    /// Locks the accounts of holds that are locked already, and others, and looks for transfers.
    pub(crate) async fn with_holds(
        tx: &mut impl LedgerStore,
        holds: Vec<Hold>,
        mut accounts: Vec<AccountId>,
        mut transfers: Vec<TransferId>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        for hold in &holds {
            accounts.extend([hold.terms.debit, hold.terms.credit]);
            if let HoldState::Posted { transfer, .. } = hold.state {
                transfers.push(transfer);
            }
        }
        let accounts = tx.lock_accounts(&sorted(accounts)).await?;
        // Only after the locks: whoever did the same before us has committed by now, and its transfer is to be seen.
        let known = if transfers.is_empty() { Vec::new() } else { tx.find_transfers(&sorted(transfers)).await? };
        Ok(Self {
            now,
            accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
            holds: holds.into_iter().map(|hold| (hold.terms.id, hold)).collect(),
            known: known.into_iter().map(|transfer| (transfer.id, transfer)).collect(),
            touched: BTreeSet::new(),
            opened: BTreeSet::new(),
            resolved: BTreeSet::new(),
            posted: Vec::new(),
        })
    }

    /// An account, as the members so far leave it.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// Whether a transfer with this id is among those that were looked for and found, or decided.
    pub(crate) fn knows(&self, id: TransferId) -> bool {
        self.known.contains_key(&id)
    }

    /// Decides one member. After a refusal the plan must be given up.
    ///
    /// # Errors
    /// Any [`LedgerError`], the first that applies in the order of its variants.
    pub fn run(&mut self, command: &Command) -> Result<Outcome, LedgerError> {
        match command {
            Command::Transfer(new) => self.transfer(new, None).map(Outcome::Posted),
            Command::Hold(new) => self.hold(new).map(Outcome::Held),
            Command::Post { hold, amount } => self.post(*hold, *amount).map(Outcome::Posted),
            Command::Void(hold) => self.void(*hold).map(Outcome::Held),
        }
    }

    /// Moves money.
    pub(crate) fn transfer(&mut self, new: &NewTransfer, reverses: Option<TransferId>) -> Result<Posted, LedgerError> {
        if new.amount.is_zero() {
            return Err(LedgerError::AmountZero);
        }
        if let Some(known) = self.known.get(&new.id) {
            let transfer = known.clone();
            return if transfer.answers(new, reverses) {
                self.posted(transfer, true)
            } else {
                Err(LedgerError::IdMismatch(new.id))
            };
        }
        self.check(new.debit, new.credit, new.amount)?;
        let transfer = self.enter(new, reverses)?;
        self.posted(transfer, false)
    }

    /// Sets money aside.
    pub(crate) fn hold(&mut self, new: &NewHold) -> Result<Held, LedgerError> {
        if new.amount.is_zero() {
            return Err(LedgerError::AmountZero);
        }
        if let Some(known) = self.holds.get(&new.id) {
            let hold = known.clone();
            return if hold.answers(new) { self.held(hold, true) } else { Err(LedgerError::IdMismatch(new.id.cast())) };
        }
        self.check(new.debit, new.credit, new.amount)?;
        let debit = self.touch(new.debit, Side::Debit)?;
        debit.held_out = debit.held_out.plus(new.amount).map_err(|_| LedgerError::BalanceOutOfRange(new.debit))?;
        let credit = self.touch(new.credit, Side::Credit)?;
        credit.held_in = credit.held_in.plus(new.amount).map_err(|_| LedgerError::BalanceOutOfRange(new.credit))?;
        let hold = Hold { terms: new.clone(), state: HoldState::Pending, created_at: self.now, resolved_at: None };
        self.opened.insert(new.id);
        self.holds.insert(new.id, hold.clone());
        self.held(hold, false)
    }

    /// Pays what is held.
    pub(crate) fn post(&mut self, id: HoldId, amount: Option<Amount>) -> Result<Posted, LedgerError> {
        if amount.is_some_and(Amount::is_zero) {
            return Err(LedgerError::AmountZero);
        }
        let hold = self.holds.get(&id).cloned().ok_or(LedgerError::HoldUnknown(id))?;
        let asked = amount.unwrap_or(hold.terms.amount);
        match hold.state {
            HoldState::Posted { transfer, amount } if amount == asked => {
                let transfer = self.known.get(&transfer).cloned().ok_or(LedgerError::TransferUnknown(transfer))?;
                return self.posted(transfer, true);
            }
            HoldState::Pending => {}
            HoldState::Expired => return Err(LedgerError::HoldExpired(id)),
            state => return Err(LedgerError::HoldResolved { hold: id, state }),
        }
        if hold.is_due(self.now) {
            return Err(LedgerError::HoldExpired(id));
        }
        if asked > hold.terms.amount {
            return Err(LedgerError::HoldExceeded { hold: id, held: hold.terms.amount, asked });
        }
        let terms = hold.terms.clone();
        let transfer = Id::new();
        self.release(hold, HoldState::Posted { transfer, amount: asked })?;
        // What was held is covered, and both accounts agreed when it was; their state now does not matter.
        let new = NewTransfer {
            id: transfer,
            debit: terms.debit,
            credit: terms.credit,
            amount: asked,
            kind: terms.kind,
            reference: terms.reference,
            memo: terms.memo,
        };
        let transfer = self.enter(&new, None)?;
        self.posted(transfer, false)
    }

    /// Gives back what is held.
    pub(crate) fn void(&mut self, id: HoldId) -> Result<Held, LedgerError> {
        let hold = self.holds.get(&id).cloned().ok_or(LedgerError::HoldUnknown(id))?;
        match hold.state {
            HoldState::Pending => {
                let hold = self.release(hold, HoldState::Voided)?;
                self.held(hold, false)
            }
            HoldState::Voided => self.held(hold, true),
            HoldState::Expired => Err(LedgerError::HoldExpired(id)),
            state @ HoldState::Posted { .. } => Err(LedgerError::HoldResolved { hold: id, state }),
        }
    }

    /// Ends a pending hold: its money is free again.
    pub(crate) fn release(&mut self, mut hold: Hold, state: HoldState) -> Result<Hold, LedgerError> {
        let terms = &hold.terms;
        let debit = self.touch(terms.debit, Side::Debit)?;
        debit.held_out = debit.held_out.minus(terms.amount).map_err(|_| LedgerError::BalanceOutOfRange(terms.debit))?;
        let credit = self.touch(terms.credit, Side::Credit)?;
        credit.held_in = credit.held_in.minus(terms.amount).map_err(|_| LedgerError::BalanceOutOfRange(terms.credit))?;
        hold.state = state;
        hold.resolved_at = Some(self.now);
        if !self.opened.contains(&hold.terms.id) {
            self.resolved.insert(hold.terms.id);
        }
        self.holds.insert(hold.terms.id, hold.clone());
        Ok(hold)
    }

    /// The rules that money sent and money set aside have in common.
    fn check(&self, debit: AccountId, credit: AccountId, amount: Amount) -> Result<(), LedgerError> {
        let payer = self.accounts.get(&debit).ok_or(LedgerError::AccountUnknown { account: debit, side: Side::Debit })?;
        let payee = self.accounts.get(&credit).ok_or(LedgerError::AccountUnknown { account: credit, side: Side::Credit })?;
        if payer.asset != payee.asset {
            return Err(LedgerError::AssetMismatch { debit: payer.asset, credit: payee.asset });
        }
        if payer.state != AccountState::Open {
            return Err(LedgerError::AccountNotOpen { account: debit, state: payer.state, side: Side::Debit });
        }
        if payee.state == AccountState::Closed {
            return Err(LedgerError::AccountNotOpen { account: credit, state: payee.state, side: Side::Credit });
        }
        if !payer.covers(amount) {
            return Err(LedgerError::InsufficientFunds { account: debit, available: payer.available(), asked: amount });
        }
        if payer.overdraft == Overdraft::Unlimited && payer.available().saturating_sub(amount.get()) < BALANCE_MIN {
            return Err(LedgerError::BalanceOutOfRange(debit));
        }
        // What comes in is counted before what goes out, even where both are the same account.
        if payee.balance.saturating_add(payee.held_in.get()).saturating_add(amount.get()) > Amount::MAX.get() {
            return Err(LedgerError::BalanceOutOfRange(credit));
        }
        Ok(())
    }

    /// Writes the two entries.
    fn enter(&mut self, new: &NewTransfer, reverses: Option<TransferId>) -> Result<Transfer, LedgerError> {
        let debit = self.touch(new.debit, Side::Debit)?;
        debit.balance = debit.balance.checked_sub(new.amount.get()).ok_or(LedgerError::BalanceOutOfRange(new.debit))?;
        let debit = next_posting(debit);
        let credit = self.touch(new.credit, Side::Credit)?;
        credit.balance = credit.balance.checked_add(new.amount.get()).ok_or(LedgerError::BalanceOutOfRange(new.credit))?;
        let credit = next_posting(credit);
        let transfer = Transfer {
            id: new.id,
            amount: new.amount,
            debit,
            credit,
            kind: new.kind,
            reference: new.reference,
            reverses,
            memo: new.memo.clone(),
            created_at: self.now,
        };
        self.known.insert(transfer.id, transfer.clone());
        self.posted.push(transfer.clone());
        Ok(transfer)
    }

    /// An account that is about to change.
    fn touch(&mut self, id: AccountId, side: Side) -> Result<&mut Account, LedgerError> {
        let account = self.accounts.get_mut(&id).ok_or(LedgerError::AccountUnknown { account: id, side })?;
        account.updated_at = self.now;
        self.touched.insert(id);
        Ok(account)
    }

    fn sides(&self, debit: AccountId, credit: AccountId) -> Result<(Account, Account), LedgerError> {
        let find = |account, side| self.accounts.get(&account).cloned().ok_or(LedgerError::AccountUnknown { account, side });
        Ok((find(debit, Side::Debit)?, find(credit, Side::Credit)?))
    }

    fn posted(&self, transfer: Transfer, existed: bool) -> Result<Posted, LedgerError> {
        let (debit, credit) = self.sides(transfer.debit.account, transfer.credit.account)?;
        Ok(Posted { transfer, debit, credit, existed })
    }

    fn held(&self, hold: Hold, existed: bool) -> Result<Held, LedgerError> {
        let (debit, credit) = self.sides(hold.terms.debit, hold.terms.credit)?;
        Ok(Held { hold, debit, credit, existed })
    }

    /// What has been decided.
    #[must_use]
    pub fn into_changes(mut self) -> Changes {
        Changes {
            accounts: self.touched.iter().filter_map(|id| self.accounts.remove(id)).collect(),
            transfers: self.posted,
            opened: self.opened.iter().filter_map(|id| self.holds.remove(id)).collect(),
            resolved: self.resolved.iter().filter_map(|id| self.holds.remove(id)).collect(),
        }
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

/// Numbers the entry that has just changed `account`.
const fn next_posting(account: &mut Account) -> Posting {
    account.entry_count += 1;
    Posting { account: account.id, account_no: account.no, seq: account.entry_count, balance: account.balance }
}

/// The rows that commands name.
#[derive(Default)]
struct Wanted {
    accounts: Vec<AccountId>,
    holds: Vec<HoldId>,
    transfers: Vec<TransferId>,
}

impl Wanted {
    fn add(&mut self, command: &Command) {
        match command {
            Command::Transfer(new) => {
                self.accounts.extend([new.debit, new.credit]);
                self.transfers.push(new.id);
            }
            Command::Hold(new) => {
                self.accounts.extend([new.debit, new.credit]);
                self.holds.push(new.id);
            }
            Command::Post { hold, .. } | Command::Void(hold) => self.holds.push(*hold),
        }
    }
}

fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
