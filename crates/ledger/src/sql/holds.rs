//! Rows of `ledger_holds`.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::Timestamp;
use rialto_store::{StoreError, Tx, on};

use super::{amount, schema::ledger_holds as h, taken, transfers::account_ids};
use crate::model::{Account, Hold, HoldId, HoldState, Kind, NewHold, ReferenceId, TransferId};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = h)]
struct HoldRow {
    id: HoldId,
    debit_no: i64,
    credit_no: i64,
    amount: i64,
    kind: i32,
    reference_id: Option<ReferenceId>,
    memo: Option<String>,
    state: String,
    posted_amount: Option<i64>,
    transfer_id: Option<TransferId>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    resolved_at: Option<Timestamp>,
}

/// How a state looks in its columns.
const fn columns(state: HoldState) -> (&'static str, Option<i64>, Option<TransferId>) {
    match state {
        HoldState::Posted { transfer, amount } => (state.as_str(), Some(amount.get()), Some(transfer)),
        _ => (state.as_str(), None, None),
    }
}

async fn models(tx: &mut Tx, rows: Vec<HoldRow>) -> Result<Vec<Hold>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = account_ids(tx, rows.iter().flat_map(|row| [row.debit_no, row.credit_no]).collect()).await?;
    let model = |row: HoldRow| {
        let odd = || StoreError::Corrupt(format!("hold {} is {}", row.id, row.state));
        let state = match (row.state.as_str(), row.transfer_id, row.posted_amount) {
            ("pending", None, None) => HoldState::Pending,
            ("posted", Some(transfer), Some(posted)) => HoldState::Posted { transfer, amount: amount(posted)? },
            ("voided", None, None) => HoldState::Voided,
            ("expired", None, None) => HoldState::Expired,
            _ => return Err(odd()),
        };
        let (debit, credit) = ids.get(&row.debit_no).zip(ids.get(&row.credit_no)).ok_or_else(odd)?;
        let terms = NewHold {
            id: row.id,
            debit: *debit,
            credit: *credit,
            amount: amount(row.amount)?,
            kind: Kind(row.kind),
            reference: row.reference_id,
            memo: row.memo,
            expires_at: row.expires_at,
        };
        Ok(Hold { terms, state, created_at: row.created_at, resolved_at: row.resolved_at })
    };
    rows.into_iter().map(model).collect()
}

pub(super) async fn find(tx: &mut Tx, id: HoldId) -> Result<Option<Hold>, StoreError> {
    let row: Option<HoldRow> = on!(tx, conn => h::table.find(id).select(HoldRow::as_select()).first(conn).await.optional())?;
    Ok(models(tx, row.into_iter().collect()).await?.pop())
}

pub(super) async fn lock(tx: &mut Tx, ids: &[HoldId]) -> Result<Vec<Hold>, StoreError> {
    let rows = on!(tx,
    sqlite conn => {
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let row: Option<HoldRow> = h::table.find(id).select(HoldRow::as_select()).first(conn).await.optional()?;
            rows.extend(row);
        }
        Ok(rows)
    },
    postgres conn => {
        h::table.filter(h::id.eq_any(ids)).order(h::id).for_update().select(HoldRow::as_select()).load(conn).await
    })?;
    models(tx, rows).await
}

pub(super) async fn lock_due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
    // The literal, not a parameter, lets both databases see that the partial index will do.
    let pending = || diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'pending'");
    let rows: Vec<HoldRow> = on!(tx,
    sqlite conn => {
        h::table
            .filter(pending().and(h::expires_at.le(now)))
            .order(h::expires_at)
            .limit(limit.into())
            .select(HoldRow::as_select())
            .load(conn)
            .await
    },
    postgres conn => {
        h::table
            .filter(pending().and(h::expires_at.le(now)))
            .order(h::expires_at)
            .limit(limit.into())
            .for_update()
            .skip_locked()
            .select(HoldRow::as_select())
            .load(conn)
            .await
    })?;
    models(tx, rows).await
}

/// Inserts a hold whose accounts are among those that the same change has touched.
pub(super) async fn insert(tx: &mut Tx, hold: &Hold, accounts: &[Account]) -> Result<(), StoreError> {
    let terms = &hold.terms;
    let no = |id| accounts.iter().find(|account| account.id == id).map(|account| account.no);
    let (debit_no, credit_no) = no(terms.debit)
        .zip(no(terms.credit))
        .ok_or_else(|| StoreError::Corrupt(format!("hold {} between accounts that it does not touch", terms.id)))?;
    let (state, posted_amount, transfer_id) = columns(hold.state);
    let row = HoldRow {
        id: terms.id,
        debit_no,
        credit_no,
        amount: terms.amount.get(),
        kind: terms.kind.0,
        reference_id: terms.reference,
        memo: terms.memo.clone(),
        state: state.to_owned(),
        posted_amount,
        transfer_id,
        expires_at: terms.expires_at,
        created_at: hold.created_at,
        resolved_at: hold.resolved_at,
    };
    let inserted =
        on!(tx, conn => diesel::insert_into(h::table).values(&row).on_conflict(h::id).do_nothing().execute(conn).await)?;
    if inserted == 1 { Ok(()) } else { Err(taken(terms.id)) }
}

/// Writes how a hold ended that this transaction has locked.
pub(super) async fn resolve(tx: &mut Tx, hold: &Hold) -> Result<(), StoreError> {
    let (state, posted_amount, transfer_id) = columns(hold.state);
    let changes = (
        h::state.eq(state),
        h::posted_amount.eq(posted_amount),
        h::transfer_id.eq(transfer_id),
        h::resolved_at.eq(hold.resolved_at),
    );
    let updated = on!(tx, conn => diesel::update(h::table.find(hold.terms.id)).set(changes).execute(conn).await)?;
    if updated == 1 { Ok(()) } else { Err(StoreError::Corrupt(format!("hold {} has gone", hold.terms.id))) }
}
