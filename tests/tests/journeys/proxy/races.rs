//! Many at once: nobody is served for nothing, and nobody pays twice.

use std::time::Duration;

use serde_json::json;

use super::{
    shop::{buyer, shop},
    upstream::{Part, Upstream, plain},
};
use crate::harness::{World, journeys, statuses, together};

fn slowly() -> Vec<Part> {
    let mut parts = vec![Part::Wait(Duration::from_millis(200))];
    parts.extend(plain(200, "", b"x"));
    parts
}

async fn money_for_ten_of_sixty_four_delivers_and_charges_ten(world: &mut World) {
    let there = Upstream::answering(slowly()).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "0.50").await;
    let replies = together(64, |_| {
        let (api, path) = (ann.api.clone(), shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 10), (402, 54)].into());
    assert_eq!((there.calls(), ann.balance().await), (10, ("0.00".to_owned(), "0.00".to_owned())));
    let usage = ann.api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&usage["total_spent_usd"], &usage["delivered_calls"]), (&json!("0.50"), &json!(10)));
    assert_eq!(shop.api.get("/api/v1/usage/services").await.expect(200)["total_spent_usd"], "0.50");
}

async fn five_for_nothing_of_twenty_are_five(world: &mut World) {
    let there = Upstream::answering(slowly()).await;
    let shop = shop(world, "shop", &there.url, &json!({"free_tier_calls": 5})).await;
    let ann = buyer(world, "ann", "0.10").await;
    let replies = together(20, |_| {
        let (api, path) = (ann.api.clone(), shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 7), (402, 13)].into());
    let free = replies.iter().filter(|reply| reply.header("x-acf-free-tier") == Some("true")).count();
    assert_eq!((free, there.calls(), ann.balance().await.0.as_str()), (5, 7, "0.00"));
    // Each buyer has its own.
    let bob = buyer(world, "bob", "0").await;
    assert_eq!(bob.api.get(&shop.path).await.header("x-acf-free-tier"), Some("true"));
}

async fn a_call_for_nothing_that_fails_is_given_back(world: &mut World) {
    let there = Upstream::start(|head, _| plain(if head.contains("/bad") { 500 } else { 200 }, "", b"x")).await;
    let shop = shop(world, "shop", &there.url, &json!({"free_tier_calls": 2})).await;
    let ann = buyer(world, "ann", "0").await;
    for _ in 0..5 {
        assert_eq!(ann.api.get(&format!("{}/bad", shop.path)).await.status, 500);
    }
    let statuses =
        [ann.api.get(&shop.path).await.status, ann.api.get(&shop.path).await.status, ann.api.get(&shop.path).await.status];
    assert_eq!(statuses, [200, 200, 402]);
}

async fn one_key_six_times_is_one_call(world: &mut World) {
    let there = Upstream::answering(slowly()).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for (n, header) in ["idempotency-key", "x-request-id"].into_iter().enumerate() {
        let replies = together(6, |_| {
            let (api, path) = (ann.api.with(header, "the-key"), shop.path.clone());
            async move { api.post(&path, &json!({"a": 1})).await }
        })
        .await;
        assert!(replies.iter().all(|reply| [200, 409].contains(&reply.status)), "{:?}", statuses(&replies));
        assert!(replies.iter().any(|reply| reply.status == 200));
        assert_eq!(there.calls(), n + 1);
        let again = ann.api.with(header, "the-key").post(&shop.path, &json!({"a": 1})).await;
        assert_eq!((again.status, again.header("idempotent-replayed"), again.text().as_str()), (200, Some("true"), "x"));
        assert_eq!(again.header("x-acf-amount"), Some("0.05"));
        let first = replies.iter().find(|reply| reply.status == 200).unwrap();
        assert_eq!(again.header("x-acf-usage-id"), first.header("x-acf-usage-id"));
        let other = ann.api.with(header, "the-key").post(&shop.path, &json!({"a": 2})).await;
        assert_eq!(other.expect_problem(422)["type"], "idempotency-key-reused");
        let elsewhere = ann.api.with(header, "the-key").post(&format!("{}/x", shop.path), &json!({"a": 1})).await;
        elsewhere.expect_problem(422);
    }
    assert_eq!((there.calls(), ann.balance().await.0.as_str()), (2, "0.90"));
    // Whoever is on the way adds a request id of its own: the first that can be a key is one. It may have spaces.
    let named = ann.api.with("x-request-id", "").with("x-request-id", "my own").with("x-request-id", "a proxy's");
    for replayed in [None, Some("true")] {
        assert_eq!(named.get(&format!("{}/y", shop.path)).await.header("idempotent-replayed"), replayed);
    }
    let twice = ann.api.with("idempotency-key", "a").with("idempotency-key", "a").get(&shop.path).await.expect_problem(400);
    assert_eq!((&twice["type"], &twice["errors"][0]["message"]), (&json!("bad-idempotency-key"), &json!("must be given once")));
    assert_eq!(there.calls(), 3);
    // A key belongs to its buyer, and to its service.
    let bob = buyer(world, "bob", "1.00").await;
    assert!(
        bob.api
            .with("idempotency-key", "the-key")
            .post(&shop.path, &json!({"a": 1}))
            .await
            .header("idempotent-replayed")
            .is_none()
    );
    assert_eq!(there.calls(), 4);
}

journeys! {
    money_for_ten_of_sixty_four_delivers_and_charges_ten,
    five_for_nothing_of_twenty_are_five,
    a_call_for_nothing_that_fails_is_given_back,
    one_key_six_times_is_one_call,
}
