//! Payments that come with calls, on both databases.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::sync::Arc;

use rialto_proxy_billing::payments::x402::{PaymentState, PaymentStore, Settling, Version};
use rialto_store::{Tx, testing::TestDb};
use tokio::sync::Barrier;

mod keys;
mod review;
mod world;

use self::{
    keys::{
        a_key_that_is_another_calls_is_left_to_it, a_paid_answer_is_there_for_a_day_from_its_end,
        a_paid_answer_that_nobody_can_have_is_said_to_be_lost, a_refused_call_gives_its_key_back_and_no_other,
        what_was_unclear_can_be_had_for_a_day_from_the_decision,
    },
    review::{
        a_refusal_costs_nothing_and_leaves_other_calls_alone, a_transaction_pays_for_one_call,
        of_a_decision_and_a_late_facilitator_one_counts, of_many_decisions_one_counts, what_is_unclear_is_decided_once,
    },
    world::{PRICE, World, at, outcome, pledge},
};

rialto_store::suite!(
    an_authorization_is_taken_once,
    what_is_let_go_of_may_be_taken_again,
    money_is_fetched_by_one_at_a_time,
    a_call_is_left_alone_while_its_money_is_fetched,
    what_a_payer_has_open_is_counted,
    a_call_that_nobody_ends_lets_go_of_its_payment,
    where_an_authorization_stands_is_known,
    what_is_paid_is_not_put_off_and_not_given_up,
    what_is_unclear_is_decided_once,
    of_many_decisions_one_counts,
    a_refusal_costs_nothing_and_leaves_other_calls_alone,
    a_transaction_pays_for_one_call,
    of_a_decision_and_a_late_facilitator_one_counts,
    a_paid_answer_is_there_for_a_day_from_its_end,
    what_was_unclear_can_be_had_for_a_day_from_the_decision,
    a_key_that_is_another_calls_is_left_to_it,
    a_refused_call_gives_its_key_back_and_no_other,
    a_paid_answer_that_nobody_can_have_is_said_to_be_lost,
);

