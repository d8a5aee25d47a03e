//! Writing what a plan has decided: new figures of accounts, new transfers, holds that begin and end.
//!
//! What a transaction waits for on PostgreSQL is round trips. There the figures and the transfers are one statement, and what
//! becomes of holds is sent with it.

use diesel::{
    ExpressionMethods, QueryDsl, QueryResult,
    dsl::max,
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};
use diesel_async::AsyncPgConnection;
use futures_util::future::try_join3;
use rialto_kernel::Timestamp;
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    columns::{balanced_to_columns, metadata_to_column},
    holds,
    places::{self, Completed},
    schema::{ledger_accounts_on_sqlite as a, ledger_transfers as t},
};
use crate::{
    model::{Account, ReferenceId, Transfer, TransferId},
    store::Changes,
};

/// What PostgreSQL calls the rule that no id is used twice.
const ID_KEY: &str = "ledger_transfers_id_key";

statement! {
    /// Writes the figures of one account.
    struct UpdateOne {
        no: i64 => BigInt,
        balance: i64 => BigInt,
        held_out: i64 => BigInt,
        held_in: i64 => BigInt,
        entry_count: i64 => BigInt,
        updated_at: Timestamp => UtcTime,
        lines: String => Text,
        paged: i64 => BigInt,
    }
    rows: ();
    sqlite: "UPDATE ledger_accounts SET balance = ?2, held_out = ?3, held_in = ?4, entry_count = ?5, updated_at = ?6,
            recent = substr(recent || ?7, ?8 + 1)
        WHERE no = ?1";
}

statement! {
    /// Writes where sixteen entries of an account are.
    struct InsertPage { account_no: i64 => BigInt, page: i64 => BigInt, lines: String => Text }
    rows: ();
    sqlite: "INSERT INTO ledger_pages (account_no, page, lines) VALUES (?1, ?2, ?3)";
}

statement! {
    /// Inserts one transfer, unless its id is taken.
    struct InsertOne {
        no: i64 => BigInt,
        id: TransferId => Uid,
        amount: i64 => BigInt,
        debit_no: i64 => BigInt,
        debit_seq: i64 => BigInt,
        debit_balance: i64 => BigInt,
        credit_no: i64 => BigInt,
        credit_seq: i64 => BigInt,
        credit_balance: i64 => BigInt,
        reference_id: Option<ReferenceId> => Nullable<Uid>,
        reverses: Option<TransferId> => Nullable<Uid>,
        created_at: Timestamp => UtcTime,
        kind: i32 => Integer,
        memo: Option<String> => Nullable<Text>,
        effective_at: Option<Timestamp> => Nullable<UtcTime>,
        at_most: Option<i64> => Nullable<BigInt>,
        balancing: Option<i16> => Nullable<SmallInt>,
        metadata: Option<Json> => Nullable<JsonDoc>,
    }
    rows: ();
    sqlite: "INSERT INTO ledger_transfers (no, id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance,
        reference_id, reverses, created_at, kind, memo, effective_at, at_most, balancing, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
        ON CONFLICT (id) DO NOTHING";
}

statement! {
    /// Writes the figures of several accounts.
    struct UpdateMany {
        no: Vec<i64> => Array<BigInt>,
        balance: Vec<i64> => Array<BigInt>,
        held_out: Vec<i64> => Array<BigInt>,
        held_in: Vec<i64> => Array<BigInt>,
        entry_count: Vec<i64> => Array<BigInt>,
        updated_at: Vec<Timestamp> => Array<UtcTime>,
    }
    rows: ();
    postgres: "UPDATE ledger_accounts AS a SET balance = n.balance, held_out = n.held_out, held_in = n.held_in,
            entry_count = n.entry_count, updated_at = n.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6) AS n (no, balance, held_out, held_in, entry_count, updated_at)
        WHERE a.no = n.no";
}

