//! Writing what a plan has decided: new figures of accounts, and new transfers.
//!
//! On PostgreSQL both are one statement, because what a batch waits for there is round trips.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text};
use diesel_async::AsyncPgConnection;
use rialto_kernel::Timestamp;
use rialto_store::{
    SqliteLink, StoreError,
    private::{RunQueryDsl, SqliteQueryDsl},
    statement,
    types::{Json, JsonDoc, Uid, UtcTime},
};

use super::{
    all_inserted,
    columns::{balanced_to_columns, metadata_to_column},
};
use crate::model::{Account, ReferenceId, Transfer, TransferId};

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
    }
    rows: ();
    sqlite: "UPDATE ledger_accounts SET balance = ?2, held_out = ?3, held_in = ?4, entry_count = ?5, updated_at = ?6
        WHERE no = ?1";
}

statement! {
    /// Inserts one transfer, unless its id is taken.
    struct InsertOne {
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
    sqlite: "INSERT INTO ledger_transfers (id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance,
        reference_id, reverses, created_at, kind, memo, effective_at, at_most, balancing, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
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

impl From<&Account> for UpdateOne {
    fn from(account: &Account) -> Self {
        Self {
            no: account.no,
            balance: account.balance,
            held_out: account.held_out.get(),
            held_in: account.held_in.get(),
            entry_count: account.entry_count,
            updated_at: account.updated_at,
        }
    }
}

impl From<&Transfer> for InsertOne {
    fn from(transfer: &Transfer) -> Self {
        let (at_most, balancing) = balanced_to_columns(transfer.balanced);
        Self {
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
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
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

/// Writes the figures of accounts that this transaction has locked, and enters transfers between them, on SQLite.
pub(super) async fn enter_each(conn: &mut SqliteLink, accounts: &[Account], transfers: &[Transfer]) -> Result<(), StoreError> {
    let (mut updated, mut inserted) = (0, 0);
    for account in accounts {
        updated += SqliteQueryDsl::execute(UpdateOne::from(account), conn).await?;
    }
    for transfer in transfers {
        inserted += SqliteQueryDsl::execute(InsertOne::from(transfer), conn).await?;
    }
    all_updated(updated, accounts.len())?;
    all_inserted(inserted, transfers.len())
}

/// The same on PostgreSQL.
pub(super) async fn enter_all(
    mut conn: &AsyncPgConnection,
    accounts: &[Account],
    transfers: &[Transfer],
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let updated = if transfers.is_empty() {
        RunQueryDsl::execute(UpdateMany::from(accounts), &mut conn).await
    } else {
        RunQueryDsl::execute(EnterMany::new(accounts, transfers), &mut conn).await
    };
    let updated = updated.map_err(|error| match error.into() {
        StoreError::Unique(name) if name == ID_KEY => StoreError::Again("an id was taken in the meantime".into()),
        other => other,
    })?;
    all_updated(updated, accounts.len())
}

fn all_updated(updated: usize, accounts: usize) -> Result<(), StoreError> {
    if updated == accounts { Ok(()) } else { Err(StoreError::Corrupt("an account that was locked has gone".into())) }
}
