use rialto_kernel::{Amount, Id};
use rialto_ledger::{
    AccountState, Books, Command, Held, HoldId, HoldState, LedgerError, LedgerStore, NewHold, Outcome, Posted, expire_holds,
    group, hold, post, set_account_state, void,
};

use rialto_store::{Tx, testing::TestDb};

use crate::support::{account, amount, at, move_money, movement, new_hold, read};

async fn make(books: &impl Books, new: &NewHold) -> Result<Held, LedgerError> {
    let new = new.clone();
    books.write(async move |tx| hold(tx, new.clone(), at(1)).await).await
}

async fn pay(books: &impl Books, id: HoldId, part: Option<Amount>, seconds: i64) -> Result<Posted, LedgerError> {
    books.write(async move |tx| post(tx, id, part, at(seconds)).await).await
}

async fn give_back(books: &impl Books, id: HoldId, seconds: i64) -> Result<Held, LedgerError> {
    books.write(async move |tx| void(tx, id, at(seconds)).await).await
}

async fn what_is_held_cannot_be_spent(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = new_hold(a, b, 70, None);
    let held = make(books, &new).await.unwrap();
    assert_eq!((held.debit.balance, held.debit.available(), held.credit.held_in), (100, 30, amount(70)));
    assert!(make(books, &new).await.unwrap().existed);
    let refused = move_money(books, movement(Id::new(), a, b, 31)).await;
    assert!(matches!(refused, Err(LedgerError::InsufficientFunds { available: 30, .. })), "{refused:?}");
    let refused = make(books, &new_hold(a, b, 31, None)).await;
    assert!(matches!(refused, Err(LedgerError::InsufficientFunds { available: 30, .. })), "{refused:?}");
    let mut other = new.clone();
    other.amount = amount(1);
    assert_eq!(make(books, &other).await, Err(LedgerError::IdMismatch(new.id.cast())));
}

async fn a_hold_is_posted_in_part_and_the_rest_goes_back(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = new_hold(a, b, 70, Some(at(60)));
    make(books, &new).await.unwrap();
    let refused = pay(books, new.id, Some(amount(71)), 2).await;
    assert_eq!(refused, Err(LedgerError::HoldExceeded { hold: new.id, held: amount(70), asked: amount(71) }));
    let posted = pay(books, new.id, Some(amount(50)), 2).await.unwrap();
    assert_eq!((posted.debit.balance, posted.debit.held_out, posted.credit.balance), (50, Amount::ZERO, 50));
    assert_eq!((posted.transfer.reference, posted.transfer.memo), (new.reference, new.memo.clone()));
    let again = pay(books, new.id, Some(amount(50)), 99).await.unwrap();
    assert!(again.existed && again.transfer.id == posted.transfer.id);
    let state = HoldState::Posted { transfer: posted.transfer.id, amount: amount(50) };
    assert_eq!(pay(books, new.id, None, 3).await, Err(LedgerError::HoldResolved { hold: new.id, state }));
    assert_eq!(give_back(books, new.id, 3).await, Err(LedgerError::HoldResolved { hold: new.id, state }));
    let id = new.id;
    let stored = books.read(async move |tx| tx.find_hold(id).await).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.created_at, stored.resolved_at, stored.terms), (state, at(1), Some(at(2)), new));
}

async fn a_voided_hold_is_over(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = new_hold(a, b, 70, None);
    make(books, &new).await.unwrap();
    assert_eq!(give_back(books, new.id, 2).await.unwrap().debit.available(), 100);
    assert!(give_back(books, new.id, 3).await.unwrap().existed);
    let refused = pay(books, new.id, None, 4).await;
    assert_eq!(refused, Err(LedgerError::HoldResolved { hold: new.id, state: HoldState::Voided }));
    let unknown = HoldId::new();
    assert_eq!(give_back(books, unknown, 4).await, Err(LedgerError::HoldUnknown(unknown)));
    assert_eq!(pay(books, unknown, None, 4).await, Err(LedgerError::HoldUnknown(unknown)));
}

