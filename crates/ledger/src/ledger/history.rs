//! Reading through the handle: one call, one transaction. See [`crate::history`].

use rialto_kernel::{AccountId, Timestamp};

use super::Ledger;
use crate::{
    LedgerError,
    books::Books,
    history::{
        self, AccountFilter, Balance, EntryFilter, ExportFilter, Exported, HistoryError, HistoryStore, HoldPhase, HoldView,
        Order, OwnerEntry, Paged, Period, Slice, Statement, StatementLine,
    },
    model::{Account, Entry, Transfer, TransferId},
    store::LedgerStore,
};

impl<B: Books> Ledger<B> {
    /// A transfer.
    ///
    /// # Errors
    /// [`LedgerError::TransferUnknown`].
    pub async fn find_transfer(&self, id: TransferId) -> Result<Transfer, LedgerError> {
        let found = self.books.read(async move |tx: &mut B::Tx| tx.find_transfers(&[id]).await).await?.pop();
        found.ok_or(LedgerError::TransferUnknown(id))
    }
}

impl<B: Books> Ledger<B>
where
    B::Tx: HistoryStore,
{
    /// What an account has now (`None`), or had at a time.
    ///
    /// # Errors
    /// [`HistoryError::AccountUnknown`].
    pub async fn balance(&self, account: AccountId, at: Option<Timestamp>) -> Result<Balance, HistoryError> {
        let read = async move |tx: &mut B::Tx| {
            let account = found(tx, account).await?;
            history::balance(tx, &account, at).await
        };
        self.books.read(read).await
    }

    /// The history of an account.
    ///
    /// # Errors
    /// As [`history::entries`]; [`HistoryError::AccountUnknown`].
    pub async fn entries(
        &self,
        account: AccountId,
        filter: EntryFilter,
        order: Order,
        slice: Slice,
    ) -> Result<Paged<Entry>, HistoryError> {
        let read = async move |tx: &mut B::Tx| {
            let account = found(tx, account).await?;
            history::entries(tx, &account, &filter, order, slice).await
        };
        self.books.read(read).await
    }

    /// The histories of several accounts of an owner, as one list.
    ///
    /// # Errors
    /// As [`history::owner_entries`].
    pub async fn owner_entries(
        &self,
        accounts: AccountFilter,
        filter: EntryFilter,
        order: Order,
        slice: Slice,
    ) -> Result<Paged<OwnerEntry>, HistoryError> {
        self.books.read(async move |tx: &mut B::Tx| history::owner_entries(tx, &accounts, &filter, order, slice).await).await
    }

    /// Accounts, those opened first first.
    ///
    /// # Errors
    /// As [`history::accounts`].
    pub async fn accounts(&self, filter: AccountFilter, slice: Slice) -> Result<Paged<Account>, HistoryError> {
        self.books.read(async move |tx: &mut B::Tx| history::accounts(tx, &filter, slice).await).await
    }

    /// The holds of an account, those made last first.
    ///
    /// # Errors
    /// As [`history::holds`]; [`HistoryError::AccountUnknown`].
    pub async fn holds(
        &self,
        account: AccountId,
        state: Option<HoldPhase>,
        slice: Slice,
    ) -> Result<Paged<HoldView>, HistoryError> {
        let read = async move |tx: &mut B::Tx| {
            let account = found(tx, account).await?;
            history::holds(tx, &account, state, slice).await
        };
        self.books.read(read).await
    }

    /// A statement, line by line.
    ///
    /// # Errors
    /// As [`history::statement`].
    pub async fn statement(
        &self,
        account: AccountId,
        period: Period,
        line: impl FnMut(&Statement, Option<StatementLine>) -> bool + Send + 'static,
    ) -> Result<(), HistoryError> {
        history::statement(&self.books, account, period, line).await
    }

    /// The journal, batch by batch.
    ///
    /// # Errors
    /// As [`history::export`].
    pub async fn export(
        &self,
        filter: ExportFilter,
        batch: impl FnMut(Exported) -> bool + Send + 'static,
    ) -> Result<(), HistoryError> {
        history::export(&self.books, filter, batch).await
    }
}

async fn found(tx: &mut impl LedgerStore, account: AccountId) -> Result<Account, HistoryError> {
    tx.find_account(account).await?.ok_or(HistoryError::AccountUnknown)
}
