//! Deposits by NOWPayments.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use serde_json::{Value, json};
use sha2::Sha512;

use super::{
    super::proxy::buyer,
    fake::{NowPaymentsServer, PayPalServer},
};
use crate::harness::{Api, Reply, World, journeys, statuses, text, together};

fn sign(secret: &str, sorted: &str) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).unwrap().chain_update(sorted);
    hex::encode(mac.finalize().into_bytes())
}

async fn send(api: &Api, signature: &str, body: &str) -> Reply {
    let api = api.with("x-nowpayments-sig", signature).with("content-type", "application/json");
    api.send(Method::POST, "/api/v1/deposits/webhooks/nowpayments", body.to_owned().into()).await
}

async fn tell(api: &Api, body: &str) -> Reply {
    send(api, &sign("ipn secret of the suite", body), body).await
}

/// A callback, with its keys sorted.
fn callback(deposit: &Value, status: &str, price: &str) -> String {
    let id = text(&deposit["deposit_id"]);
    format!(
        "{{\"actually_paid\":0.5,\"invoice_id\":4500,\"order_id\":\"{id}\",\"pay_amount\":1.0,\"pay_currency\":\"ltc\",\"payment_id\":7,\
         \"payment_status\":\"{status}\",\"price_amount\":{price},\"price_currency\":\"usd\"}}"
    )
}

async fn a_buyer_pays_in_coins_and_has_the_money_once(world: &mut World) {
    let server = NowPaymentsServer::start().await;
    let base = format!("--nowpayments-base-url={}", server.base());
    let secret = "--nowpayments-ipn-secret=ipn secret of the suite";
    world
        .restart_with(&[
            "--nowpayments-api-key=np-key",
            secret,
            &base,
            "--public-url=https://rialto.example/",
            "--deposit-return-url=https://shop.example/paid",
        ])
        .await;
    let ann = buyer(world, "ann", "0").await;
    let once = ann.api.with("idempotency-key", "d1");
    server.till().down = Some(500);
    once.post("/api/v1/deposits", &json!({"amount": "10.10"})).await.expect_problem(502);
    server.till().down = None;
    let deposit = once.post("/api/v1/deposits", &json!({"amount": "10.10"})).await.expect(200);
    assert_eq!(once.post("/api/v1/deposits", &json!({"amount": "10.10"})).await.expect(200), deposit);
    assert_eq!((&deposit["rail"], &deposit["amount"]), (&json!("nowpayments"), &json!("10.10")));
    assert_eq!(deposit["checkout_url"], "https://nowpayments.io/payment/?iid=4500");
    let invoice = server.till().invoices[0].clone();
    assert_eq!(invoice["ipn_callback_url"], "https://rialto.example/api/v1/deposits/webhooks/nowpayments");
    assert_eq!(invoice["success_url"], format!("https://shop.example/paid?deposit={}", text(&deposit["deposit_id"])));
    assert_eq!(
        invoice["cancel_url"],
        format!("https://rialto.example/?checkout=cancelled&deposit={}", text(&deposit["deposit_id"]))
    );

    let (stranger, finished) = (world.stranger(), callback(&deposit, "finished", "10.1"));
    let place = format!("/api/v1/deposits/{}", text(&deposit["deposit_id"]));
    for (signature, body, status) in [
        ("", finished.clone(), 401),
        ("00", finished.clone(), 401),
        (sign("another secret", &finished).as_str(), finished.clone(), 401),
        (sign("ipn secret of the suite", &finished).as_str(), callback(&deposit, "finished", "99"), 401),
        ("00", "{".to_owned(), 400),
        (sign("ipn secret of the suite", "[]").as_str(), "[]".to_owned(), 400),
        ("00", "x".repeat(70_000), 413),
        ("00", "[".repeat(60_000), 400),
    ] {
        let reply = send(&stranger, signature, &body).await;
        assert_eq!(reply.status, status, "{signature} {}: {}", body.chars().take(80).collect::<String>(), reply.text());
    }
    let unknown = json!({"order_id": "0198c0de-0000-7000-8000-000000000001", "payment_status": "finished"}).to_string();
    tell(&stranger, &unknown).await.expect(200);
    tell(&stranger, &callback(&deposit, "confirming", "10.1")).await.expect(200);
    tell(&stranger, &callback(&deposit, "partially_paid", "10.1")).await.expect(200);
    let part = ann.api.get(&place).await.expect(200);
    assert_eq!((&part["status"], &part["note"]), (&json!("pending"), &json!("Only a part was paid: 0.5 of 1.0 ltc.")));
    tell(&stranger, &callback(&deposit, "expired", "10.1")).await.expect(200);
    assert_eq!(ann.api.get(&place).await.expect(200)["status"], "failed");
    assert_eq!(ann.balance().await.0, "0.00");

    let replies = together(20, |_| {
        let (api, body) = (stranger.clone(), finished.clone());
        async move { tell(&api, &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 20)].into());
    tell(&stranger, &callback(&deposit, "confirming", "10.1")).await.expect(200);
    assert_eq!(ann.balance().await.0, "10.10");
    let done = ann.api.get(&place).await.expect(200);
    assert_eq!((&done["status"], &done["returned_at"]), (&json!("completed"), &Value::Null));
    tell(&stranger, &callback(&deposit, "refunded", "10.1")).await.expect(200);
    assert!(ann.api.get(&place).await.expect(200)["returned_at"].is_string());
    assert_eq!(ann.balance().await.0, "10.10");
    assert!(world.server.log().contains("the payer of a deposit has the money back"));
    let log = world.server.log();
    assert!(!log.contains("np-key") && !log.contains("ipn secret"), "no secret is logged");
}

async fn the_first_rail_is_taken_and_all_may_be_named(world: &mut World) {
    let (paypal, nowpayments) = (PayPalServer::start().await, NowPaymentsServer::start().await);
    let bases = [format!("--paypal-base-url={}", paypal.base()), format!("--nowpayments-base-url={}", nowpayments.base())];
    world
        .restart_with(&[
            "--paypal-client-id=client",
            "--paypal-client-secret=secret",
            "--nowpayments-api-key=np-key",
            "--nowpayments-ipn-secret=ipn secret of the suite",
            &bases[0],
            &bases[1],
        ])
        .await;
    let ann = buyer(world, "ann", "0").await;
    for (named, rail) in
        [(None, "paypal"), (Some("paypal"), "paypal"), (Some("nowpayments"), "nowpayments"), (Some("simulated"), "simulated")]
    {
        let made = ann.api.post("/api/v1/deposits", &json!({"amount": 1, "rail": named})).await.expect(200);
        assert_eq!(made["rail"], rail);
    }
    let refused = ann.api.post("/api/v1/deposits", &json!({"amount": 1, "rail": "cheque"})).await.expect_problem(400);
    assert!(text(&refused["detail"]).ends_with("paypal, nowpayments, simulated"), "{refused}");
    // Without the id of its webhook nothing that says it is PayPal is heard.
    world.stranger().post("/api/v1/deposits/webhooks/paypal", &json!({})).await.expect_problem(404);
    assert!(world.server.log().contains("RIALTO_PAYPAL_WEBHOOK_ID"));
}

journeys! { a_buyer_pays_in_coins_and_has_the_money_once, the_first_rail_is_taken_and_all_may_be_named }
