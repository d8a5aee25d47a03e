//! Deposits of which nothing was heard.

use std::time::Duration;

use rialto_kernel::Clock;
use rialto_proxy_billing::payments::deposit::{ASK_PAUSE, DEPOSIT_KEPT, DepositStatus, Providers, ask_due, capture};
use rialto_store::{Db, suite, testing::TestDb};
use serde_json::{Value, json};

use super::{
    fake::{NowPaymentsServer, PayPalServer},
    world::{ASK_AFTER, NOON, balance, clock, deposit, nowpayments, owner, paypal, providers, read},
};

async fn ask(db: &Db, providers: &Providers, clock: &Clock) -> usize {
    ask_due(db, providers, clock, 100).await.unwrap()
}

async fn a_lost_event_loses_no_money(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let providers = providers(paypal(server.base()));
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    server.approve("ORDER1");
    assert_eq!(ask(&test.db, &providers, &clock).await, 0, "it is too early");
    clock.advance(ASK_AFTER);
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!((read(&test.db, deposit.id).await.status, balance(&test.db, &me).await), (DepositStatus::Completed, 5_000_000));
    clock.advance(DEPOSIT_KEPT);
    assert_eq!(ask(&test.db, &providers, &clock).await, 0, "it is known");
}

async fn what_is_not_paid_is_asked_for_less_and_less_and_fails_after_a_week(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let providers = providers(paypal(server.base()));
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    clock.advance(ASK_AFTER);
    for asks in 1..9 {
        assert_eq!(ask(&test.db, &providers, &clock).await, 1);
        assert_eq!(ask(&test.db, &providers, &clock).await, 0, "it was put off");
        let wait = read(&test.db, deposit.id).await.ask_at.unwrap().since(clock.now());
        assert_eq!(wait, (ASK_AFTER * 2_u32.pow(asks)).min(Duration::from_secs(21_600)), "after {asks}");
        clock.advance(wait);
    }
    clock.advance(DEPOSIT_KEPT);
    // Whoever does not answer says nothing.
    server.knows().down = Some(503);
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending);
    server.knows().down = None;
    clock.advance(Duration::from_secs(21_600));
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    let failed = read(&test.db, deposit.id).await;
    assert_eq!((failed.status, failed.ask_at), (DepositStatus::Failed, None));
    assert_eq!(failed.note.as_deref(), Some("It was not paid within 7 days."));
    assert_eq!(balance(&test.db, &me).await, 0);
}

async fn a_rail_that_is_gone_keeps_no_deposit_waiting_for_ever(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(paypal(server.base())), &me, "5", NOON).await;
    let others = providers(nowpayments(server.base(), false));
    clock.advance(DEPOSIT_KEPT);
    assert_eq!(ask(&test.db, &others, &clock).await, 1);
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Failed);
}

async fn two_who_ask_at_once_ask_for_each_deposit_once(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let providers = providers(paypal(server.base()));
    for _ in 0..12 {
        deposit(&test.db, &providers, &me, "1", NOON).await;
    }
    clock.advance(ASK_AFTER);
    assert_eq!(ask_due(&test.db, &providers, &clock, 4).await.unwrap(), 4, "no more than one may");
    let (one, other) = tokio::join!(ask(&test.db, &providers, &clock), ask(&test.db, &providers, &clock));
    assert_eq!(one + other, 8);
    assert_eq!(server.knows().asked, 12);
}

fn payment(invoice: &str, order: &impl serde::Serialize, id: i64, status: &str) -> Value {
    json!({
        "payment_id": id, "invoice_id": invoice, "order_id": order, "payment_status": status, "price_amount": 5, "price_currency": "usd",
    })
}

async fn payments_of_an_invoice_are_found_by_who_signs_in(test: &TestDb) {
    let (server, clock, me) = (NowPaymentsServer::start().await, clock(), owner(&test.db).await);
    let signed_in = providers(nowpayments(server.base(), true));
    let deposit = deposit(&test.db, &signed_in, &me, "5", NOON).await;
    server.till().payments.push(payment("4500", &deposit.id, 1, "expired"));
    clock.advance(ASK_AFTER);
    assert_eq!(ask(&test.db, &signed_in, &clock).await, 1);
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Failed);
    // The payer has begun anew, in another coin.
    server.till().payments.push(payment("4500", &deposit.id, 2, "finished"));
    // Meanwhile the sign-in has ended.
    server.till().sign_ins += 1;
    clock.advance(ASK_AFTER * 2);
    assert_eq!(ask(&test.db, &signed_in, &clock).await, 1, "it is still asked for");
    let done = read(&test.db, deposit.id).await;
    assert_eq!((done.status, done.rail_payment.as_deref()), (DepositStatus::Completed, Some("2")));
    assert_eq!((balance(&test.db, &me).await, server.till().sign_ins), (5_000_000, 3));
}

