//! The rules: what each command does, and when it is refused.

use rialto_kernel::{AccountId, Amount, Id, Timestamp};

use super::{Change, Plan, Row, Undo};
use crate::{
    LedgerError,
    history::Period,
    model::{
        Account, AccountState, Balanced, Balancing, Held, Hold, HoldId, HoldState, NewHold, NewReversal, NewTransfer, Overdraft,
        Posted, Posting, Side, Transfer, TransferId,
    },
};

/// The farthest below zero that even an unlimited account goes.
const BALANCE_MIN: i64 = i64::MIN / 2;

fn check_memo(memo: Option<&str>) -> Result<(), LedgerError> {
    let sound = memo.is_none_or(|memo| !memo.contains('\0') && memo.chars().count() <= NewTransfer::MEMO_CHARS_MAX);
    if sound { Ok(()) } else { Err(LedgerError::TextInvalid("memo")) }
}

/// PostgreSQL would take what is too far away for no time at all.
fn check_time(at: Option<Timestamp>, name: &'static str) -> Result<(), LedgerError> {
    if at.is_none_or(|at| Period::ALL.contains(at)) { Ok(()) } else { Err(LedgerError::TimeOutOfRange(name)) }
}

impl Plan {
    /// Moves money.
    pub(crate) fn transfer(&mut self, new: &NewTransfer) -> Result<Posted, LedgerError> {
        self.move_money(new, None)
    }

    /// Takes a transfer back.
    pub(super) fn reverse(&mut self, new: &NewReversal) -> Result<Posted, LedgerError> {
        check_memo(new.memo.as_deref())?;
        let Some(original) = self.known.get(&new.transfer) else {
            let taken = self.known.contains_key(&new.id);
            return Err(if taken { LedgerError::IdMismatch(new.id) } else { LedgerError::TransferUnknown(new.transfer) });
        };
        let back = NewTransfer {
            kind: original.kind,
            reference: original.reference,
            memo: new.memo.clone(),
            ..NewTransfer::new(new.id, original.credit.account, original.debit.account, original.amount)
        };
        if !self.known.contains_key(&new.id) {
            if original.reverses.is_some() {
                return Err(LedgerError::IsReversal(original.id));
            }
            if let Some(by) = self.reversed.get(&original.id) {
                return Err(LedgerError::AlreadyReversed { transfer: original.id, by: *by });
            }
        }
        self.move_money(&back, Some(new.transfer))
    }

    fn move_money(&mut self, new: &NewTransfer, reverses: Option<TransferId>) -> Result<Posted, LedgerError> {
        if new.amount.is_zero() {
            return Err(LedgerError::AmountZero);
        }
        check_memo(new.memo.as_deref())?;
        // What has been done is answered, whatever the clock of the server that is asked again.
        let known = self.known.get(&new.id).cloned();
        if let Some(transfer) = known.as_ref().filter(|known| known.answers(new, reverses)) {
            return self.posted(transfer.clone(), true);
        }
        check_time(new.effective_at, "effective_at")?;
        if new.effective_at.is_some_and(|effective_at| effective_at > self.now) {
            return Err(LedgerError::EffectiveInFuture);
        }
        if known.is_some() {
            return Err(LedgerError::IdMismatch(new.id));
        }
        let amount = self.check(new.debit, new.credit, new.amount, new.balancing)?;
        let transfer = self.enter(new, amount, reverses)?;
        self.posted(transfer, false)
    }

