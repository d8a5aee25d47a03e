//! Accounts, holds, and the journal.

use std::{collections::HashMap, ops::RangeInclusive};

use diesel::{
    BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
    dsl::{max, sql},
    sql_types::{BigInt, Bool},
};
use rialto_kernel::{AccountId, Asset, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Uid};

use super::super::{
    accounts::{AccountRow, models},
    holds::{self, HoldRow},
    schema::{ledger_accounts as a, ledger_holds as h, ledger_transfers as t},
    transfers::{TransferRow, model},
};
use crate::{
    history::{AccountFilter, JournalLine, Period},
    model::{Account, Hold, HoldId, ReferenceId, TransferId},
};

pub(super) async fn accounts(
    tx: &mut Tx,
    filter: &AccountFilter,
    nos: RangeInclusive<i64>,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = on!(tx, conn => {
        let mut query = a::table.into_boxed();
        query = match filter.owner {
            None => query.filter(a::no.between(nos.start(), nos.end())).order(a::no),
            // The owner's own index, not that of the numbers: its owner may have few accounts among millions.
            Some(owner) => query
                .filter(a::owner_id.eq(owner))
                .filter(sql::<Bool>("no + 0 BETWEEN ").bind::<BigInt, _>(nos.start()).sql(" AND ").bind::<BigInt, _>(nos.end()))
                .order(sql::<BigInt>("no + 0")),
        };
        if let Some(asset) = filter.asset {
            query = query.filter(a::asset.eq(asset.code().to_owned()));
        }
        if let Some(code) = &filter.code {
            query = query.filter(a::code.eq(code.as_str().to_owned()));
        }
        if let Some(state) = filter.state {
            query = query.filter(a::state.eq(state.as_str()));
        }
        query.limit(limit.into()).select(AccountRow::as_select()).load(conn).await
    })?;
    models(rows)
}

pub(super) async fn newest_account_no(tx: &mut Tx) -> Result<i64, StoreError> {
    let newest: Option<i64> = on!(tx, conn => a::table.select(max(a::no)).get_result(conn).await)?;
    Ok(newest.unwrap_or(0))
}

/// One side of the holds. The first condition on the time is for the index, the second for what has the same time.
macro_rules! side {
    ($conn:ident, $account_no:ident, $after:ident, $limit:ident, $no:ident) => {{
        let mut query = h::table.filter(h::$no.eq($account_no)).into_boxed();
        if let Some((at, id)) = $after {
            query = query.filter(h::created_at.le(at)).filter(h::created_at.lt(at).or(h::id.lt(id)));
        }
        query.order((h::created_at.desc(), h::id.desc())).limit($limit.into()).select(HoldRow::as_select()).load($conn).await
    }};
}

pub(super) async fn holds(
    tx: &mut Tx,
    account_no: i64,
    after: Option<(Timestamp, HoldId)>,
    limit: u32,
) -> Result<Vec<Hold>, StoreError> {
    let mut rows: Vec<HoldRow> = on!(tx, conn => side!(conn, account_no, after, limit, debit_no))?;
    let credits: Vec<HoldRow> = on!(tx, conn => side!(conn, account_no, after, limit, credit_no))?;
    rows.extend(credits);
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.place()));
    // One between an account and itself is found twice.
    rows.dedup_by_key(|row| row.place());
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    holds::models(tx, rows).await
}

pub(super) async fn place_by_reference(
    tx: &mut Tx,
    reference: ReferenceId,
    after: i64,
    count: u32,
) -> Result<Option<i64>, StoreError> {
    on!(tx, conn => t::table
        .filter(t::reference_id.eq(reference)).filter(t::no.gt(after)).order(t::no)
        .offset(i64::from(count.max(1)) - 1).limit(1).select(t::no).first(conn).await.optional())
}

type Row = (i64, TransferRow);