statement! {
    /// Inserts several transfers in their order, and writes the figures of their accounts. It fails when an id is taken.
    struct EnterMany {
        no: Vec<i64> => Array<BigInt>,
        balance: Vec<i64> => Array<BigInt>,
        held_out: Vec<i64> => Array<BigInt>,
        held_in: Vec<i64> => Array<BigInt>,
        entry_count: Vec<i64> => Array<BigInt>,
        updated_at: Vec<Timestamp> => Array<UtcTime>,
        id: Vec<TransferId> => Array<Uid>,
        amount: Vec<i64> => Array<BigInt>,
        debit_no: Vec<i64> => Array<BigInt>,
        debit_seq: Vec<i64> => Array<BigInt>,
        debit_balance: Vec<i64> => Array<BigInt>,
        credit_no: Vec<i64> => Array<BigInt>,
        credit_seq: Vec<i64> => Array<BigInt>,
        credit_balance: Vec<i64> => Array<BigInt>,
        reference_id: Vec<Option<ReferenceId>> => Array<Nullable<Uid>>,
        reverses: Vec<Option<TransferId>> => Array<Nullable<Uid>>,
        created_at: Vec<Timestamp> => Array<UtcTime>,
        kind: Vec<i32> => Array<Integer>,
        memo: Vec<Option<String>> => Array<Nullable<Text>>,
        effective_at: Vec<Option<Timestamp>> => Array<Nullable<UtcTime>>,
        at_most: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        balancing: Vec<Option<i16>> => Array<Nullable<SmallInt>>,
        metadata: Vec<Option<Json>> => Array<Nullable<JsonDoc>>,
    }
    rows: ();
    postgres: "WITH entered AS (
            INSERT INTO ledger_transfers (id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance,
                reference_id, reverses, created_at, kind, memo, effective_at, at_most, balancing, metadata)
            SELECT * FROM unnest($7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
        )
        UPDATE ledger_accounts AS a SET balance = n.balance, held_out = n.held_out, held_in = n.held_in,
            entry_count = n.entry_count, updated_at = n.updated_at
        FROM unnest($1, $2, $3, $4, $5, $6) AS n (no, balance, held_out, held_in, entry_count, updated_at)
        WHERE a.no = n.no";
}

impl UpdateOne {
    /// `lines` are those of the account's new entries, `paged` the bytes that have become pages.
    fn new(account: &Account, lines: String, paged: i64) -> Self {
        Self {
            lines,
            paged,
            no: account.no,
            balance: account.balance,
            held_out: account.held_out.get(),
            held_in: account.held_in.get(),
            entry_count: account.entry_count,
            updated_at: account.updated_at,
        }
    }
}

impl InsertOne {
    fn new(transfer: &Transfer, no: i64) -> Self {
        let (at_most, balancing) = balanced_to_columns(transfer.balanced);
        Self {
            no,
            id: transfer.id,
            amount: transfer.amount.get(),
            debit_no: transfer.debit.account_no,
            debit_seq: transfer.debit.seq,
            debit_balance: transfer.debit.balance,
            credit_no: transfer.credit.account_no,
            credit_seq: transfer.credit.seq,
            credit_balance: transfer.credit.balance,
            reference_id: transfer.reference,
            reverses: transfer.reverses,
            created_at: transfer.created_at,
            kind: transfer.kind.0,
            memo: transfer.memo.clone(),
            effective_at: transfer.effective_at,
            at_most,
            balancing,
            metadata: metadata_to_column(&transfer.metadata),
        }
    }
}

/// One column of all rows.
pub(super) fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

impl From<&[Account]> for UpdateMany {
    fn from(accounts: &[Account]) -> Self {
        Self {
            no: column(accounts, |account| account.no),
            balance: column(accounts, |account| account.balance),
            held_out: column(accounts, |account| account.held_out.get()),
            held_in: column(accounts, |account| account.held_in.get()),
            entry_count: column(accounts, |account| account.entry_count),
            updated_at: column(accounts, |account| account.updated_at),
        }
    }
}

impl EnterMany {
    fn new(accounts: &[Account], transfers: &[Transfer]) -> Self {
        let UpdateMany { no, balance, held_out, held_in, entry_count, updated_at } = accounts.into();
        Self {
            no,
            balance,
            held_out,
            held_in,
            entry_count,
            updated_at,
            id: column(transfers, |transfer| transfer.id),
            amount: column(transfers, |transfer| transfer.amount.get()),
            debit_no: column(transfers, |transfer| transfer.debit.account_no),
            debit_seq: column(transfers, |transfer| transfer.debit.seq),
            debit_balance: column(transfers, |transfer| transfer.debit.balance),
            credit_no: column(transfers, |transfer| transfer.credit.account_no),
            credit_seq: column(transfers, |transfer| transfer.credit.seq),
            credit_balance: column(transfers, |transfer| transfer.credit.balance),
            reference_id: column(transfers, |transfer| transfer.reference),
            reverses: column(transfers, |transfer| transfer.reverses),
            created_at: column(transfers, |transfer| transfer.created_at),
            kind: column(transfers, |transfer| transfer.kind.0),
            memo: column(transfers, |transfer| transfer.memo.clone()),
            effective_at: column(transfers, |transfer| transfer.effective_at),
            at_most: column(transfers, |transfer| balanced_to_columns(transfer.balanced).0),
            balancing: column(transfers, |transfer| balanced_to_columns(transfer.balanced).1),
            metadata: column(transfers, |transfer| metadata_to_column(&transfer.metadata)),
        }
    }
}