async fn an_authorization_is_taken_once(test: &TestDb) {
    let world = World::new(test).await;
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (world, start) = (world.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                world.begin(1).await
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    assert_eq!(taken.len(), 1);
    assert!(world.begin(2).await.is_some(), "another one");
    assert_eq!(world.held().await, 2 * PRICE);
}

async fn what_is_let_go_of_may_be_taken_again(test: &TestDb) {
    let world = World::new(test).await;
    let first = world.begin(1).await.unwrap();
    assert_eq!(world.begin(1).await, None);
    assert!(world.release(first).await);
    assert!(!world.release(first).await, "once");
    let second = world.begin(1).await.unwrap();
    assert!(world.settle(second).await);
    assert!(!world.release(second).await, "its money is being fetched");
    assert_eq!(world.begin(1).await, None);
    let seen = world.find(second).await.unwrap();
    assert!(world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    assert_eq!((world.begin(1).await, world.release(second).await), (None, false), "it had its chance");
}

async fn money_is_fetched_by_one_at_a_time(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    let due = async |now| world.db.read(async move |tx: &mut Tx| tx.list_settling(at(now), 10).await).await.unwrap();
    assert!(due(10_000).await.is_empty());
    assert!(world.settle(usage).await);
    assert!(!world.settle(usage).await, "once");
    assert_eq!((due(89).await, due(90).await), (vec![], vec![usage]));
    let find = async || world.db.read(async move |tx: &mut Tx| tx.find_settling(usage).await).await.unwrap();
    let seen = find().await.unwrap();
    assert_eq!(
        (seen.buyer, seen.provider, seen.amount.get(), &seen.outcome),
        (world.buyer, world.provider, PRICE, &outcome(usage, Some("yes")))
    );
    assert_eq!((seen.is_asked, seen.attempts, seen.version), (true, 1, Version::Two));
    assert_eq!((seen.payer, seen.request), (pledge(1).payer, pledge(1).request));

    let seen = find().await.unwrap();
    let start = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (db, seen, start) = (world.db.clone(), seen.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                db.write(async move |tx: &mut Tx| tx.take_settling(&seen, at(200), at(100)).await).await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.unwrap());
    }
    assert_eq!(taken, 1);
    let put_off = async |seen: &Settling, transaction: &'static str| {
        let seen = seen.clone();
        let put_off = async move |tx: &mut Tx| tx.put_off(&seen, false, Some(transaction), at(150), at(101)).await;
        world.db.write(put_off).await.unwrap();
    };
    // Whoever has seen it before that has nothing to say any more, except that the money is here.
    put_off(&seen, "0x0").await;
    assert!(!world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    let old = find().await.unwrap();
    assert_eq!((old.is_asked, old.attempts, old.transaction.as_deref()), (true, 2, None));
    put_off(&old, "0x1").await;
    let now = find().await.unwrap();
    assert_eq!((now.is_asked, now.attempts, now.transaction.as_deref()), (false, 2, Some("0x1")));
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x2")).await);
    assert!(!world.end(&seen, PaymentState::Settled, Ok("0x2")).await, "once");
    assert_eq!((find().await, due(10_000).await), (None, vec![]));
}

async fn a_call_is_left_alone_while_its_money_is_fetched(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    assert!(world.settle(usage).await);
    // Nobody has fetched it, for far too long: the server was away. It is still not ended without asking.
    assert_eq!((world.close(100_000).await, world.held().await), (0, PRICE));
    assert!(world.find(usage).await.is_some());
    assert_eq!(world.begin(1).await, None);
}

async fn what_a_payer_has_open_is_counted(test: &TestDb) {
    let world = World::new(test).await;
    let count = async |limit| {
        let payer = pledge(0).payer;
        world.db.read(async move |tx: &mut Tx| tx.count_open_payments(&payer, limit).await).await.unwrap()
    };
    let (first, second) = (world.begin(1).await.unwrap(), world.begin(2).await.unwrap());
    assert!(world.settle(second).await);
    assert_eq!((count(16).await, count(1).await), (2, 1));
    assert!(world.release(first).await);
    // As long as nobody can say whether it has come, it counts.
    let seen = world.find(second).await.unwrap();
    assert!(world.end(&seen, PaymentState::Unclear, Err("silence")).await);
    assert_eq!(count(16).await, 1);
    let seen = world.find(second).await.unwrap();
    assert!(world.end(&seen, PaymentState::Failed, Err("insufficient_funds")).await);
    assert_eq!(count(16).await, 0);
    // It came after all: that is not lost.
    let note = async move |tx: &mut Tx| tx.note_transaction(second, "0x9", at(3)).await;
    assert_eq!(world.db.write(note).await.unwrap(), Some(pledge(0).payer.plain()));
}

async fn a_call_that_nobody_ends_lets_go_of_its_payment(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    assert_eq!((world.close(329).await, world.held().await), (0, PRICE));
    assert_eq!((world.close(330).await, world.held().await), (1, 0));
    assert!(!world.settle(usage).await, "it is over");
    assert!(world.begin(1).await.is_some());
}

async fn where_an_authorization_stands_is_known(test: &TestDb) {
    let world = World::new(test).await;
    let stands = async |nonce: u8| {
        let id = pledge(nonce).authorization();
        let used = world.db.read(async move |tx: &mut Tx| tx.find_authorization(&id).await).await.unwrap();
        used.map(|by| {
            assert_eq!((by.buyer, by.claim), (world.buyer, None));
            by.state
        })
    };
    assert_eq!(stands(1).await, None);
    let usage = world.begin(1).await.unwrap();
    assert_eq!(stands(1).await, Some(PaymentState::Reserved));
    assert!(world.settle(usage).await);
    assert_eq!(stands(1).await, Some(PaymentState::Settling));
    let seen = world.find(usage).await.unwrap();
    assert!(world.end(&seen, PaymentState::Unclear, Err("silence")).await);
    assert_eq!((stands(1).await, stands(2).await), (Some(PaymentState::Unclear), None));
    let seen = world.find(usage).await.unwrap();
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x1")).await);
    assert_eq!((stands(1).await, world.find(usage).await), (Some(PaymentState::Settled), None));
}

async fn what_is_paid_is_not_put_off_and_not_given_up(test: &TestDb) {
    let world = World::new(test).await;
    let usage = world.begin(1).await.unwrap();
    let note = async || world.db.write(async move |tx: &mut Tx| tx.note_paid(usage, "0x7", at(50), at(3)).await).await.unwrap();
    assert!(!note().await, "nobody has asked for it");
    assert!(world.settle(usage).await);
    let before = world.find(usage).await.unwrap();
    assert!(world.end(&before, PaymentState::Unclear, Err("silence")).await);
    // Whoever was late knows better.
    assert!(note().await);
    let seen = world.find(usage).await.unwrap();
    assert_eq!((seen.state, seen.is_paid, seen.transaction.as_deref()), (PaymentState::Settling, true, Some("0x7")));
    assert_eq!(seen.next_attempt_at, Some(at(50)));
    let late = seen.clone();
    let put_off = async move |tx: &mut Tx| tx.put_off(&late, true, None, at(9_000), at(4)).await;
    world.db.write(put_off).await.unwrap();
    for state in [PaymentState::Unclear, PaymentState::Failed] {
        assert!(!world.end(&seen, state, Err("silence")).await, "{state:?}");
    }
    assert_eq!(world.find(usage).await, Some(seen.clone()));
    assert!(world.end(&seen, PaymentState::Settled, Ok("0x7")).await);
    assert!(!note().await, "it has ended");
}
