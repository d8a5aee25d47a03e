//! Deposits by NOWPayments.

use futures_util::future::join_all;
use rialto_proxy_billing::payments::{
    Heard, HookError,
    deposit::{Deposit, DepositStatus},
    nowpayments::{NowPayments, hear},
};
use rialto_store::{suite, testing::TestDb};
use serde_json::{Value, json};

use super::{
    fake::NowPaymentsServer,
    world::{IPN_SECRET, NOON, balance, clock, deposit, nowpayments, owner, providers, read, sign},
};

/// A callback, with its keys sorted.
fn callback(deposit: &Deposit, status: &str, price: &str) -> String {
    let Deposit { id, rail_reference, .. } = deposit;
    format!(
        "{{\"actually_paid\":0.0005,\"fee\":{{\"currency\":\"btc\",\"depositFee\":1e-8}},\"invoice_id\":{rail_reference},\
         \"order_id\":\"{id}\",\"pay_amount\":0.001,\"pay_currency\":\"btc\",\"payment_id\":77,\"payment_status\":\"{status}\",\
         \"price_amount\":{price},\"price_currency\":\"usd\"}}"
    )
}

async fn tell(test: &TestDb, provider: &NowPayments, body: &str) -> Result<Heard, HookError> {
    hear(&test.db, provider, &sign(IPN_SECRET, body), body.as_bytes(), &clock()).await
}

async fn an_invoice_is_opened_for_just_this_deposit(test: &TestDb) {
    let server = NowPaymentsServer::start().await;
    let (provider, me) = (nowpayments(server.base(), false), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider), &me, "10.10", NOON).await;
    assert_eq!((deposit.rail.as_str(), deposit.rail_reference.as_str()), ("nowpayments", "4500"));
    assert_eq!(deposit.checkout_url.as_deref(), Some("https://nowpayments.io/payment/?iid=4500"));
    let opened = server.till().opened.clone();
    assert!(opened.contains("\"price_amount\":10.10,"), "a number, as exact as it is: {opened}");
    let invoice: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!((&invoice["price_currency"], &invoice["order_id"]), (&json!("usd"), &json!(deposit.id)));
    assert_eq!(invoice["ipn_callback_url"], "https://rialto.example/api/v1/deposits/webhooks/nowpayments");
    assert_eq!(invoice["success_url"], format!("https://rialto.example/?checkout=paid&deposit={}", deposit.id));
}

async fn twenty_callbacks_at_once_bring_the_money_once(test: &TestDb) {
    let server = NowPaymentsServer::start().await;
    let (provider, me) = (nowpayments(server.base(), false), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10.50", NOON).await;
    for status in ["waiting", "confirming", "confirmed", "sending"] {
        tell(test, &provider, &callback(&deposit, status, "10.5")).await.unwrap();
        assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending, "{status}");
    }
    let body = callback(&deposit, "finished", "10.5");
    for heard in join_all((0..20).map(|_| tell(test, &provider, &body))).await {
        assert!(matches!(&heard, Ok(Heard::Followed(deposit)) if deposit.status == DepositStatus::Completed), "{heard:?}");
    }
    // Late and out of order.
    for status in ["confirming", "expired", "failed", "partially_paid"] {
        tell(test, &provider, &callback(&deposit, status, "10.5")).await.unwrap();
    }
    let done = read(&test.db, deposit.id).await;
    assert_eq!((done.status, done.note.as_deref(), done.rail_payment.as_deref()), (DepositStatus::Completed, None, Some("77")));
    assert_eq!(balance(&test.db, &me).await, 10_500_000);
    tell(test, &provider, &callback(&deposit, "refunded", "10.5")).await.unwrap();
    assert_eq!(read(&test.db, deposit.id).await.returned_at, Some(NOON));
    assert_eq!(balance(&test.db, &me).await, 0, "it is taken back");
}

