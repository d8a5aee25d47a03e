//! What is not delivered is not charged, and the record says why.

use std::time::Duration;

use serde_json::json;

use super::{
    shop::{buyer, shop},
    upstream::{Part, Upstream, plain, raw},
};
use crate::harness::{Api, World, eventually, journeys, text};

async fn what_is_not_delivered_is_not_charged(world: &mut World) {
    world.restart_with(&["--service-timeout-seconds=1"]).await;
    let there = Upstream::start(|head, _| match head.split(' ').nth(1).unwrap_or_default() {
        "/base/500" => plain(500, "", b"boom"),
        "/base/slow" => vec![Part::Wait(Duration::from_secs(5))],
        "/base/stuck" => {
            vec![Part::Bytes(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc".to_vec()), Part::Wait(Duration::from_secs(5))]
        }
        "/base/short" => vec![Part::Bytes(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc".to_vec()), Part::Close],
        "/base/chunk" => {
            vec![Part::Bytes(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz".to_vec()), Part::Close]
        }
        "/base/junk" => vec![Part::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), Part::Close],
        "/base/switch" => raw("HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        "/base/close" => vec![Part::Close],
        _ => plain(200, "", b"fine"),
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for (path, status, recorded, reason) in [
        ("500", 500, 500, "provider_error"),
        ("slow", 504, 504, "timeout"),
        ("stuck", 504, 504, "timeout"),
        ("short", 502, 502, "broken_answer"),
        ("chunk", 502, 502, "broken_answer"),
        ("junk", 502, 502, "broken_answer"),
        ("close", 502, 502, "broken_answer"),
        ("switch", 502, 502, "broken_answer"),
    ] {
        let answer = ann.api.get(&format!("{}/{path}", shop.path)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!((answer.header("x-acf-amount"), answer.header("x-acf-free-tier")), (Some("0.00"), Some("false")), "{path}");
        let usage = ann.last_usage().await;
        assert_eq!(answer.header("x-acf-usage-id"), usage["usage_id"].as_str(), "{path}");
        assert_eq!((&usage["delivered"], &usage["reason"]), (&json!(false), &json!(reason)), "{path}");
        assert_eq!((&usage["status_code"], &usage["amount"]), (&json!(recorded), &json!("0.00")), "{path}");
        if path == "500" {
            assert_eq!(answer.text(), "boom", "what the provider says of its failure is passed on");
        } else {
            answer.expect_problem(status);
        }
        assert_eq!(ann.balance().await, ("1.00".to_owned(), "0.00".to_owned()), "{path}");
        // One that is well in between keeps the circuit closed.
        assert_eq!(ann.api.get(&shop.path).await.status, 200);
        ann.fund("0.05").await;
    }
}

async fn a_server_that_fails_is_left_in_peace(world: &mut World) {
    // A port that nobody listens on.
    let gone = {
        let there = Upstream::answering(plain(200, "", b"x")).await;
        there.url.clone()
    };
    let shop = shop(world, "shop", &gone, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for _ in 0..5 {
        assert_eq!(ann.api.get(&shop.path).await.expect_problem(502)["type"], "provider-unreachable");
    }
    let answer = ann.api.with("idempotency-key", "k").get(&shop.path).await;
    assert_eq!(answer.expect_problem(503)["type"], "circuit-open");
    assert!(answer.header("retry-after").is_some());
    let usage = ann.last_usage().await;
    assert_eq!((&usage["reason"], &usage["amount"]), (&json!("circuit_open"), &json!("0.00")));
    assert_eq!(ann.balance().await, ("1.00".to_owned(), "0.00".to_owned()));
    ann.api.get("/api/v1/admin/circuits").await.expect_problem(403);
    // Nothing was sent: the key is free for another try.
    assert!(ann.api.with("idempotency-key", "k").get(&shop.path).await.header("idempotent-replayed").is_none());
}

async fn a_service_may_say_how_long_it_takes(world: &mut World) {
    let there = Upstream::answering(vec![Part::Wait(Duration::from_secs(3)), Part::Close]).await;
    let shop = shop(world, "shop", &there.url, &json!({"timeout_seconds": 1})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let since = std::time::Instant::now();
    ann.api.get(&shop.path).await.expect_problem(504);
    assert!(since.elapsed() < Duration::from_millis(2_900), "{:?}", since.elapsed());
    for seconds in [json!(0), json!(-1), json!(301)] {
        let change = json!({"timeout_seconds": seconds});
        shop.api.patch(&format!("/api/v1/services/{}", shop.service), &change).await.expect_problem(400);
    }
}

async fn who_cannot_pay_is_told_how_to(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "0").await;
    let refused = ann.api.get(&shop.path).await.expect_problem(402);
    assert_eq!(
        (&refused["type"], &refused["required"], &refused["available"]),
        (&json!("insufficient-balance"), &json!("0.05"), &json!("0.00"))
    );
    assert!(text(&refused["detail"]).contains("POST /api/v1/deposits"));
    ann.fund("0.049999").await;
    assert_eq!(ann.api.get(&shop.path).await.expect_problem(402)["available"], "0.049999");
    ann.fund("0.000001").await;
    assert_eq!(ann.api.get(&shop.path).await.status, 200);
    assert_eq!((ann.balance().await.0.as_str(), there.calls()), ("0.00", 1));
}

/// Short, so that the test does not wait long for the hold to end.
const SHORT: [&str; 2] = ["--service-call-seconds=2", "--hold-grace-seconds=1"];

async fn a_crash_during_a_call_charges_nothing(world: &mut World) {
    world.restart_with(&SHORT).await;
    let there = Upstream::answering(vec![Part::Wait(Duration::from_secs(20))]).await;
    let shop = shop(world, "shop", &there.url, &json!({"free_tier_calls": 1})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let calls: Vec<_> = (0..2)
        .map(|n| {
            let (api, path) = (ann.api.with("idempotency-key", &format!("k{n}")), shop.path.clone());
            tokio::spawn(async move { api.try_post(&path, &json!({})).await })
        })
        .collect();
    eventually("both are being made", async || (there.calls() == 2 || ann.balance().await.1 == "0.05").then_some(())).await;
    world.crash_and_restart_with(&SHORT).await;
    for call in calls {
        call.abort();
    }
    let api = world.stranger().with("authorization", &ann.bearer);
    let balance = async || api.get("/api/v1/balance/ann").await.expect(200);
    eventually("the money is back", async || (balance().await["available"] == "1.00").then_some(())).await;
    let usage = eventually("the calls are closed", async || {
        let usage = api.get("/api/v1/usage/me").await.expect(200);
        (usage["total_calls"] == 2).then_some(usage)
    })
    .await;
    assert_eq!((&usage["total_spent_usd"], &usage["delivered_calls"]), (&json!("0.00"), &json!(0)));
    assert!(usage["records"].as_array().unwrap().iter().all(|one| one["reason"] == "interrupted"), "{usage}");
    // Whether the provider did it is unknown: a repeat does not do it again.
    for key in ["k0", "k1"] {
        let answer = api.with("idempotency-key", key).post(&shop.path, &json!({})).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (503, Some("true")), "{}", answer.text());
    }
}

async fn a_server_that_is_told_to_stop_ends_its_calls_first(world: &mut World) {
    let there = Upstream::start(|_, _| {
        let mut answer = vec![Part::Wait(Duration::from_secs(2))];
        answer.extend(plain(200, "", b"fine"));
        answer
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let call = |api: Api| {
        let path = shop.path.clone();
        tokio::spawn(async move { api.try_post(&path, &json!({})).await })
    };
    let (waits, leaves) = (call(ann.api.clone()), call(ann.api.with("idempotency-key", "k")));
    eventually("both are being made", async || (there.calls() == 2).then_some(())).await;
    leaves.abort();
    world.restart_with(&[]).await;
    let answer = waits.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "fine"));
    let api = world.stranger().with("authorization", &ann.bearer);
    let usage = api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&usage["delivered_calls"], &usage["total_spent_usd"]), (&json!(2), &json!("0.10")));
    let again = api.with("idempotency-key", "k").post(&shop.path, &json!({})).await;
    assert_eq!((again.status, again.header("idempotent-replayed"), there.calls()), (200, Some("true"), 2));
}

journeys! {
    a_server_that_is_told_to_stop_ends_its_calls_first,
    what_is_not_delivered_is_not_charged,
    a_server_that_fails_is_left_in_peace,
    a_service_may_say_how_long_it_takes,
    who_cannot_pay_is_told_how_to,
    a_crash_during_a_call_charges_nothing,
}
