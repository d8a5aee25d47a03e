//! On SQLite the entries of an account are found by pages. A ledger from before there were pages gets them, and goes on.

use rialto_kernel::{AccountId, Id};
use rialto_ledger::{
    Entry, LedgerError, LedgerStore,
    history::HistoryStore,
    transfer,
    wallet::{Total, WalletStore},
};
use rialto_store::{
    Db, Tx,
    testing::{Kind, TestDb},
};

use crate::common::{account, at, balance, check, movement, read};

const UP: &str = include_str!("../../../../migrations/sqlite/0018_ledger_pages/up.sql");
const DOWN: &str = include_str!("../../../../migrations/sqlite/0018_ledger_pages/down.sql");

/// Moves money among three accounts, also from one to itself: 1 a second, in transactions of several.
async fn happen(db: &Db, accounts: [AccountId; 3], seconds: std::ops::Range<i64>) {
    let among = async move |tx: &mut Tx| {
        for second in seconds.clone() {
            let place = |number: i64| accounts[usize::try_from(number % 3).unwrap()];
            transfer(tx, movement(Id::new(), place(second), place(second * second / 2), 1 + second % 5), at(second)).await?;
        }
        Ok::<_, LedgerError>(())
    };
    db.write(among).await.unwrap();
}

/// All that is read of an account along its entries.
#[derive(Debug, PartialEq)]
struct Seen {
    entries: Vec<Entry>,
    some: Vec<Entry>,
    balances: Vec<i128>,
    totals: Vec<Total>,
}

async fn seen(db: &Db, id: AccountId) -> Seen {
    let account = read(db, id).await;
    let look = async move |tx: &mut Tx| {
        let mut balances = Vec::new();
        for second in 0..200 {
            balances.push(tx.posted_at(account.no, at(second)).await?);
        }
        let mut totals = tx.totals(account.no).await?;
        totals.sort_unstable_by_key(|total| (total.side == rialto_ledger::Side::Debit, total.kind.0));
        let entries = tx.list_entries(account.no, 1..=account.entry_count).await?;
        let some = tx.list_entries(account.no, -5..=7).await?;
        Ok::<_, LedgerError>(Seen { entries, some, balances, totals })
    };
    let seen = db.read(look).await.unwrap();
    assert_eq!(seen.entries.len(), usize::try_from(account.entry_count).unwrap());
    assert_eq!(seen.some, seen.entries[seen.entries.len() - 7..]);
    let at_last = (seen.entries[0].balance, *seen.balances.last().unwrap());
    assert_eq!(at_last, (account.balance, account.balance.into()));
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_from_before_there_were_pages_gets_them_and_goes_on() {
    let test = TestDb::open(Kind::Sqlite).await.unwrap();
    let db = &test.db;
    let accounts = [account(db, 1_000).await, account(db, 1_000).await, account(db, 1_000).await];
    // 17 entries and more: some of them on pages, some not, and more than a page at once.
    happen(db, accounts, 2..30).await;
    happen(db, accounts, 30..31).await;
    happen(db, accounts, 31..120).await;
    let mut before = Vec::new();
    for id in accounts {
        before.push(seen(db, id).await);
    }
    db.write(async |tx: &mut Tx| tx.batch(&format!("{DOWN} {UP}")).await).await.unwrap();
    check(db).await;
    for (id, before) in accounts.into_iter().zip(&before) {
        assert_eq!(seen(db, id).await, *before);
    }
    happen(db, accounts, 120..170).await;
    check(db).await;
    for id in accounts {
        assert_eq!(seen(db, id).await.entries[0].balance, balance(db, id).await);
    }
    test.check().await;
}
