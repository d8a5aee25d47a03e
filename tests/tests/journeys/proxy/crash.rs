//! The process dies while calls are being made.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    shop::{buyer, shop},
    upstream::{Part, Upstream, plain},
};
use crate::harness::{World, eventually, journeys, text, together};

/// How many calls there are when it dies.
const CALLS: usize = 200;
/// Short, so that the test does not wait long for the holds to end.
const SHORT: [&str; 2] = ["--service-call-seconds=3", "--hold-grace-seconds=1"];

async fn of_200_calls_each_is_delivered_and_charged_or_free(world: &mut World) {
    world.restart_with(&SHORT).await;
    // Some answer at once, some while it dies, some never would have.
    let there = Upstream::start(|_, body| {
        let n: u64 = String::from_utf8_lossy(body).trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
        let mut parts = vec![Part::Wait(Duration::from_millis(n % 50 * 40))];
        parts.extend(plain(200, "", b"served"));
        parts
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "20.00").await;
    let (api, path) = (ann.api.clone(), shop.path.clone());
    let calls = tokio::spawn(async move {
        together(CALLS, |n| {
            let (api, path) = (api.with("idempotency-key", &format!("call-{n}")), path.clone());
            async move { api.try_post(&path, &json!(n)).await.filter(|reply| reply.status == 200 && reply.text() == "served") }
        })
        .await
    });
    eventually("most of them have reached the provider", async || (there.calls() >= CALLS / 4).then_some(())).await;
    world.crash_and_restart_with(&SHORT).await;
    let heard: Vec<usize> = calls.await.unwrap().iter().enumerate().filter_map(|(n, reply)| reply.as_ref().map(|_| n)).collect();
    let reached = there.calls();
    let (api, provider) = (world.stranger().with("authorization", &ann.bearer), world.stranger());
    eventually("nothing is held any more", async || {
        let balance = api.get("/api/v1/balance/ann").await.expect(200);
        (balance["held"] == "0.00").then_some(())
    })
    .await;
    let running = eventually("every call has ended", async || {
        let records = records(&api).await;
        // The calls that the janitor closes appear when they have ended.
        let total = records.len();
        tokio::time::sleep(Duration::from_secs(6)).await;
        (records_count(&api).await == total).then_some(records)
    })
    .await;
    let delivered = running.iter().filter(|record| record["delivered"] == true).count();
    for record in &running {
        let (amount, is_delivered) = (text(&record["amount"]), record["delivered"] == true);
        assert_eq!(amount, if is_delivered { "0.05" } else { "0.00" }, "{record}");
        assert!(is_delivered || record["reason"] == "interrupted", "{record}");
    }
    let cents = 2_000 - 5 * i64::try_from(delivered).unwrap();
    let balance = api.get("/api/v1/balance/ann").await.expect(200);
    assert_eq!(balance["available"], format!("{}.{:02}", cents / 100, cents % 100), "what is charged is what was delivered");
    assert!(delivered < running.len(), "some were cut off, or this proves nothing: {delivered} of {}", running.len());
    assert!(!heard.is_empty() && heard.len() <= delivered, "{} were heard of {delivered} delivered", heard.len());
    // Whoever was served has its answer for good, and nobody is served, or charged, by asking again.
    for n in heard.iter().take(20) {
        let again = api.with("idempotency-key", &format!("call-{n}")).post(&shop.path, &json!(n)).await;
        assert_eq!((again.status, again.text().as_str()), (200, "served"));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    assert_eq!(there.calls(), reached, "no call is made again");
    assert_eq!(provider.get("/ready").await.status, 200);
}

/// All records of the buyer's calls that have ended.
async fn records(api: &crate::harness::Api) -> Vec<Value> {
    let mut all = Vec::new();
    for offset in (0..).step_by(100) {
        let page = api.get(&format!("/api/v1/usage/me?limit=100&offset={offset}")).await.expect(200);
        let records = page["records"].as_array().unwrap();
        all.extend(records.iter().cloned());
        if records.len() < 100 {
            break;
        }
    }
    all
}

async fn records_count(api: &crate::harness::Api) -> usize {
    records(api).await.len()
}

journeys! {
    of_200_calls_each_is_delivered_and_charged_or_free,
}