pub(super) async fn by_reference(
    tx: &mut Tx,
    reference: ReferenceId,
    owner: Option<OwnerId>,
    nos: RangeInclusive<i64>,
    limit: u32,
) -> Result<Vec<JournalLine>, StoreError> {
    let rows: Vec<Row> = on!(tx, conn => {
        let places = t::no.between(nos.start(), nos.end());
        let mut query = t::table.filter(t::reference_id.eq(reference)).filter(places).into_boxed();
        if let Some(owner) = owner {
            // Two accounts are looked at for each transfer, however many the owner has.
            let touches_own = sql::<Bool>("(EXISTS (SELECT 1 FROM ledger_accounts AS a WHERE a.no = debit_no AND a.owner_id = ")
                .bind::<Uid, _>(owner)
                .sql(") OR EXISTS (SELECT 1 FROM ledger_accounts AS a WHERE a.no = credit_no AND a.owner_id = ")
                .bind::<Uid, _>(owner)
                .sql("))");
            query = query.filter(touches_own);
        }
        query.order(t::no).limit(limit.into()).select((t::no, TransferRow::as_select())).load(conn).await
    })?;
    journal(tx, rows).await
}

pub(super) async fn transfers(tx: &mut Tx, nos: RangeInclusive<i64>, period: Period) -> Result<Vec<JournalLine>, StoreError> {
    let rows: Vec<Row> = on!(tx, conn => t::table
        .filter(t::no.between(nos.start(), nos.end()))
        .filter(t::created_at.ge(period.from())).filter(t::created_at.lt(period.to()))
        .order(t::no).select((t::no, TransferRow::as_select())).load(conn).await)?;
    journal(tx, rows).await
}

pub(super) async fn transfers_by_id(tx: &mut Tx, ids: &[TransferId]) -> Result<Vec<JournalLine>, StoreError> {
    let rows: Vec<Row> = on!(tx,
        sqlite conn => {
            let mut rows = Vec::new();
            for id in ids {
                let row: Option<Row> = t::table
                    .filter(t::id.eq(id)).select((t::no, TransferRow::as_select())).first(conn).await.optional()?;
                rows.extend(row);
            }
            Ok(rows)
        },
        postgres conn => t::table.filter(t::id.eq_any(ids)).select((t::no, TransferRow::as_select())).load(conn).await)?;
    journal(tx, rows).await
}

/// What a journal says of an account.
type Head = (AccountId, String, Option<OwnerId>);

/// Puts to each transfer what it moved and between whom.
async fn journal(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<JournalLine>, StoreError> {
    let mut nos: Vec<i64> = rows.iter().flat_map(|(_, row)| row.account_nos()).collect();
    nos.sort_unstable();
    nos.dedup();
    let heads: HashMap<i64, Head> = heads(tx, nos).await?;
    let ids: HashMap<i64, AccountId> = heads.iter().map(|(no, (id, ..))| (*no, *id)).collect();
    let line = |(no, row): Row| {
        let [debit, credit] = row.account_nos().map(|no| heads.get(&no));
        let odd = || StoreError::Corrupt(format!("transfer {no} between accounts that are not there"));
        let ((_, asset, debit_owner), (.., credit_owner)) = debit.zip(credit).ok_or_else(odd)?;
        let asset = Asset::new(asset).ok_or_else(odd)?;
        Ok(JournalLine { no, asset, debit_owner: *debit_owner, credit_owner: *credit_owner, transfer: model(row, &ids)? })
    };
    rows.into_iter().map(line).collect()
}

async fn heads(tx: &mut Tx, nos: Vec<i64>) -> Result<HashMap<i64, Head>, StoreError> {
    type HeadRow = (i64, AccountId, String, Option<OwnerId>);
    let rows: Vec<HeadRow> = on!(tx,
    sqlite conn => {
        let mut rows = Vec::with_capacity(nos.len());
        for no in nos {
            let row: Option<HeadRow> =
                a::table.find(no).select((a::no, a::id, a::asset, a::owner_id)).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => {
        a::table.filter(a::no.eq_any(nos)).select((a::no, a::id, a::asset, a::owner_id)).load(conn).await
    })?;
    Ok(rows.into_iter().map(|(no, id, asset, owner)| (no, (id, asset, owner))).collect())
}
