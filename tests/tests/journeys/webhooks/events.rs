//! What is told of what really happens, and to whom.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    super::{
        market::support::with_admin,
        proxy::{
            shop::{buyer, shop},
            upstream::{Upstream, plain},
        },
    },
    told::{Receiver, SECRET, SECRET_KEY, Told},
};
use crate::harness::{Kind, World, journeys, text};

const ALL: [&str; 5] = ["service.called", "service.failed", "payment.completed", "reputation.updated", "settlement.completed"];

/// A provider's server, whose `/fail` is broken.
async fn upstream() -> Upstream {
    Upstream::start(|head, _| plain(if head.contains("/fail") { 500 } else { 200 }, "", b"{}")).await
}

async fn the_events_of_the_reference_are_told_to_their_parties_and_to_nobody_else(world: &mut World) {
    let root = with_admin(world, &[]).await;
    let upstream = upstream().await;
    let shop = shop(world, "shop", &upstream.url, &json!({"free_tier_calls": 1})).await;
    let (mine, rival) = (buyer(world, "my-agent", "1.00").await, buyer(world, "rival", "0").await);
    let (to_shop, to_mine, to_rival) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let hook = to_mine.subscribe(&mine.api, &ALL).await;
    to_shop.subscribe(&shop.api, &ALL).await;
    to_rival.subscribe(&rival.api, &ALL).await;

    // One is free, one is paid, and one fails.
    for (path, status) in [("", 200), ("", 200), ("/fail", 500)] {
        mine.api.post(&format!("{}{path}", shop.path), &json!({})).await.expect(status);
    }
    for receiver in [&to_mine, &to_shop] {
        let called = receiver.until("service.called", 2).await;
        let paid = receiver.until("payment.completed", 1).await;
        let failed = receiver.until("service.failed", 1).await;
        let amounts: Vec<String> = called.iter().map(amount).collect();
        assert_eq!(amounts, ["0.00", "0.05"], "exactly, and in order");
        assert_eq!(paid[0].body["payload"], called[1].body["payload"]);
        assert!(failed[0].body["payload"]["reason"].is_string(), "{}", failed[0].body);
        for told in called.iter().chain(&paid).chain(&failed) {
            assert!(told.verify(SECRET) && told.verify_standard(SECRET_KEY));
            assert_eq!(told.header("x-acf-event"), text(&told.body["event"]));
            assert_eq!(told.header("content-type"), "application/json");
        }
    }
    let paid = to_mine.of("service.called").remove(1);
    let usage = mine.api.get("/api/v1/usage/me").await.expect(200)["records"][1].clone();
    let fields: BTreeSet<&str> = paid.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["event", "payload", "timestamp", "webhook_id"]));
    assert_eq!(paid.body["webhook_id"], hook["id"]);
    let payload = paid.body["payload"].clone();
    let expected = json!({
        "usage_id": usage["usage_id"], "service_id": shop.service, "buyer_id": "my-agent", "provider_id": "shop", "amount_usd": 0.05,
        "payment_method": payload["payment_method"], "status_code": 200, "latency_ms": payload["latency_ms"],
    });
    assert_eq!(payload, expected);
    assert!(payload["payment_method"].is_string() && payload["latency_ms"].is_u64());

    let scored = to_shop.until("reputation.updated", 1).await.remove(0).body;
    assert_eq!(scored["payload"]["provider_id"], "shop");
    assert!(scored["payload"]["overall_score"].is_number(), "{scored}");
    let period = json!({"provider_id": "shop", "period_start": "2020-01-01", "period_end": "2100-01-01"});
    let settlement = root.post("/api/v1/settlements", &period).await.expect(201);
    let pay = format!("/api/v1/settlements/{}/pay", text(&settlement["id"]));
    root.patch(&pay, &json!({"payment_tx": "0xabc"})).await.expect(200);
    let settled = to_shop.until("settlement.completed", 1).await.remove(0);
    let told = &settled.body["payload"];
    assert_eq!((&told["settlement_id"], &told["provider_id"]), (&settlement["id"], &json!("shop")));
    assert_eq!((&told["net_amount"], &told["payment_tx"]), (&settlement["net_amount"], &json!("0xabc")));
    assert!(settled.verify(SECRET));

    assert!(to_mine.of("reputation.updated").is_empty() && to_mine.of("settlement.completed").is_empty());
    assert!(to_rival.told().is_empty(), "{:?}", to_rival.told());
}

/// The amount as it stands in the body.
fn amount(told: &Told) -> String {
    let text = String::from_utf8(told.raw.clone()).unwrap();
    let (_, rest) = text.split_once("\"amount_usd\":").unwrap();
    rest.split(',').next().unwrap().to_owned()
}

async fn two_replicas_tell_an_event_once(world: &mut World) {
    if world.kind != Kind::Postgres {
        return;
    }
    let replica = world.replica().await;
    let upstream = upstream().await;
    let shop = shop(world, "shop", &upstream.url, &json!({})).await;
    let mine = buyer(world, "my-agent", "10.00").await;
    let receiver = Receiver::start().await;
    receiver.subscribe(&mine.api, &["service.called"]).await;
    let there = replica.api().with("authorization", &mine.bearer);
    for n in 0..30 {
        let api = if n % 2 == 0 { &mine.api } else { &there };
        api.post(&shop.path, &json!({})).await.expect(200);
    }
    receiver.until("service.called", 30).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let told = receiver.told();
    let usages: BTreeSet<String> = told.iter().map(|one| text(&one.body["payload"]["usage_id"])).collect();
    assert_eq!((told.len(), usages.len()), (30, 30));
}

journeys! {
    the_events_of_the_reference_are_told_to_their_parties_and_to_nobody_else,
    two_replicas_tell_an_event_once,
}