    /// Sets money aside.
    pub(super) fn hold(&mut self, new: &NewHold) -> Result<Held, LedgerError> {
        if new.amount.is_zero() {
            return Err(LedgerError::AmountZero);
        }
        check_memo(new.memo.as_deref())?;
        let known = self.holds.get(&new.id).map(|row| row.value.clone());
        if let Some(hold) = known.as_ref().filter(|known| known.answers(new)) {
            return self.held(hold.clone(), true);
        }
        check_time(new.expires_at, "expires_at")?;
        if known.is_some() {
            return Err(LedgerError::IdMismatch(new.id.cast()));
        }
        self.check(new.debit, new.credit, new.amount, None)?;
        let created_at = self.moment(new.debit, new.credit);
        let debit = self.touch(new.debit, Side::Debit, created_at)?;
        debit.held_out = debit.held_out.plus(new.amount).map_err(|_| LedgerError::BalanceOutOfRange(new.debit))?;
        let credit = self.touch(new.credit, Side::Credit, created_at)?;
        credit.held_in = credit.held_in.plus(new.amount).map_err(|_| LedgerError::BalanceOutOfRange(new.credit))?;
        let hold = Hold { terms: new.clone(), state: HoldState::Pending, created_at, resolved_at: None };
        self.put(hold.clone());
        self.held(hold, false)
    }