/// How many rows were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    accounts: usize,
    transfers: usize,
    opened: usize,
    resolved: usize,
}

/// Writes `changes`, transfers before holds: a posted hold refers to its transfer.
pub(super) async fn apply(tx: &mut Tx, changes: &Changes) -> Result<(), StoreError> {
    let Changes { accounts, transfers, opened, resolved } = changes;
    let opened = holds::new_rows(opened, accounts)?;
    let written = on!(tx,
    sqlite conn => {
        let mut written = Written { accounts: 0, transfers: 0, opened: 0, resolved: 0 };
        // The writer has the file to itself, so the next number is known.
        let last: Option<i64> = t::table.select(max(t::no)).get_result(conn).await?;
        let first = last.unwrap_or(0) + 1;
        let mut entered = places::lines(transfers, first);
        // In the order in which the file has them: neighbours are written while their page is at hand.
        let mut accounts: Vec<&Account> = accounts.iter().collect();
        accounts.sort_unstable_by_key(|account| account.no);
        for account in accounts {
            let lines = entered.remove(&account.no).unwrap_or_default();
            let completed = Completed::by(account, &lines);
            if completed.pages > 0 {
                let recent: String = a::table.filter(a::no.eq(account.no)).select(a::recent).first(conn).await?;
                let pages = completed.split(&(recent + &lines));
                if i64::try_from(pages.len()) != Ok(completed.pages) {
                    return Err(StoreError::Corrupt(format!("account {} does not name its newest entries", account.no)));
                }
                for (page, lines) in pages {
                    InsertPage { account_no: account.no, page, lines }.execute(conn).await?;
                }
            }
            written.accounts += UpdateOne::new(account, lines, completed.bytes()).execute(conn).await?;
        }
        for (transfer, no) in transfers.iter().zip(first..) {
            written.transfers += InsertOne::new(transfer, no).execute(conn).await?;
        }
        for hold in opened {
            written.opened += hold.execute(conn).await?;
        }
        for hold in resolved {
            written.resolved += holds::ResolveOne::from(hold).execute(conn).await?;
        }
        Ok(written)
    },
    postgres conn => write(conn, changes, &opened).await)
    .map_err(known)?;
    check(written, changes)
}

/// [`apply`] on PostgreSQL, for who sends several statements before the first is answered.
pub(super) async fn apply_on(conn: &AsyncPgConnection, changes: &Changes) -> Result<(), StoreError> {
    let opened = holds::new_rows(&changes.opened, &changes.accounts)?;
    let written = write(conn, changes, &opened).await.map_err(|error| known(error.into()))?;
    check(written, changes)
}

async fn write(conn: &AsyncPgConnection, changes: &Changes, opened: &[holds::InsertOne]) -> QueryResult<Written> {
    use rialto_store::private::RunQueryDsl as _;

    let Changes { accounts, transfers, resolved, .. } = changes;
    let entered = async {
        if accounts.is_empty() {
            Ok(0)
        } else if transfers.is_empty() {
            UpdateMany::from(&accounts[..]).execute(&mut &*conn).await
        } else {
            EnterMany::new(accounts, transfers).execute(&mut &*conn).await
        }
    };
    let begun = async { if opened.is_empty() { Ok(0) } else { holds::InsertMany::from(opened).execute(&mut &*conn).await } };
    let ended =
        async { if resolved.is_empty() { Ok(0) } else { holds::ResolveMany::from(&resolved[..]).execute(&mut &*conn).await } };
    let done = try_join3(entered, begun, ended).await;
    done.map(|(accounts, opened, resolved)| Written { accounts, transfers: transfers.len(), opened, resolved })
}

fn known(error: StoreError) -> StoreError {
    match error {
        StoreError::Unique(name) if name == ID_KEY => taken(),
        other => other,
    }
}

fn check(written: Written, changes: &Changes) -> Result<(), StoreError> {
    if written.accounts != changes.accounts.len() || written.resolved != changes.resolved.len() {
        return Err(StoreError::Corrupt("an account or a hold that was locked has gone".into()));
    }
    // Fewer rows with new ids than there are: another transaction took an id since we looked.
    if (written.transfers, written.opened) == (changes.transfers.len(), changes.opened.len()) { Ok(()) } else { Err(taken()) }
}

fn taken() -> StoreError {
    StoreError::Again("an id was taken in the meantime".into())
}
