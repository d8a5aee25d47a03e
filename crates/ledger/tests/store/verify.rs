use rialto_kernel::Id;
use rialto_ledger::{
    hold,
    verify::{Wrong, verify},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};

use crate::support::{account, at, move_money, movement, new_hold};

/// Changes a row behind the ledger's back, as somebody with the database's password could.
async fn tamper(db: &Db, sql: &'static str) {
    db.write(async move |tx: &mut Tx| {
        if tx.is_postgres() {
            tx.batch("ALTER TABLE ledger_transfers DISABLE TRIGGER USER; ALTER TABLE ledger_holds DISABLE TRIGGER USER").await?;
        } else {
            tx.batch("DROP TRIGGER IF EXISTS ledger_transfers_no_update").await?;
            tx.batch("DROP TRIGGER IF EXISTS ledger_transfers_no_delete").await?;
            tx.batch("DROP TRIGGER IF EXISTS ledger_holds_no_delete").await?;
        }
        tx.batch(sql).await
    })
    .await
    .unwrap();
}

async fn what_was_changed_behind_its_back_is_named(test: &TestDb) {
    let (a, b) = (account(&test.db, 1_000).await, account(&test.db, 0).await);
    for n in 1..=10 {
        move_money(&test.db, movement(Id::new(), a, b, n)).await.unwrap();
    }
    let new = new_hold(a, b, 5, None);
    test.db.write(async move |tx: &mut Tx| hold(tx, new.clone(), at(1)).await).await.unwrap();
    let check = async || verify(&test.db, |_| {}).await.unwrap();
    let report = check().await;
    assert_eq!((report.transfers, report.wrong), (11, None));
    assert!(report.accounts >= 14);
    let seen = std::sync::Mutex::new(Vec::new());
    verify(&test.db, |progress| seen.lock().unwrap().push(progress)).await.unwrap();
    assert!(seen.lock().unwrap().iter().any(|progress| progress.transfers == 11 && progress.at == progress.last));

    tamper(&test.db, "UPDATE ledger_accounts SET held_out = 6 WHERE held_out = 5").await;
    assert!(matches!(check().await.wrong, Some(Wrong::Held { account, held: (6, 0), found: (5, 0) }) if account == a));
    tamper(&test.db, "UPDATE ledger_accounts SET held_out = 5 WHERE held_out = 6").await;

    tamper(&test.db, "UPDATE ledger_accounts SET balance = balance + 1 WHERE balance = 55").await;
    assert!(matches!(check().await.wrong, Some(Wrong::Balance { account, balance: 56, found: 55, .. }) if account == b));
    tamper(&test.db, "UPDATE ledger_accounts SET balance = balance - 1 WHERE balance = 56").await;
    assert_eq!(check().await.wrong, None);

    tamper(&test.db, "UPDATE ledger_transfers SET amount = 70 WHERE amount = 7").await;
    let wrong = check().await.wrong;
    assert!(matches!(wrong, Some(Wrong::Entry { account, seq: 8, expected: 909, found: 972, .. }) if account == a), "{wrong:?}");
    tamper(&test.db, "DELETE FROM ledger_transfers WHERE amount = 70").await;
    let wrong = check().await.wrong;
    assert!(matches!(wrong, Some(Wrong::Sequence { account, expected_after: 7, found: 9, .. }) if account == a), "{wrong:?}");
    // It is the point of this test that the books are wrong now; the check after each test wants them right.
    tamper(&test.db, "DELETE FROM ledger_holds").await;
    tamper(&test.db, "DELETE FROM ledger_transfers").await;
    let empty = if test.db.is_postgres() {
        "UPDATE ledger_accounts SET balance = 0, held_out = 0, held_in = 0, entry_count = 0"
    } else {
        "UPDATE ledger_accounts SET balance = 0, held_out = 0, held_in = 0, entry_count = 0, recent = ''"
    };
    tamper(&test.db, empty).await;
}

suite! { what_was_changed_behind_its_back_is_named }