async fn holds_expire_in_bounded_batches(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let holds: Vec<NewHold> = (0..5).map(|n| new_hold(a, b, 10, Some(at(10 + n)))).collect();
    for new in &holds {
        make(books, new).await.unwrap();
    }
    make(books, &new_hold(a, b, 10, None)).await.unwrap();
    // Its time is over, though nobody has noticed: it can no longer be posted, but still be given back.
    assert_eq!(pay(books, holds[0].id, None, 10).await, Err(LedgerError::HoldExpired(holds[0].id)));
    give_back(books, holds[0].id, 10).await.unwrap();
    let expire = async |limit| books.write(async move |tx| expire_holds(tx, at(13), limit).await).await.unwrap();
    let first: Vec<HoldId> = expire(2).await.into_iter().map(|hold| hold.terms.id).collect();
    assert_eq!(first, [holds[1].id, holds[2].id]);
    assert_eq!(expire(2).await.len(), 1);
    assert_eq!(expire(2).await.len(), 0);
    let left = read(books, a).await;
    assert_eq!((left.available(), left.held_out), (80, amount(20)));
    assert_eq!(pay(books, holds[1].id, None, 5).await, Err(LedgerError::HoldExpired(holds[1].id)));
    assert_eq!(give_back(books, holds[1].id, 5).await, Err(LedgerError::HoldExpired(holds[1].id)));
}

/// What only tables have: a row that makes no sense.
async fn one_hold_that_makes_no_sense_keeps_nobody_elses_money(test: &TestDb) {
    let db = &test.db;
    let (a, b, c) = (account(db, 100).await, account(db, 0).await, account(db, 50).await);
    let (less, unreadable, good) =
        (new_hold(c, b, 50, Some(at(10))), new_hold(a, b, 7, Some(at(11))), new_hold(a, b, 8, Some(at(12))));
    for new in [&less, &unreadable, &good] {
        make(db, new).await.unwrap();
    }
    let change = async |sql: String| db.write(async move |tx: &mut Tx| tx.batch(&sql).await).await.unwrap();
    // An account that holds less than its hold says, and metadata that are not words.
    change("UPDATE ledger_accounts SET held_out = 1 WHERE held_out = 50".into()).await;
    let (off, on) = if db.is_postgres() {
        ("ALTER TABLE ledger_holds DISABLE TRIGGER USER", "ALTER TABLE ledger_holds ENABLE TRIGGER USER")
    } else {
        ("DROP TRIGGER ledger_holds_terms", "SELECT 1")
    };
    change(format!("{off}; UPDATE ledger_holds SET metadata = '[7]' WHERE amount = 7; {on}")).await;
    let expire = async || db.write(async |tx: &mut Tx| expire_holds(tx, at(20), 100).await).await.unwrap();
    let expired: Vec<HoldId> = expire().await.into_iter().map(|hold| hold.terms.id).collect();
    assert_eq!(expired, [good.id]);
    assert!(expire().await.is_empty(), "the others stay, and do no harm");
    change("UPDATE ledger_accounts SET held_out = 50 WHERE held_out = 1".into()).await;
    change(format!(
        "{}UPDATE ledger_holds SET metadata = NULL WHERE amount = 7; {on}",
        if db.is_postgres() { format!("{off}; ") } else { String::new() }
    ))
    .await;
    assert_eq!(expire().await.len(), 2);
    assert_eq!(read(db, a).await.available(), 100);
}

/// What only tables have.
mod tables {
    use super::one_hold_that_makes_no_sense_keeps_nobody_elses_money;
    rialto_store::suite! { one_hold_that_makes_no_sense_keeps_nobody_elses_money }
}

async fn a_hold_is_posted_though_the_account_was_frozen_since(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let new = new_hold(a, b, 70, None);
    make(books, &new).await.unwrap();
    books.write(async move |tx| set_account_state(tx, a, AccountState::Frozen, at(2)).await).await.unwrap();
    assert!(matches!(make(books, &new_hold(a, b, 1, None)).await, Err(LedgerError::AccountNotOpen { .. })));
    assert_eq!(pay(books, new.id, None, 3).await.unwrap().credit.balance, 70);
}

async fn a_group_may_hold_and_post_at_once(books: &impl Books) {
    let (a, b) = (account(books, 100).await, account(books, 0).await);
    let (first, second) = (new_hold(a, b, 40, None), new_hold(a, b, 40, None));
    let (posted, voided) = (first.id, second.id);
    let commands = vec![
        Command::Hold(first),
        Command::Hold(second),
        Command::Post { hold: posted, amount: Some(amount(30)) },
        Command::Void(voided),
    ];
    let outcomes = books.write(async move |tx| group(tx, &commands, at(1)).await).await.unwrap();
    assert!(matches!(&outcomes[2], Outcome::Posted(posted) if posted.debit.available() == 30));
    assert!(matches!(&outcomes[3], Outcome::Held(held) if held.debit.available() == 70));
}

on_all_books! {
    what_is_held_cannot_be_spent,
    a_hold_is_posted_in_part_and_the_rest_goes_back,
    a_voided_hold_is_over,
    holds_expire_in_bounded_batches,
    a_hold_is_posted_though_the_account_was_frozen_since,
    a_group_may_hold_and_post_at_once,
}
