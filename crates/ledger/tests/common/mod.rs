//! One list of tests for all three stores, and what such tests share.

use rialto_kernel::{AccountId, Amount, Asset, Id, Timestamp};
use rialto_ledger::{
    Account, Books, Code, House, LedgerError, LedgerStore, NewAccount, NewHold, NewTransfer, Posted, TransferId, open_account,
    seal::SealStore,
    transfer,
    verify::{AuditStore, verify},
};

/// Runs each named `async fn(&impl Books)` in memory, on SQLite and on PostgreSQL, and checks the books after each.
macro_rules! on_all_books {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let books = rialto_ledger::memory::Memory::new();
                super::$test(&books).await;
                crate::common::check(&books).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(test) = rialto_store::testing::TestDb::open(rialto_store::testing::Kind::Sqlite).await {
                    super::$test(&test.db).await;
                    crate::common::check(&test.db).await;
                    test.check().await;
                }
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(test) = rialto_store::testing::TestDb::open(rialto_store::testing::Kind::Postgres).await {
                    super::$test(&test.db).await;
                    crate::common::check(&test.db).await;
                    test.check().await;
                }
            })*
        }
    };
}

/// Checks that the books are right, as the ledger itself does it.
pub async fn check<B: Books>(books: &B)
where
    B::Tx: AuditStore + SealStore,
{
    assert_eq!(verify(books, |_| {}).await.unwrap().wrong, None);
}

/// A moment.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_000_000 + seconds * 1_000_000)
}

pub fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

pub fn movement(id: TransferId, debit: AccountId, credit: AccountId, minor_units: i64) -> NewTransfer {
    NewTransfer::new(id, debit, credit, amount(minor_units))
}

pub fn new_hold(debit: AccountId, credit: AccountId, minor_units: i64, expires_at: Option<Timestamp>) -> NewHold {
    NewHold {
        reference: Some(Id::new()),
        memo: Some("a hold".into()),
        expires_at,
        ..NewHold::new(Id::new(), debit, credit, amount(minor_units))
    }
}

/// Opens `new`, and fills it from the house.
pub async fn open(books: &impl Books, new: NewAccount, minor_units: i64) -> AccountId {
    let id = new.id;
    let opened = books.write(async move |tx| {
        open_account(tx, new.clone(), at(0)).await?;
        if minor_units > 0 {
            transfer(tx, movement(Id::new(), House::Issuance.account(new.asset), id, minor_units), at(0)).await?;
        }
        Ok::<_, LedgerError>(())
    });
    opened.await.unwrap();
    id
}

/// Opens an account that may not go below zero, and fills it.
pub async fn account(books: &impl Books, minor_units: i64) -> AccountId {
    open(books, NewAccount::new(Asset::CREDIT, Code::new("till")), minor_units).await
}

pub async fn move_money(books: &impl Books, new: NewTransfer) -> Result<Posted, LedgerError> {
    books.write(async move |tx| transfer(tx, new.clone(), at(1)).await).await
}

pub async fn read(books: &impl Books, id: AccountId) -> Account {
    books.read(async move |tx| tx.find_account(id).await).await.unwrap().unwrap()
}

pub async fn balance(books: &impl Books, id: AccountId) -> i64 {
    read(books, id).await.balance
}
