//! Many at once, on the same accounts.

use std::sync::atomic::{AtomicUsize, Ordering};

use rialto_kernel::{AgentId, Id, OwnerId};
use rialto_ledger::{
    Books, HoldState, LedgerError, LedgerStore, expire_holds, hold, post, purchase, void,
    wallet::{Movement, NewWalletTransfer, Sandbox, WalletError, credit, debit, open_agent_wallet, open_user_wallet, transfer},
};
use rialto_store::{Tx, testing::TestDb};

use crate::{
    purchases::pending,
    support::{account, admin, all_at_once, amount, at, balance, move_money, movement, new_hold, read, user_wallet},
};

async fn twenty_debits_of_a_hundred_from_five_hundred_are_exactly_five(test: &TestDb) {
    let wallet = user_wallet(&test.db, OwnerId::new(), 500).await.id;
    let results = all_at_once(20, |_| {
        let db = test.db.clone();
        let taken = Movement { id: Id::new(), wallet, amount: amount(100), description: None };
        async move { db.write(async move |tx: &mut Tx| debit(tx, &admin(), taken.clone(), at(1)).await).await }
    })
    .await;
    let refused = |result: &Result<_, _>| matches!(result, Err(WalletError::Ledger(LedgerError::InsufficientFunds { .. })));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
    assert_eq!(results.iter().filter(|result| refused(result)).count(), 15);
    assert_eq!(balance(&test.db, wallet).await, 0);
}

async fn fifty_credits_of_one_are_fifty(test: &TestDb) {
    let wallet = user_wallet(&test.db, OwnerId::new(), 7).await.id;
    let results = all_at_once(50, |_| {
        let db = test.db.clone();
        let given = Movement { id: Id::new(), wallet, amount: amount(1), description: None };
        async move { db.write(async move |tx: &mut Tx| credit(tx, &admin(), Sandbox(false), given.clone(), at(1)).await).await }
    })
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(balance(&test.db, wallet).await, 57);
}

async fn opposite_transfers_neither_deadlock_nor_lose_a_credit(test: &TestDb) {
    let a = user_wallet(&test.db, OwnerId::new(), 500).await.id;
    let b = user_wallet(&test.db, OwnerId::new(), 500).await.id;
    let results = all_at_once(40, |number| {
        let db = test.db.clone();
        let (from, to) = if number % 2 == 0 { (a, b) } else { (b, a) };
        let new = NewWalletTransfer { id: Id::new(), from, to, amount: amount(10), description: None };
        async move { db.write(async move |tx: &mut Tx| transfer(tx, &admin(), new.clone(), at(1)).await).await }
    })
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((balance(&test.db, a).await, balance(&test.db, b).await), (500, 500));
    assert_eq!(read(&test.db, a).await.entry_count, 41);
}

async fn one_id_at_once_moves_money_once<B: Books>(books: &B) {
    let (a, b) = (account(books, 1_000).await, account(books, 0).await);
    let c = account(books, 1_000).await;
    let id = Id::new();
    let results = all_at_once(20, |number| {
        let books = books.clone();
        // Some of them mean another payer, so that not even the accounts' locks bring them into one line.
        let payer = if number % 4 == 0 { c } else { a };
        async move { move_money(&books, movement(id, payer, b, 100)).await }
    })
    .await;
    let done = results.iter().filter(|result| matches!(result, Ok(posted) if !posted.existed)).count();
    assert_eq!(done, 1, "{results:?}");
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(LedgerError::IdMismatch(_)))), "{results:?}");
    assert_eq!(balance(books, b).await, 100);
}

