//! Deposits by PayPal.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{super::proxy::buyer, fake::PayPalServer};
use crate::harness::{Api, Reply, World, eventually, journeys, statuses, text, together};

pub async fn with_paypal(world: &mut World, paypal: &PayPalServer, more: &[&str]) {
    let base = format!("--paypal-base-url={}", paypal.base());
    let flags = ["--paypal-client-id=client", "--paypal-client-secret=secret", "--paypal-webhook-id=WH1", &base];
    world.restart_with(&[flags.as_slice(), more].concat()).await;
}

pub async fn event(api: &Api, signature: &str, event: &str) -> Reply {
    let api = api
        .with("paypal-transmission-id", "69cd13f0")
        .with("paypal-transmission-time", &rialto_kernel::Clock::system().now().to_string())
        .with("paypal-transmission-sig", signature)
        .with("paypal-cert-url", "https://api.paypal.com/cert")
        .with("paypal-auth-algo", "SHA256withRSA")
        .with("content-type", "application/json");
    api.send(Method::POST, "/api/v1/deposits/webhooks/paypal", event.to_owned().into()).await
}

pub fn approved(order: &str) -> String {
    json!({"id": "WH-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": order}}).to_string()
}

async fn a_buyer_pays_at_paypal_and_has_the_money_once(world: &mut World) {
    let unheard = event(&world.stranger(), "good", &approved("ORDER1")).await;
    unheard.expect_problem(404);
    let paypal = PayPalServer::start().await;
    with_paypal(world, &paypal, &["--sandbox=false"]).await;
    assert!(world.server.log().contains("\"rails\":\"paypal\""), "{}", world.server.log());
    let ann = buyer(world, "ann", "0").await;
    let refused = ann.api.post("/api/v1/deposits", &json!({"amount": 10, "rail": "nowpayments"})).await.expect_problem(400);
    assert!(text(&refused["type"]).contains("rail-not-configured") && text(&refused["detail"]).contains("paypal"), "{refused}");
    ann.api.post("/api/v1/deposits", &json!({"amount": "0.001"})).await.expect_problem(400);

    // A provider that fails leaves nothing behind, and the same key has the same checkout.
    let once = ann.api.with("idempotency-key", "d1");
    let wish = json!({"amount": 10.5, "payment_method": "paypal"});
    paypal.knows().down = Some(503);
    once.post("/api/v1/deposits", &wish).await.expect_problem(502);
    assert_eq!(ann.api.get("/api/v1/deposits").await.expect(200)["count"], 0);
    paypal.knows().down = None;
    let deposit = once.post("/api/v1/deposits", &wish).await.expect(200);
    assert_eq!(once.post("/api/v1/deposits", &wish).await.expect(200), deposit);
    assert_eq!(
        (&deposit["rail"], &deposit["amount"], &deposit["status"]),
        (&json!("paypal"), &json!("10.50"), &json!("pending"))
    );
    assert_eq!(deposit["checkout_url"], "https://www.sandbox.paypal.com/checkoutnow?token=ORDER1");
    assert_eq!(paypal.knows().orders.len(), 1);
    let place = format!("/api/v1/deposits/{}", text(&deposit["deposit_id"]));
    ann.api.post(&format!("{place}/confirm"), &json!({})).await.expect_problem(403);
    let capture = format!("{place}/capture");
    assert_eq!(ann.api.post(&capture, &json!({})).await.expect(200)["status"], "pending", "nothing is approved");
    let bob = buyer(world, "bob", "0").await;
    bob.api.post(&capture, &json!({})).await.expect_problem(403);
    world.stranger().post(&capture, &json!({})).await.expect_problem(401);

    paypal.approve("ORDER1");
    let stranger = world.stranger();
    for (signature, body, status) in [
        ("forged", approved("ORDER1"), 401),
        ("", approved("ORDER1"), 401),
        ("good", "{".to_owned(), 400),
        ("good", "[]".to_owned(), 400),
        ("good", "x".repeat(70_000), 413),
        ("good", approved("ORDER77"), 200),
        ("good", json!({"event_type": "BILLING.PLAN.CREATED", "resource": {}}).to_string(), 200),
    ] {
        let reply = event(&stranger, signature, &body).await;
        assert_eq!(reply.status, status, "{signature} {}: {}", body.chars().take(80).collect::<String>(), reply.text());
    }
    assert_eq!(ann.balance().await.0, "0.00");
    let replies = together(20, |_| {
        let api = stranger.clone();
        async move { event(&api, "good", &approved("ORDER1")).await }
    })
    .await;
    let counts = statuses(&replies);
    assert!(counts.keys().all(|status| [200, 503].contains(status)) && counts[&200] >= 16, "{counts:?}");
    assert_eq!((ann.balance().await.0.as_str(), paypal.knows().captures), ("10.50", 1));
    let done = ann.api.get(&place).await.expect(200);
    assert_eq!((&done["status"], &done["note"]), (&json!("completed"), &Value::Null));
    assert_eq!(ann.api.post(&capture, &json!({})).await.expect(200), done);
    let whole = ann.api.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!((&whole["total_deposited"], &whole["total_spent"]), (&json!("10.50"), &json!("0.00")));
}

