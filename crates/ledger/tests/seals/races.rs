//! Seals and verifying beside those who write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rialto_kernel::{Asset, Clock, OwnerId};
use rialto_ledger::{
    Code, Ledger, LedgerError, NewAccount, open_account,
    seal::{Sealer, seal_all},
    transfer,
    verify::verify,
    wallet::open_user_wallet,
};
use rialto_store::{
    StoreError, Tx, suite,
    testing::{Kind, TestDb},
};
use tokio::sync::Notify;

use crate::{amount, at, clock, issuance, moved, open, rich, seal, verified};

/// A transfer that took its number before another one, and is committed (or not) after it.
async fn late(test: &TestDb, commits: bool) {
    let ledger = Ledger::new(test.db.clone(), clock());
    let (a, b) = (open(&ledger).await, open(&ledger).await);
    moved(&ledger, rich(issuance(), a, 1_000)).await;
    let (written, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = test.db.write({
        let (written, go) = (Arc::clone(&written), Arc::clone(&go));
        async move |tx: &mut Tx| {
            transfer(tx, rich(a, b, 5), at(11)).await?;
            written.notify_one();
            go.notified().await;
            if commits { Ok(()) } else { Err(LedgerError::AmountZero) }
        }
    });
    let slow = tokio::spawn(slow);
    written.notified().await;
    // Between other accounts, since those of the first are locked.
    let new = NewAccount { overdraft: rialto_ledger::Overdraft::Unlimited, ..NewAccount::new(Asset::CREDIT, Code::new("other")) };
    let (source, sink) = (ledger.open_account(new).await.unwrap().id, open(&ledger).await);
    moved(&ledger, rich(source, sink, 9)).await;
    let mut sealer = Sealer::default();
    let held_up = sealer.run(ledger.books(), ledger.clock()).await.unwrap();
    assert_eq!((held_up.held_up, held_up.seals), (true, 0));
    let meanwhile = verified(&ledger).await;
    assert_eq!((meanwhile.transfers, meanwhile.wrong), (2, None));
    go.notify_one();
    assert_eq!(slow.await.unwrap().is_ok(), commits);
    // What was committed since is not waited for: it is for the next run.
    let done = sealer.run(ledger.books(), ledger.clock()).await.unwrap();
    let expected = if commits { 3 } else { 2 };
    assert_eq!((done.held_up, done.seals, done.transfers), (false, 1, expected));
    let report = verified(&ledger).await;
    assert_eq!((report.sealed, report.wrong), (expected.unsigned_abs(), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_waits_for_who_may_still_write_below() {
    for commits in [true, false] {
        let Some(test) = TestDb::open(Kind::Postgres).await else { return };
        late(&test, commits).await;
        test.check().await;
    }
}

/// Money moves, accounts are opened, seals are made by two, and the books are verified again and again.
async fn nothing_is_wrong_while_money_moves(test: &TestDb) {
    let ledger = Ledger::new(test.db.clone(), clock());
    let accounts = [open(&ledger).await, open(&ledger).await, open(&ledger).await];
    for account in accounts {
        moved(&ledger, rich(issuance(), account, 1_000_000)).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let movers: Vec<_> = (0..2_usize)
        .map(|number| {
            let (ledger, over) = (ledger.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut moves = 0_usize;
                while !over.load(Ordering::Relaxed) {
                    let (from, to) = (accounts[(moves + number) % 3], accounts[(moves + number + 1) % 3]);
                    moved(&ledger, rich(from, to, 1)).await;
                    if moves % 5 == number {
                        // A transfer whose account nobody knew before, held open for a while.
                        let greet = async move |tx: &mut Tx| {
                            let wallet = open_user_wallet(tx, OwnerId::new(), amount(5), at(20)).await;
                            if tx.is_postgres() {
                                tokio::time::sleep(Duration::from_millis(3)).await;
                            }
                            wallet
                        };
                        ledger.books().write(greet).await.unwrap();
                    }
                    moves += 1;
                }
                moves
            })
        })
        .collect();
    let sealers: Vec<_> = (0..2_i64)
        .map(|number| {
            let (db, over) = (test.db.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut sealer, clock) = (Sealer::default(), Clock::fixed(at(100 + number)));
                while !over.load(Ordering::Relaxed) {
                    sealer.run(&db, &clock).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
        })
        .collect();
    let begun = std::time::Instant::now();
    let mut verified_times = 0;
    while begun.elapsed() < Duration::from_secs(10) {
        let report = verify(&test.db, |_| {}).await.unwrap();
        assert_eq!((report.wrong, report.also), (None, None), "after {verified_times} times");
        verified_times += 1;
    }
    over.store(true, Ordering::Relaxed);
    let mut moves = 0;
    for mover in movers {
        moves += mover.await.unwrap();
    }
    for sealer in sealers {
        sealer.await.unwrap();
    }
    seal(&ledger).await;
    let report = verified(&ledger).await;
    assert!(moves > 20 && verified_times > 2 && report.sealed == report.transfers, "{moves} {verified_times} {report:?}");
    assert_eq!(report.wrong, None);
}

/// Two that make the same seals at once, with different clocks, so that theirs are different.
async fn two_sealers_make_one_chain(test: &TestDb) {
    let ledger = Ledger::new(test.db.clone(), clock());
    let (a, b) = (open(&ledger).await, open(&ledger).await);
    moved(&ledger, rich(issuance(), a, 100_000)).await;
    let mut sealed = (0, 0);
    for round in 0..10 {
        for n in 1..=7 {
            moved(&ledger, rich(a, b, n)).await;
        }
        let one = |seconds| {
            let db = test.db.clone();
            tokio::spawn(async move { seal_all(&db, &Clock::fixed(at(seconds))).await.unwrap() })
        };
        let (first, second) = (one(1_000 + round), one(2_000 + round));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first.seals + second.seals, 1, "{first:?} {second:?}");
        assert_eq!(first.head, second.head);
        sealed = (sealed.0 + first.seals + second.seals, sealed.1 + first.transfers + second.transfers);
    }
    let report = verified(&ledger).await;
    assert_eq!((sealed, report.sealed, report.wrong), ((10, 71), 71, None));
    assert_eq!(report.head.unwrap().no, 10);
}

/// Numbers whose transactions were undone.
async fn gaps_are_normal(test: &TestDb) {
    let ledger = Ledger::new(test.db.clone(), clock());
    let (a, b) = (open(&ledger).await, open(&ledger).await);
    moved(&ledger, rich(issuance(), a, 1_000)).await;
    for n in 2..=6 {
        let undone = test.db.write(async move |tx: &mut Tx| {
            open_account(tx, NewAccount::new(Asset::CREDIT, Code::new("never")), at(10)).await?;
            transfer(tx, rich(a, b, 1), at(10)).await?;
            Err::<(), _>(LedgerError::Store(StoreError::Corrupt("on purpose".into())))
        });
        assert!(undone.await.is_err());
        moved(&ledger, rich(a, b, n)).await;
    }
    assert_eq!(seal(&ledger).await.transfers, 6);
    let report = verified(&ledger).await;
    assert_eq!((report.sealed, report.wrong), (6, None));
}

suite! {
    nothing_is_wrong_while_money_moves,
    two_sealers_make_one_chain,
    gaps_are_normal,
}