async fn a_payment_that_is_known_is_found_by_the_key_alone(test: &TestDb) {
    let (server, clock, me) = (NowPaymentsServer::start().await, clock(), owner(&test.db).await);
    let provider = nowpayments(server.base(), false);
    let providers = providers(provider.clone());
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    server.till().payments.push(payment("4500", &deposit.id, 1, "finished"));
    clock.advance(ASK_AFTER);
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending, "nobody knows of it yet");
    let body = format!("{{\"order_id\":\"{}\",\"payment_id\":1,\"payment_status\":\"confirming\"}}", deposit.id);
    let signature = super::world::sign(super::world::IPN_SECRET, &body);
    rialto_proxy_billing::payments::nowpayments::hear(&test.db, &provider, &signature, body.as_bytes(), &clock).await.unwrap();
    clock.advance(ASK_AFTER * 2);
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!((read(&test.db, deposit.id).await.status, balance(&test.db, &me).await), (DepositStatus::Completed, 5_000_000));
}

async fn money_in_flight_is_not_given_up_after_a_week(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let providers = providers(paypal(server.base()));
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    server.knows().captured = Some("PENDING");
    server.approve("ORDER1");
    clock.advance(DEPOSIT_KEPT);
    for _ in 0..2 {
        assert_eq!(ask(&test.db, &providers, &clock).await, 1);
        assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending);
        clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    server.knows().orders.get_mut("ORDER1").unwrap().capture = Some("COMPLETED");
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!((read(&test.db, deposit.id).await.status, balance(&test.db, &me).await), (DepositStatus::Completed, 5_000_000));
}

async fn a_sign_in_that_fails_hides_no_payment_that_is_known(test: &TestDb) {
    let (server, clock, me) = (NowPaymentsServer::start().await, clock(), owner(&test.db).await);
    let mut config = super::world::nowpayments_config(server.base(), true);
    config.sign_in = Some(("me@example.com".into(), "a wrong one".into()));
    let provider = super::world::nowpayments_of(config);
    let providers = providers(provider.clone());
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    server.till().payments.push(payment("4500", &deposit.id, 1, "finished"));
    let body = format!("{{\"order_id\":\"{}\",\"payment_id\":1,\"payment_status\":\"confirming\"}}", deposit.id);
    let signature = super::world::sign(super::world::IPN_SECRET, &body);
    rialto_proxy_billing::payments::nowpayments::hear(&test.db, &provider, &signature, body.as_bytes(), &clock).await.unwrap();
    clock.advance(ASK_AFTER);
    assert_eq!(ask(&test.db, &providers, &clock).await, 1);
    assert_eq!((read(&test.db, deposit.id).await.status, balance(&test.db, &me).await), (DepositStatus::Completed, 5_000_000));
}

async fn an_owner_asks_once_in_a_few_seconds(test: &TestDb) {
    let (server, clock, me) = (PayPalServer::start().await, clock(), owner(&test.db).await);
    let providers = providers(paypal(server.base()));
    let deposit = deposit(&test.db, &providers, &me, "5", NOON).await;
    for asked in [1, 1, 2] {
        capture(&test.db, &providers, &me, deposit.id, &clock).await.unwrap();
        assert_eq!(server.knows().asked, asked);
        clock.advance(ASK_PAUSE / 2);
    }
}

suite! {
    money_in_flight_is_not_given_up_after_a_week,
    a_sign_in_that_fails_hides_no_payment_that_is_known,
    an_owner_asks_once_in_a_few_seconds,
    a_lost_event_loses_no_money,
    what_is_not_paid_is_asked_for_less_and_less_and_fails_after_a_week,
    a_rail_that_is_gone_keeps_no_deposit_waiting_for_ever,
    two_who_ask_at_once_ask_for_each_deposit_once,
    payments_of_an_invoice_are_found_by_who_signs_in,
    a_payment_that_is_known_is_found_by_the_key_alone,
}
