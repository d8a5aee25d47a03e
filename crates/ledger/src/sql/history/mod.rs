//! What reading the books asks of SQLite and PostgreSQL.

mod entries;
mod lists;
mod moments;

use std::ops::RangeInclusive;

use rialto_kernel::{OwnerId, Timestamp};
use rialto_store::{StoreError, Tx};

use crate::{
    history::{AccountFilter, EntryScan, Figures, HistoryStore, JournalLine, Line, Moment, Period},
    model::{Account, Entry, Hold, HoldId, ReferenceId, TransferId},
};

impl HistoryStore for Tx {
    async fn figures_at(&mut self, account_no: i64, at: Timestamp) -> Result<Figures, StoreError> {
        moments::figures_at(self, account_no, at).await
    }

    async fn posted_at(&mut self, account_no: i64, at: Timestamp) -> Result<i128, StoreError> {
        moments::posted_at(self, account_no, at).await
    }

    async fn count_entries_before(&mut self, account_nos: &[i64], moment: Moment) -> Result<Vec<(i64, i64)>, StoreError> {
        moments::count_before(self, account_nos, moment).await
    }

    async fn scan_entries(&mut self, scan: &EntryScan) -> Result<Vec<Entry>, StoreError> {
        entries::scan(self, scan).await
    }

    async fn list_lines(&mut self, ranges: &[(i64, RangeInclusive<i64>)]) -> Result<Vec<Line>, StoreError> {
        entries::list_lines(self, ranges).await
    }

    async fn list_backdated(
        &mut self,
        account_no: i64,
        period: Period,
        after: Option<(Timestamp, i64)>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        entries::list_backdated(self, account_no, period, after, limit).await
    }

    async fn list_accounts(
        &mut self,
        filter: &AccountFilter,
        nos: RangeInclusive<i64>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        lists::accounts(self, filter, nos, limit).await
    }

    async fn newest_account_no(&mut self) -> Result<i64, StoreError> {
        lists::newest_account_no(self).await
    }

    async fn list_holds(
        &mut self,
        account_no: i64,
        after: Option<(Timestamp, HoldId)>,
        limit: u32,
    ) -> Result<Vec<Hold>, StoreError> {
        lists::holds(self, account_no, after, limit).await
    }

    async fn place_by_reference(&mut self, reference: ReferenceId, after: i64, count: u32) -> Result<Option<i64>, StoreError> {
        lists::place_by_reference(self, reference, after, count).await
    }

    async fn list_by_reference(
        &mut self,
        reference: ReferenceId,
        owner: Option<OwnerId>,
        nos: RangeInclusive<i64>,
        limit: u32,
    ) -> Result<Vec<JournalLine>, StoreError> {
        lists::by_reference(self, reference, owner, nos, limit).await
    }

    async fn list_transfers(&mut self, nos: RangeInclusive<i64>, period: Period) -> Result<Vec<JournalLine>, StoreError> {
        lists::transfers(self, nos, period).await
    }

    async fn journal_lines(&mut self, ids: &[TransferId]) -> Result<Vec<JournalLine>, StoreError> {
        lists::transfers_by_id(self, ids).await
    }
}