    /// Pays what is held.
    pub(super) fn post(&mut self, id: HoldId, amount: Option<Amount>) -> Result<Posted, LedgerError> {
        if amount.is_some_and(Amount::is_zero) {
            return Err(LedgerError::AmountZero);
        }
        let hold = self.holds.get(&id).map(|row| row.value.clone()).ok_or(LedgerError::HoldUnknown(id))?;
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
            kind: terms.kind,
            reference: terms.reference,
            memo: terms.memo,
            metadata: terms.metadata,
            ..NewTransfer::new(transfer, terms.debit, terms.credit, asked)
        };
        let transfer = self.enter(&new, asked, None)?;
        self.posted(transfer, false)
    }

    /// Gives back what is held.
    pub(super) fn void(&mut self, id: HoldId) -> Result<Held, LedgerError> {
        let hold = self.holds.get(&id).map(|row| row.value.clone()).ok_or(LedgerError::HoldUnknown(id))?;
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
        let resolved_at = self.moment(terms.debit, terms.credit);
        let debit = self.touch(terms.debit, Side::Debit, resolved_at)?;
        debit.held_out = debit.held_out.minus(terms.amount).map_err(|_| LedgerError::BalanceOutOfRange(terms.debit))?;
        let credit = self.touch(terms.credit, Side::Credit, resolved_at)?;
        credit.held_in = credit.held_in.minus(terms.amount).map_err(|_| LedgerError::BalanceOutOfRange(terms.credit))?;
        hold.state = state;
        hold.resolved_at = Some(resolved_at);
        self.put(hold.clone());
        Ok(hold)
    }

    /// The rules that money sent and money set aside have in common. How much may move: `amount`, or with `balancing` as
    /// much of it as there is.
    fn check(
        &self,
        debit: AccountId,
        credit: AccountId,
        amount: Amount,
        balancing: Option<Balancing>,
    ) -> Result<Amount, LedgerError> {
        let payer = self.account(debit).ok_or(LedgerError::AccountUnknown { account: debit, side: Side::Debit })?;
        let payee = self.account(credit).ok_or(LedgerError::AccountUnknown { account: credit, side: Side::Credit })?;
        if payer.asset != payee.asset {
            return Err(LedgerError::AssetMismatch { debit: payer.asset, credit: payee.asset });
        }
        if payer.state != AccountState::Open {
            return Err(LedgerError::AccountNotOpen { account: debit, state: payer.state, side: Side::Debit });
        }
        if payee.state == AccountState::Closed {
            return Err(LedgerError::AccountNotOpen { account: credit, state: payee.state, side: Side::Credit });
        }
        let at_most = |there: i64| Amount::new(there.min(amount.get())).ok().filter(|amount| !amount.is_zero());
        let available = payer.available();
        let insufficient = LedgerError::InsufficientFunds { account: debit, available, asked: amount };
        let exceeded = LedgerError::CreditsExceedDebits { account: credit, room: payee.room(), asked: amount };
        let amount = match balancing {
            None => amount,
            Some(Balancing::Debit) => at_most(available).ok_or_else(|| insufficient.clone())?,
            Some(Balancing::Credit) => at_most(payee.room()).ok_or_else(|| exceeded.clone())?,
        };
        if !payer.covers(amount) {
            return Err(insufficient);
        }
        if payee.credits_capped && payee.room() < amount.get() {
            return Err(exceeded);
        }
        if payer.overdraft == Overdraft::Unlimited && available.saturating_sub(amount.get()) < BALANCE_MIN {
            return Err(LedgerError::BalanceOutOfRange(debit));
        }
        // What comes in is counted before what goes out, even where both are the same account.
        if payee.balance.saturating_add(payee.held_in.get()).saturating_add(amount.get()) > Amount::MAX.get() {
            return Err(LedgerError::BalanceOutOfRange(credit));
        }
        Ok(amount)
    }

    /// Writes the two entries.
    fn enter(&mut self, new: &NewTransfer, amount: Amount, reverses: Option<TransferId>) -> Result<Transfer, LedgerError> {
        let created_at = self.moment(new.debit, new.credit);
        let debit = self.touch(new.debit, Side::Debit, created_at)?;
        debit.balance = debit.balance.checked_sub(amount.get()).ok_or(LedgerError::BalanceOutOfRange(new.debit))?;
        let debit = next_posting(debit);
        let credit = self.touch(new.credit, Side::Credit, created_at)?;
        credit.balance = credit.balance.checked_add(amount.get()).ok_or(LedgerError::BalanceOutOfRange(new.credit))?;
        let credit = next_posting(credit);
        let transfer = Transfer {
            id: new.id,
            amount,
            debit,
            credit,
            kind: new.kind,
            reference: new.reference,
            reverses,
            memo: new.memo.clone(),
            balanced: new.balancing.map(|by| Balanced { by, at_most: new.amount }),
            effective_at: new.effective_at,
            metadata: new.metadata.clone(),
            created_at,
        };
        self.known.insert(transfer.id, transfer.clone());
        if let Some(of) = reverses {
            self.reversed.insert(of, transfer.id);
        }
        self.posted.push(transfer.id);
        self.undo.push(Undo::Posted(transfer.id));
        Ok(transfer)
    }

    /// When it happens: now, but not before anything that has happened to either account. The clocks of two servers differ;
    /// the times of one account's entries must rise with their numbers, since balances at a time are found by them.
    fn moment(&self, debit: AccountId, credit: AccountId) -> Timestamp {
        let last = |id| self.account(id).map_or(self.now, |account| account.updated_at);
        self.now.max(last(debit)).max(last(credit))
    }

    /// An account that is about to change.
    fn touch(&mut self, id: AccountId, side: Side, at: Timestamp) -> Result<&mut Account, LedgerError> {
        let row = self.accounts.get_mut(&id).ok_or(LedgerError::AccountUnknown { account: id, side })?;
        self.undo.push(Undo::Account(row.clone()));
        row.change = Change::Updated;
        row.value.updated_at = at;
        Ok(&mut row.value)
    }

    /// A hold that is new, or has changed.
    fn put(&mut self, hold: Hold) {
        let id = hold.terms.id;
        let change = match self.holds.get(&id).map(|row| row.change) {
            None | Some(Change::Inserted) => Change::Inserted,
            Some(_) => Change::Updated,
        };
        let before = self.holds.insert(id, Row { value: hold, change });
        self.undo.push(Undo::Hold(id, before));
    }

    fn sides(&self, debit: AccountId, credit: AccountId) -> Result<(Account, Account), LedgerError> {
        let find = |account, side| self.account(account).cloned().ok_or(LedgerError::AccountUnknown { account, side });
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
}

/// Numbers the entry that has just changed `account`.
const fn next_posting(account: &mut Account) -> Posting {
    account.entry_count += 1;
    Posting { account: account.id, account_no: account.no, seq: account.entry_count, balance: account.balance }
}
