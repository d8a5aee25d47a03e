//! A process may die between an event and its delivery, and in the middle of one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{
    super::proxy::{
        shop::{buyer, shop},
        upstream::{Part, Upstream, plain},
    },
    told::Receiver,
};
use crate::harness::{World, eventually, journeys, text};

const CALLS: usize = 20;

async fn what_was_paid_is_told_although_the_process_was_killed(world: &mut World) {
    let upstream = Upstream::answering(plain(200, "", b"{}")).await;
    let shop = shop(world, "shop", &upstream.url, &json!({})).await;
    let mine = buyer(world, "my-agent", "10.00").await;
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let receiver = Receiver::making(move |_, _| match gate.load(Ordering::SeqCst) {
        true => plain(200, "", b"{}"),
        false => vec![Part::Wait(Duration::from_secs(120)), Part::Close],
    })
    .await;
    receiver.subscribe(&mine.api, &["payment.completed"]).await;
    for _ in 0..CALLS {
        mine.api.post(&shop.path, &json!({})).await.expect(200);
    }
    // Right after the last call: some of it is queued, some is not, and something may be on its way.
    world.crash_and_restart_with(&[]).await;
    open.store(true, Ordering::SeqCst);
    let told = eventually("all are told", async || {
        let told = receiver.of("payment.completed");
        let usages: BTreeSet<String> = told.iter().map(|one| text(&one.body["payload"]["usage_id"])).collect();
        (usages.len() == CALLS).then_some(told)
    })
    .await;
    let mine = world.stranger().with("authorization", &mine.bearer);
    let page = mine.get("/api/v1/webhooks").await.expect(200);
    let log = format!("/api/v1/webhooks/{}/deliveries?limit=100", text(&page["webhooks"][0]["id"]));
    eventually("all are written down", async || {
        let page = mine.get(&log).await.expect(200);
        assert_eq!(page["count"], CALLS, "an event is queued once");
        page["deliveries"].as_array().unwrap().iter().all(|one| one["status"] == "delivered").then_some(())
    })
    .await;
    // Whatever came twice came with one id.
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in &told {
        ids.entry(text(&one.body["payload"]["usage_id"])).or_default().insert(one.header("webhook-id"));
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
}

journeys!(what_was_paid_is_told_although_the_process_was_killed);
