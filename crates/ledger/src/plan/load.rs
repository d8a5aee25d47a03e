//! Locking and reading the rows that commands name.

use rialto_kernel::{AccountId, Timestamp};
use rialto_store::StoreError;

use super::{Change, Command, Plan, Row};
use crate::{
    LedgerError,
    model::{Account, Hold, HoldId, HoldState, NewTransfer, Transfer, TransferId},
    store::LedgerStore,
};

/// The rows that commands name.
#[derive(Default)]
struct Wanted {
    accounts: Vec<AccountId>,
    holds: Vec<HoldId>,
    /// Transfers that are to be made, or were.
    transfers: Vec<TransferId>,
    /// Transfers that are to be taken back.
    originals: Vec<TransferId>,
    /// Whether a command names a hold and not its accounts.
    by_hold: bool,
}

impl Wanted {
    fn add(&mut self, command: &Command) {
        match command {
            Command::Transfer(new) => {
                self.accounts.extend([new.debit, new.credit]);
                self.transfers.push(new.id);
            }
            Command::Reverse(new) => {
                self.transfers.push(new.id);
                self.originals.push(new.transfer);
            }
            Command::Hold(new) => {
                self.accounts.extend([new.debit, new.credit]);
                self.holds.push(new.id);
            }
            Command::Post { hold, .. } | Command::Void(hold) => {
                self.holds.push(*hold);
                self.by_hold = true;
            }
        }
    }
}

impl Plan {
    /// Locks and reads all that `commands` name.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn load<'c>(
        tx: &mut impl LedgerStore,
        commands: impl IntoIterator<Item = &'c Command>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let mut wanted = Wanted::default();
        commands.into_iter().for_each(|command| wanted.add(command));
        let ids = sorted(std::mem::take(&mut wanted.holds));
        if !ids.is_empty() && !wanted.by_hold && wanted.originals.is_empty() {
            // A hold that is there already is between the accounts that are named, or the command is refused.
            let found = tx.lock_all_and_find(&ids, &sorted(wanted.accounts), &sorted(wanted.transfers)).await?;
            return Ok(Self::of(now, found, Vec::new()));
        }
        let holds = if ids.is_empty() { Vec::new() } else { tx.lock_holds(&ids).await? };
        Self::read(tx, holds, wanted, now).await
    }

    /// Locks and reads accounts, and holds with theirs: for who knows the rows before the commands, whose new ids it has just made.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn lock(
        tx: &mut impl LedgerStore,
        accounts: Vec<AccountId>,
        holds: Vec<HoldId>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let ids = sorted(holds);
        let holds = if ids.is_empty() { Vec::new() } else { tx.lock_holds(&ids).await? };
        Self::read(tx, holds, Wanted { accounts, ..Wanted::default() }, now).await
    }

    /// Locks and reads more, as [`Plan::lock`]: what is known to the plan already stays as the commands so far leave it.
    ///
    /// Rows that are locked late may be locked out of order, so two transactions may come to wait for each other; the
    /// database then ends one of them, and the store runs it again. Foresee what can be foreseen.
    ///
    /// # Errors
    /// [`LedgerError::Store`].
    pub async fn extend(
        &mut self,
        tx: &mut impl LedgerStore,
        accounts: &[AccountId],
        holds: &[HoldId],
    ) -> Result<(), LedgerError> {
        let accounts: Vec<_> = accounts.iter().copied().filter(|id| !self.accounts.contains_key(id)).collect();
        let holds: Vec<_> = holds.iter().copied().filter(|id| !self.holds.contains_key(id)).collect();
        if accounts.is_empty() && holds.is_empty() {
            return Ok(());
        }
        let more = Self::lock(tx, accounts, holds, self.now).await?;
        more.accounts.into_iter().for_each(|(id, row)| {
            self.accounts.entry(id).or_insert(row);
        });
        more.holds.into_iter().for_each(|(id, row)| {
            self.holds.entry(id).or_insert(row);
        });
        more.known.into_iter().for_each(|(id, transfer)| {
            self.known.entry(id).or_insert(transfer);
        });
        Ok(())
    }

    /// Locks and reads what one transfer needs.
    pub(crate) async fn for_transfer(tx: &mut impl LedgerStore, new: &NewTransfer, now: Timestamp) -> Result<Self, LedgerError> {
        let wanted = Wanted { accounts: vec![new.debit, new.credit], transfers: vec![new.id], ..Wanted::default() };
        Self::read(tx, Vec::new(), wanted, now).await
    }

    /// Locks accounts.
    pub(crate) async fn for_accounts(
        tx: &mut impl LedgerStore,
        accounts: Vec<AccountId>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        Self::read(tx, Vec::new(), Wanted { accounts, ..Wanted::default() }, now).await
    }

    /// Locks the accounts of holds that are locked already.
    pub(crate) async fn for_holds(tx: &mut impl LedgerStore, holds: Vec<Hold>, now: Timestamp) -> Result<Self, LedgerError> {
        Self::read(tx, holds, Wanted::default(), now).await
    }

    async fn read(tx: &mut impl LedgerStore, holds: Vec<Hold>, mut wanted: Wanted, now: Timestamp) -> Result<Self, LedgerError> {
        for hold in &holds {
            wanted.accounts.extend([hold.terms.debit, hold.terms.credit]);
            if let HoldState::Posted { transfer, .. } = hold.state {
                wanted.transfers.push(transfer);
            }
        }
        let originals = sorted(wanted.originals);
        let mut early = 0;
        if !originals.is_empty() {
            // A transfer never changes, so it may be read before its accounts are locked.
            let found = tx.find_transfers(&originals).await?;
            early = found.len();
            wanted.accounts.extend(found.iter().flat_map(|transfer| [transfer.debit.account, transfer.credit.account]));
            wanted.transfers.extend(&originals);
        }
        // Whoever did the same before us has committed once we have the locks, and its transfer is to be seen.
        let (_, accounts, known) = tx.lock_all_and_find(&[], &sorted(wanted.accounts), &sorted(wanted.transfers)).await?;
        if known.iter().filter(|transfer| originals.binary_search(&transfer.id).is_ok()).count() > early {
            // It was committed while we waited for the locks, so its own accounts are not among those that we hold.
            return Err(StoreError::Again("a transfer to be reversed was just made".into()).into());
        }
        let reversed = if originals.is_empty() { Vec::new() } else { tx.find_reversals(&originals).await? };
        Ok(Self::of(now, (holds, accounts, known), reversed))
    }

    /// Over accounts that are locked.
    pub(crate) fn of_accounts(accounts: Vec<Account>, now: Timestamp) -> Self {
        Self::of(now, (Vec::new(), accounts, Vec::new()), Vec::new())
    }

    /// Rows that were read, and which of the transfers are reversed, by which.
    fn of(
        now: Timestamp,
        (holds, accounts, known): (Vec<Hold>, Vec<Account>, Vec<Transfer>),
        reversed: Vec<(TransferId, TransferId)>,
    ) -> Self {
        Self {
            now,
            accounts: accounts.into_iter().map(|account| (account.id, Row { value: account, change: Change::None })).collect(),
            holds: holds.into_iter().map(|hold| (hold.terms.id, Row { value: hold, change: Change::None })).collect(),
            known: known.into_iter().map(|transfer| (transfer.id, transfer)).collect(),
            reversed: reversed.into_iter().collect(),
            posted: Vec::new(),
            undo: Vec::new(),
        }
    }
}

pub(crate) fn sorted<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