async fn a_buyer_captures_and_sees_deposits_page_by_page(world: &mut World) {
    let paypal = PayPalServer::start().await;
    with_paypal(world, &paypal, &[]).await;
    let ann = buyer(world, "ann", "0").await;
    let mut ids = Vec::new();
    for rail in ["paypal", "simulated", "paypal"] {
        let made = ann.api.post("/api/v1/deposits", &json!({"amount": "2", "rail": rail})).await.expect(200);
        ids.push(text(&made["deposit_id"]));
    }
    let capture = |n: usize| format!("/api/v1/deposits/{}/capture", ids[n]);
    ann.api.post(&capture(1), &json!({})).await.expect_problem(409);
    paypal.approve("ORDER2");
    paypal.end_tokens();
    let captured = together(8, |_| {
        let (api, path) = (ann.api.clone(), capture(2));
        async move { api.post(&path, &json!({})).await }
    })
    .await;
    // One asks; the others are told what is known, for it was asked just now.
    assert!(captured.iter().any(|reply| reply.expect(200)["status"] == "completed"));
    assert_eq!((ann.balance().await.0.as_str(), paypal.knows().captures), ("2.00", 1));
    paypal.knows().down = Some(500);
    ann.api.post(&capture(0), &json!({})).await.expect_problem(502);

    let mut seen = Vec::new();
    let mut path = "/api/v1/deposits?limit=1".to_owned();
    loop {
        let page = ann.api.get(&path).await.expect(200);
        seen.extend(page["deposits"].as_array().unwrap().iter().map(|deposit| text(&deposit["deposit_id"])));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/deposits?limit=1&cursor={next}");
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let pending = ann.api.get("/api/v1/deposits?status=pending").await.expect(200);
    assert_eq!((&pending["count"], &pending["next_cursor"]), (&json!(2), &Value::Null));
    ann.api.get("/api/v1/deposits?status=perhaps").await.expect_problem(400);
    for wrong in ["limit=0", "limit=-1", "limit=101", "cursor=x", "cursor=0198c0de-0000-7000-8000-000000000001"] {
        ann.api.get(&format!("/api/v1/deposits?{wrong}")).await.expect_problem(422);
    }
    let bob = buyer(world, "bob", "0").await;
    bob.api.get("/api/v1/deposits?buyer_id=ann").await.expect_problem(403);
    bob.api.get(&format!("/api/v1/deposits?cursor={}", ids[0])).await.expect_problem(422);
    assert_eq!(bob.api.get("/api/v1/deposits").await.expect(200)["count"], 0);
    world.stranger().get("/api/v1/deposits").await.expect_problem(401);
}

async fn a_lost_event_loses_no_money(world: &mut World) {
    let paypal = PayPalServer::start().await;
    with_paypal(world, &paypal, &["--deposit-ask-seconds=1"]).await;
    let ann = buyer(world, "ann", "0").await;
    ann.api.post("/api/v1/deposits", &json!({"amount": "3"})).await.expect(200);
    paypal.approve("ORDER1");
    eventually("the money is taken", async || (paypal.knows().captures == 1).then_some(())).await;
    // The key may ask so often a minute, and no more often.
    eventually("the money is there", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        (ann.balance().await.0 == "3.00").then_some(())
    })
    .await;
}

journeys! {
    a_buyer_pays_at_paypal_and_has_the_money_once,
    a_buyer_captures_and_sees_deposits_page_by_page,
    a_lost_event_loses_no_money,
}
