//! Receivers that fail.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    super::proxy::shop::buyer,
    told::{Receiver, delivery, path},
};
use crate::harness::{World, journeys, text};

/// A receiver that answers with a status which may change, and when it was asked.
async fn failing(status: u16) -> (Receiver, Arc<AtomicU16>, Arc<Mutex<Vec<Instant>>>) {
    let (status, asked) = (Arc::new(AtomicU16::new(status)), Arc::<Mutex<Vec<Instant>>>::default());
    let (shared, times) = (Arc::clone(&status), Arc::clone(&asked));
    let receiver = Receiver::making(move |_, _| {
        times.lock().unwrap().push(Instant::now());
        let head = "location: http://127.0.0.1:9/elsewhere\r\n";
        super::super::proxy::upstream::plain(shared.load(Ordering::SeqCst), head, b"{}")
    })
    .await;
    (receiver, status, asked)
}

async fn what_fails_is_sent_after_1_2_and_4_seconds_then_dead_then_replayed(world: &mut World) {
    let mine = buyer(world, "my-agent", "0").await.api;
    let other = buyer(world, "other", "0").await.api;
    let (receiver, status, asked) = failing(503).await;
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    mine.post(&format!("{}/test", path(&hook)), &json!({})).await.expect(202);
    let waits = delivery(&mine, &hook, "pending").await;
    let again = format!("{}/deliveries/{}/replay", path(&hook), text(&waits["id"]));
    assert_eq!(mine.post(&again, &json!({})).await.expect_problem(409)["type"], "delivery-pending");
    let dead = delivery(&mine, &hook, "dead").await;
    assert_eq!((&dead["attempts"], &dead["last_status_code"]), (&json!(4), &json!(503)));
    assert_eq!((&dead["last_error"], &dead["next_attempt_at"]), (&json!("the receiver answered 503"), &json!(null)));
    let times = asked.lock().unwrap().clone();
    let gaps: Vec<Duration> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(gaps.len(), 3);
    for (gap, seconds) in gaps.iter().zip([1, 2, 4]) {
        // A busy machine is late, and never early.
        assert!(
            *gap >= Duration::from_secs(seconds) - Duration::from_millis(20) && *gap < Duration::from_secs(seconds + 3),
            "{gaps:?}"
        );
    }

    status.store(204, Ordering::SeqCst);
    for stranger in [&other, &world.stranger()] {
        assert!([401, 404].contains(&stranger.post(&again, &json!({})).await.status));
    }
    let replayed = mine.post(&again, &json!({})).await.expect(202);
    assert_eq!((&replayed["id"], &replayed["status"]), (&dead["id"], &json!("pending")));
    let done = delivery(&mine, &hook, "delivered").await;
    assert_eq!((&done["id"], &done["attempts"], &done["last_error"]), (&dead["id"], &json!(5), &json!(null)));
    let told = receiver.told();
    assert!(told.iter().all(|one| one.header("webhook-id") == text(&dead["id"]) && one.raw == told[0].raw));
    let shown = mine.get(again.trim_end_matches("/replay")).await.expect(200);
    assert_eq!(shown["body"], told[0].body);
    let statuses: Vec<_> = shown["attempt_log"].as_array().unwrap().iter().map(|one| one["status_code"].clone()).collect();
    assert_eq!(statuses, [503, 503, 503, 503, 204]);
    other.get(again.trim_end_matches("/replay")).await.expect_problem(404);
    assert_eq!(mine.get(&format!("{}/deliveries?status=dead", path(&hook))).await.expect(200)["count"], 0);
}

async fn redirects_are_not_followed_and_the_log_has_pages(world: &mut World) {
    world.restart_with(&["--webhook-retry-seconds=0"]).await;
    let mine = buyer(world, "my-agent", "0").await.api;
    let (receiver, status, _) = failing(307).await;
    let hook = receiver.subscribe(&mine, &["service.called"]).await;
    let test = format!("{}/test", path(&hook));
    mine.post(&test, &json!({})).await.expect(202);
    let dead = delivery(&mine, &hook, "dead").await;
    assert_eq!((&dead["attempts"], &dead["last_error"]), (&json!(2), &json!("the receiver answered 307")));
    status.store(200, Ordering::SeqCst);
    for _ in 0..4 {
        mine.post(&test, &json!({})).await.expect(202);
    }
    receiver.until("webhook.test", 6).await;
    let log = format!("{}/deliveries?limit=2", path(&hook));
    let (mut at, mut ids) = (log.clone(), Vec::new());
    loop {
        let page = mine.get(&at).await.expect(200);
        ids.extend(page["deliveries"].as_array().unwrap().iter().map(|one| text(&one["id"])));
        let Some(next) = page["next_cursor"].as_i64() else { break };
        at = format!("{log}&cursor={next}");
    }
    assert_eq!((ids.len(), ids.last().unwrap()), (5, &text(&dead["id"])), "the newest first, each once");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

journeys! {
    what_fails_is_sent_after_1_2_and_4_seconds_then_dead_then_replayed,
    redirects_are_not_followed_and_the_log_has_pages,
}