async fn a_callback_is_believed_only_if_it_is_signed(test: &TestDb) {
    let server = NowPaymentsServer::start().await;
    let (provider, me) = (nowpayments(server.base(), false), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10.50", NOON).await;
    let body = callback(&deposit, "finished", "10.50");
    let good = sign(IPN_SECRET, &body);
    let with = async |signature: &str, body: &str| hear(&test.db, &provider, signature, body.as_bytes(), &clock()).await;
    for signature in ["", "zz", "00", &sign("another", &body), &good[..126], &sign(IPN_SECRET, &body.replace("10.50", "10.5"))] {
        assert_eq!(with(signature, &body).await, Err(HookError::NotSigned), "{signature}");
    }
    assert_eq!(with(&good, &body.replace("\"usd\"", "\"eur\"")).await, Err(HookError::NotSigned));
    assert_eq!(with(&good, "{").await, Err(HookError::Malformed));
    assert_eq!(with(&sign(IPN_SECRET, "{}"), "{}").await, Err(HookError::Malformed));
    for order in ["0198c0de-0000-7000-8000-000000000001", "nobody"] {
        let body = body.replace(&deposit.id.to_string(), order);
        assert!(matches!(tell(test, &provider, &body).await, Ok(Heard::Ignored(_))), "{order}");
    }
    let another = body.replace(&format!("\"invoice_id\":{}", deposit.rail_reference), "\"invoice_id\":1");
    assert!(matches!(tell(test, &provider, &another).await, Ok(Heard::Ignored(_))));
    assert_eq!(balance(&test.db, &me).await, 0);
    // Lists are signed as they are, or as objects.
    let listed = callback(&deposit, "waiting", "10.50").replace("\"price_amount\"", "\"payment_z\":[5,6],\"price_amount\"");
    let keyed = listed.replace("[5,6]", "{\"0\":5,\"1\":6}");
    for sorted in [&listed, &keyed] {
        assert!(matches!(with(&sign(IPN_SECRET, sorted), &listed).await, Ok(Heard::Followed(_))), "{sorted}");
    }
    // The order of keys and spaces do not matter, and numbers are taken as they are written.
    let spaced = body.replace("{\"actually_paid\":0.0005,", "{ \"z\": 1.0 ,").replace('}', " }");
    let sorted = body.replace("{\"actually_paid\":0.0005,", "{").replace("\"usd\"}", "\"usd\",\"z\":1.0}");
    assert!(matches!(with(&sign(IPN_SECRET, &sorted), &spaced).await, Ok(Heard::Followed(_))), "{spaced}");
    assert_eq!(balance(&test.db, &me).await, 10_500_000);
}

async fn a_part_is_told_and_late_money_counts(test: &TestDb) {
    let server = NowPaymentsServer::start().await;
    let (provider, me) = (nowpayments(server.base(), false), owner(&test.db).await);
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10.50", NOON).await;
    tell(test, &provider, &callback(&deposit, "partially_paid", "10.5")).await.unwrap();
    let part = read(&test.db, deposit.id).await;
    assert_eq!((part.status, part.note.as_deref()), (DepositStatus::Pending, Some("Only a part was paid: 0.0005 of 0.001 btc.")));
    tell(test, &provider, &callback(&deposit, "finished", "1.5")).await.unwrap();
    assert!(read(&test.db, deposit.id).await.note.is_some_and(|note| note.contains("1.5 usd")));
    tell(test, &provider, &callback(&deposit, "expired", "10.5")).await.unwrap();
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending, "a part of it is there: a person has to look");
    assert_eq!(balance(&test.db, &me).await, 0);
    tell(test, &provider, &callback(&deposit, "finished", "10.5")).await.unwrap();
    assert_eq!((read(&test.db, deposit.id).await.status, balance(&test.db, &me).await), (DepositStatus::Completed, 10_500_000));
}

async fn each_payment_of_an_invoice_is_one_of_its_own(test: &TestDb) {
    let server = NowPaymentsServer::start().await;
    let (provider, me) = (nowpayments(server.base(), false), owner(&test.db).await);
    let of = |deposit: &Deposit, payment: u32, status: &str| {
        callback(deposit, status, "10.5").replace("\"payment_id\":77", &format!("\"payment_id\":{payment}"))
    };
    let deposit = deposit(&test.db, &providers(provider.clone()), &me, "10.50", NOON).await;
    // One was short and went back, one has failed, and one brings it.
    for (payment, status) in [(1, "partially_paid"), (1, "refunded"), (3, "confirming"), (2, "failed")] {
        tell(test, &provider, &of(&deposit, payment, status)).await.unwrap();
    }
    assert_eq!(read(&test.db, deposit.id).await.status, DepositStatus::Pending, "the third is on its way");
    tell(test, &provider, &of(&deposit, 3, "finished")).await.unwrap();
    let done = read(&test.db, deposit.id).await;
    assert_eq!((done.status, done.rail_payment.as_deref()), (DepositStatus::Completed, Some("3")));
    assert_eq!(balance(&test.db, &me).await, 10_500_000);
    // A second one is not credited, and when it goes back, nothing is taken.
    for status in ["finished", "finished", "refunded"] {
        tell(test, &provider, &of(&deposit, 4, status)).await.unwrap();
    }
    assert_eq!((read(&test.db, deposit.id).await.returned.get(), balance(&test.db, &me).await), (0, 10_500_000));
    for _ in 0..2 {
        tell(test, &provider, &of(&deposit, 3, "refunded")).await.unwrap();
    }
    assert_eq!((read(&test.db, deposit.id).await.returned.get(), balance(&test.db, &me).await), (10_500_000, 0));
}

suite! {
    each_payment_of_an_invoice_is_one_of_its_own,
    an_invoice_is_opened_for_just_this_deposit,
    twenty_callbacks_at_once_bring_the_money_once,
    a_callback_is_believed_only_if_it_is_signed,
    a_part_is_told_and_late_money_counts,
}