async fn holds_at_once_never_hold_more_than_there_is<B: Books>(books: &B) {
    let (a, b) = (account(books, 500).await, account(books, 0).await);
    let results = all_at_once(5, |_| {
        let books = books.clone();
        let new = new_hold(a, b, 300, None);
        async move { books.write(async move |tx: &mut B::Tx| hold(tx, new.clone(), at(1)).await).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(read(books, a).await.available(), 200);
}

async fn post_void_and_expiry_race_and_one_wins<B: Books>(books: &B) {
    let (a, b) = (account(books, 1_000).await, account(books, 0).await);
    let mut paid = 0;
    for round in 0..10 {
        let new = new_hold(a, b, 10, Some(at(100)));
        let id = new.id;
        books.write(async move |tx: &mut B::Tx| hold(tx, new.clone(), at(1)).await).await.unwrap();
        let winners = std::sync::Arc::new(AtomicUsize::new(0));
        all_at_once(9, |number| {
            let (books, winners) = (books.clone(), winners.clone());
            async move {
                let won = match (number + round) % 3 {
                    // By this clock it is not over yet; by the third one it is.
                    0 => {
                        books.write(async move |tx: &mut B::Tx| post(tx, id, None, at(99)).await).await.is_ok_and(|p| !p.existed)
                    }
                    1 => books.write(async move |tx: &mut B::Tx| void(tx, id, at(99)).await).await.is_ok_and(|v| !v.existed),
                    _ => books
                        .write(async move |tx: &mut B::Tx| expire_holds(tx, at(100), 10).await)
                        .await
                        .is_ok_and(|e| !e.is_empty()),
                };
                winners.fetch_add(usize::from(won), Ordering::SeqCst);
            }
        })
        .await;
        assert_eq!(winners.load(Ordering::SeqCst), 1);
        let ended = books.read(async move |tx: &mut B::Tx| tx.find_hold(id).await).await.unwrap().unwrap();
        paid += if matches!(ended.state, HoldState::Posted { .. }) { 10 } else { 0 };
    }
    let left = read(books, a).await;
    assert_eq!((left.balance, left.available(), balance(books, b).await), (1_000 - paid, 1_000 - paid, paid));
}

async fn ten_confirms_of_one_purchase_are_one_credit(test: &TestDb) {
    let (owner, agent) = (OwnerId::new(), AgentId::new());
    let wallet = user_wallet(&test.db, owner, 0).await.id;
    let id = pending(&test.db, owner, wallet, "pro").await.id;
    let results = all_at_once(10, |number| {
        let db = test.db.clone();
        async move {
            db.write(async move |tx: &mut Tx| match number % 2 {
                0 => purchase::confirm(tx, &admin(), Sandbox(false), id, at(1)).await,
                _ => purchase::complete(tx, id, at(1)).await,
            })
            .await
            .is_ok()
        }
    })
    .await;
    assert!(results.iter().filter(|ok| **ok).count() >= 5, "the provider is never refused");
    assert_eq!(balance(&test.db, wallet).await, 1_200);
    // While at it: wallets that are opened by many are opened once, and greeted once.
    let opened = all_at_once(8, |_| {
        let db = test.db.clone();
        let greeted = OwnerId::from_uuid(agent.uuid());
        async move {
            db.write(async move |tx: &mut Tx| {
                let own = open_user_wallet(tx, greeted, amount(500), at(1)).await?;
                let agents = open_agent_wallet(tx, greeted, agent, at(1)).await?;
                Ok::<_, WalletError>((own.id, agents.id))
            })
            .await
            .unwrap()
        }
    })
    .await;
    assert!(opened.iter().all(|ids| *ids == opened[0]));
    assert_eq!(balance(&test.db, opened[0].0).await, 500);
}

/// What only tables have.
mod tables {
    use super::{
        fifty_credits_of_one_are_fifty, opposite_transfers_neither_deadlock_nor_lose_a_credit,
        ten_confirms_of_one_purchase_are_one_credit, twenty_debits_of_a_hundred_from_five_hundred_are_exactly_five,
    };
    rialto_store::suite! {
        twenty_debits_of_a_hundred_from_five_hundred_are_exactly_five,
        fifty_credits_of_one_are_fifty,
        opposite_transfers_neither_deadlock_nor_lose_a_credit,
        ten_confirms_of_one_purchase_are_one_credit,
    }
}

on_all_books! {
    one_id_at_once_moves_money_once,
    holds_at_once_never_hold_more_than_there_is,
    post_void_and_expiry_race_and_one_wins,
}
